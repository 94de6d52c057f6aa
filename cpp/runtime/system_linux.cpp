// system.h on Linux.
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <string>

#include "runtime/system.h"

namespace deepnet {

namespace {

cpu_set_t allowed_now() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);  // stays empty on a machine with more CPUs than the set has room for
  return set;
}
const cpu_set_t kAllowed = allowed_now();

/// The CPU quota of the control group, in CPUs; a large number without a limit.
int granted_by_cgroup() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  double quota = 0, period = 0;
  if (file >> quota >> period && period > 0) return std::max(1, int(std::lround(quota / period)));
  return 1 << 20;
}

}  // namespace

/// CPUs that share a core count once, since two threads gain nothing on the same multiply-add units.
int usable_cores() {
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &kAllowed)) continue;
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
    std::string siblings;
    if (!std::getline(file, siblings)) siblings = std::to_string(cpu);
    cores.insert(siblings);
  }
  const int found = cores.empty() ? int(sysconf(_SC_NPROCESSORS_ONLN)) : int(cores.size());
  return std::min(found, granted_by_cgroup());
}

void run_on_all_cpus() {
  if (CPU_COUNT(&kAllowed) > 0) sched_setaffinity(0, sizeof kAllowed, &kAllowed);
}

void prefer_huge_pages(void* data, size_t bytes) { madvise(data, bytes, MADV_HUGEPAGE); }

bool permits_tiles() {
#if defined(__x86_64__)
  constexpr long request = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, request, tile_data) == 0;
#else
  return false;
#endif
}

}  // namespace deepnet
