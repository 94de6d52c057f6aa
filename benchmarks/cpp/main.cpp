// The C++ benchmarks: one list per topic, for every instruction set that this CPU supports.
//
//   deepnet_benchmarks --benchmark_filter=gemm/.*/avx2 --benchmark_repetitions=5 --benchmark_report_aggregates_only
#include <benchmark/benchmark.h>

#include "deepnet/config.h"
#include "topics.h"

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  const deepnet::Config config = deepnet::config();
  benchmark::AddCustomContext("deepnet", std::string(config.version));
  benchmark::AddCustomContext("compiler", std::string(config.compiler));
  benchmark::AddCustomContext("isa of the nets", std::string(config.isa));
  add_gemm_benchmarks();
  add_gemm_panels_benchmarks();
  add_pack_benchmarks();
  add_activation_benchmarks();
  add_net_benchmarks();
  add_engine_benchmarks();
  add_pool_benchmarks();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
