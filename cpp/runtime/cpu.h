// How many threads to use, and which CPUs they may run on.
#pragma once

namespace deepnet {

/// DEEPNET_NUM_THREADS, else OMP_NUM_THREADS, else the number of physical cores that this process may use, limited by
/// the CPU quota of its control group.
int default_threads();

/// Gives the calling thread the affinity that the process had when this library was loaded. A thread inherits the
/// affinity of its creator, so the workers of a pinned caller would all share one core.
void run_on_all_cpus();

}  // namespace deepnet
