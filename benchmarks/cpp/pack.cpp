// pack: a copy into panels, the transposition for the gradient of W, and the general gather. GB/s count 2 sizeof(T)
// bytes per element, one read and one write.
#include "oracle.h"
#include "peak.h"
#include "topics.h"

namespace {

using namespace oracle;
using deepnet::kPanel;

struct Source {
  const char* name;
  Layout layout;
  index_t k, n;
};

constexpr Source kSources[] = {
    {"rows/512x256", Layout::kRows, 512, 256},
    {"transposed/256x512", Layout::kColumns, 256, 512},
    {"transposed/209x12288", Layout::kColumns, 209, 12288},
    {"transposed/32x8", Layout::kColumns, 32, 8},
    {"gathered/512x256", Layout::kSpread, 512, 256},
};

template <class T>
void run(benchmark::State& state, const Source& source, const deepnet::Kernels<T>& kernels) {
  const auto [name, layout, k, n] = source;
  const Laid<T> b = random_matrix<T>(k, n, 1, layout);
  std::vector<T> panels(size_t((n + kPanel<T> - 1) / kPanel<T> * kPanel<T> * k));
  const auto pack = [&, k = k, n = n] { kernels.pack(k, n, {b.view.data, b.view.row, b.view.col}, panels.data()); };
  pack();
  for (index_t p = 0; p < k; ++p)
    for (index_t j = 0; j < n; ++j)
      if (panels[size_t((j / kPanel<T> * k + p) * kPanel<T> + j % kPanel<T>)] != at(b.view, p, j))
        return state.SkipWithError("wrong answer");
  const double seconds = time_alone(state, pack);
  state.counters["GB/s"] = 2e-9 * double(sizeof(T)) * double(k * n) / seconds;
}

template <class T>
void add(const Source& source) {
  for (const Table<T>& table : supported_tables<T>())
    benchmark::RegisterBenchmark(
        benchmark_name<T>("pack", source.name, table.isa).c_str(),
        [&source, &kernels = table.kernels](benchmark::State& state) { run<T>(state, source, kernels); });
}

}  // namespace

void add_pack_benchmarks() {
  for (const Source& source : kSources) {
    add<float>(source);
    add<double>(source);
  }
}
