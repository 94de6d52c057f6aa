// What this build of deepnet is, what it runs on, and how many threads it uses.
#pragma once

#include <string_view>
#include <vector>

namespace deepnet {
inline namespace v1 {

/// What this binary was built with and what it runs on.
struct Config {
  std::string_view version, compiler, isa;                   // isa: the instruction set in use
  std::vector<std::string_view> isas_built, isas_supported;  // best first
  int threads;                                               // num_threads()
  std::string_view bfloat16;  // how its products are computed; "portable": by float32 kernels
  std::vector<std::string_view> bfloat16_built = {}, bfloat16_supported = {};
};

/// Throws std::runtime_error if the environment variable DEEPNET_ISA names an instruction set that is unknown or that
/// this CPU lacks.
Config config();

/// The most threads that a call uses by default: at first DEEPNET_NUM_THREADS, OMP_NUM_THREADS or the number of cores.
int num_threads();
/// Sets it for the whole process; numbers below 1 mean 1.
void set_num_threads(int threads);

}  // namespace v1
}  // namespace deepnet
