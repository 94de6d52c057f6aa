// Children of fork: they have only the thread that forked. Locks of all others would stay locked forever.
#pragma once

#include <cstdint>

#include "runtime/system.h"

namespace deepnet {

/// The number of forks between the first call in an ancestor and this process. A lock that was taken under another
/// number may belong to a thread that does not exist here.
int forks();

/// A number from 1 on that no other thread of this process or of its ancestors has had.
uint32_t thread_number();

/// The thread that made the last fork, the only one that exists in this process at first; 0 if there was none.
uint32_t forking_thread();

/// Gives a child that the calling thread forks these blocked signals. For threads that block all signals and leave them
/// to others, which their children do not have.
void set_signal_mask_of_children(const SignalMask& blocked);

}  // namespace deepnet
