// system.h on Windows.
#include <windows.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "runtime/system.h"

namespace deepnet {

/// Those of the process's group of at most 64 CPUs, to which the threads that it makes belong as well.
int usable_cores() {
  DWORD_PTR allowed = 0, all = 0;  // stay 0 where the threads of the process belong to several groups
  GetProcessAffinityMask(GetCurrentProcess(), &allowed, &all);
  DWORD bytes = 0;
  GetLogicalProcessorInformation(nullptr, &bytes);
  std::vector<SYSTEM_LOGICAL_PROCESSOR_INFORMATION> found(bytes / sizeof(SYSTEM_LOGICAL_PROCESSOR_INFORMATION));
  if (!GetLogicalProcessorInformation(found.data(), &bytes)) return 0;
  return int(std::ranges::count_if(found, [&](const SYSTEM_LOGICAL_PROCESSOR_INFORMATION& entry) {
    return entry.Relationship == RelationProcessorCore && (allowed == 0 || (entry.ProcessorMask & allowed) != 0);
  }));
}

void run_on_all_cpus() {}  // a new thread has the affinity of the process, not of its creator

void prefer_huge_pages(void*, size_t) {}  // they need a privilege

void* allocate_pages(size_t bytes) { return std::malloc(bytes); }  // aligned memory is not for std::free

bool permits_tiles() { return false; }  // bfloat16 takes another way

bool call_in_children_of_fork(void (*)()) { return true; }  // there are none

SignalMask block_all_signals() { return {}; }
void set_signal_mask(const SignalMask&) {}

}  // namespace deepnet
