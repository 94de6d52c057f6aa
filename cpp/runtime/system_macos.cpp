// system.h on macOS, with Apple's and with Intel's processors.
#include <sys/sysctl.h>

#include "runtime/system.h"

namespace deepnet {

namespace {

/// A number that the kernel knows by name; 0 if it does not.
int number_of(const char* name) {
  int value = 0;
  size_t size = sizeof value;
  return sysctlbyname(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}

}  // namespace

/// The fast cores alone, where there are slow ones too: a step ends with its slowest task.
int usable_cores() {
  const int fast = number_of("hw.perflevel0.physicalcpu");
  return fast > 0 ? fast : number_of("hw.physicalcpu");
}

void run_on_all_cpus() {}  // a thread cannot be bound to a core

void prefer_huge_pages(void*, size_t) {}

bool permits_tiles() { return false; }  // no Mac has a processor with AMX of Intel's kind

}  // namespace deepnet
