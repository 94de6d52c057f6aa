// Independent training runs side by side, each on one thread.
#pragma once

#include <functional>

#include "deepnet/interrupt.h"
#include "kernels/kernels.h"

namespace deepnet {

/// Calls work(i, interrupt) once for each i in [0, count), begun in this order, each call on one thread and up to
/// `threads` at once (0: num_threads()), the calling thread among them. `work` must ask the interrupt it is given: that
/// of the caller is asked on the calling thread, also while it waits for the others. An interrupt stops all of them,
/// and Interrupted is thrown. If a call throws, the others are stopped, those that
/// have not started are skipped, and its exception is rethrown.
void side_by_side(index_t count, int threads, Interrupt* interrupt,
                  const std::function<void(index_t i, Interrupt* interrupt)>& work);

}  // namespace deepnet
