// How many threads to use.
#pragma once

namespace deepnet {

/// DEEPNET_NUM_THREADS, else OMP_NUM_THREADS, else the number of physical cores that this process may use, limited by
/// the CPU quota of its control group.
int default_threads();

}  // namespace deepnet
