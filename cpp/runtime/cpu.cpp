#include "runtime/cpu.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "runtime/system.h"

namespace deepnet {

namespace {

/// The number that a variable begins with ("4", or OpenMP's "4,2"); 0 if none.
int from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (!text) return 0;
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  return end != text && value >= 1 && value <= 4096 ? int(value) : 0;
}

}  // namespace

int default_threads() {
  if (const int wanted = from_environment("DEEPNET_NUM_THREADS")) return wanted;
  if (const int wanted = from_environment("OMP_NUM_THREADS")) return wanted;
  if (const int cores = usable_cores()) return cores;
  return std::max(1, int(std::thread::hardware_concurrency()));
}

}  // namespace deepnet
