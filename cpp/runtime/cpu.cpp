#include "runtime/cpu.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

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

#if defined(__linux__)

cpu_set_t allowed_now() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);  // stays empty on a machine with more CPUs than the set has room for
  return set;
}
const cpu_set_t kAllowed = allowed_now();

/// CPUs that share a core count once, since two threads gain nothing on the same multiply-add units.
int physical_cores() {
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &kAllowed)) continue;
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
    std::string siblings;
    if (!std::getline(file, siblings)) siblings = std::to_string(cpu);
    cores.insert(siblings);
  }
  return cores.empty() ? int(std::thread::hardware_concurrency()) : int(cores.size());
}

/// The number of CPUs that the quota of the control group amounts to; a large number if there is no limit.
int granted_by_cgroup() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  double quota = 0, period = 0;
  if (file >> quota >> period && period > 0) return std::max(1, int(std::lround(quota / period)));
  return 1 << 20;
}

#endif

}  // namespace

int default_threads() {
  if (const int wanted = from_environment("DEEPNET_NUM_THREADS")) return wanted;
  if (const int wanted = from_environment("OMP_NUM_THREADS")) return wanted;
#if defined(__linux__)
  return std::max(1, std::min(physical_cores(), granted_by_cgroup()));
#else
  return std::max(1, int(std::thread::hardware_concurrency()));
#endif
}

void run_on_all_cpus() {
#if defined(__linux__)
  if (CPU_COUNT(&kAllowed) > 0) sched_setaffinity(0, sizeof kAllowed, &kAllowed);
#endif
}

}  // namespace deepnet
