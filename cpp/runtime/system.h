// What the core needs of the operating system: the only code, with cpp/api/files_*.cpp, that depends on which it is.
// One of system_linux.cpp, system_macos.cpp and system_windows.cpp is compiled, with system_posix.cpp for the first
// two.
#pragma once

#include <cstddef>

#if !defined(_WIN32)
#include <csignal>
#endif

namespace deepnet {

/// Physical cores that this process may use, limited by the CPU quota of its control group; 0 if unknown.
int usable_cores();

/// Gives the calling thread the affinity that the process had when this library was loaded. A thread of Linux inherits
/// the affinity of its creator, so the workers of a pinned caller would all share one core.
void run_on_all_cpus();

/// Asks for huge pages, where the system gives them on demand.
void prefer_huge_pages(void* data, size_t bytes);

/// Memory for std::realloc and std::free, null if there is none: whole huge pages from two on, else whole small pages.
void* allocate_pages(size_t bytes);

/// Asks the system to let this process use tiles (AMX); it gives them to the threads that use them.
bool permits_tiles();

/// From now on each child of fork calls `function` first. False if memory runs out.
bool call_in_children_of_fork(void (*function)());

/// The signals that a thread blocks; new threads begin with those of their creator.
#if defined(_WIN32)
struct SignalMask {};
#else
using SignalMask = sigset_t;
#endif

/// Blocks all signals of the calling thread, and returns what it blocked before.
SignalMask block_all_signals();
void set_signal_mask(const SignalMask& blocked);

}  // namespace deepnet
