// How many threads to use, and which CPUs they may run on.
#pragma once

namespace deepnet {

/// The wish of the user: DEEPNET_NUM_THREADS, else OMP_NUM_THREADS, else the physical cores that this process may use,
/// as many as its control group lets it keep busy.
int default_threads();

/// Lets the calling thread run wherever the process might when this library was loaded. A thread inherits the mask of
/// the one that makes it, so a pool made under a pinned caller would share one core.
void run_on_all_cpus();

}  // namespace deepnet
