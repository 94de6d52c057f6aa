// What deepnet throws besides std::invalid_argument, std::bad_alloc, std::system_error (files) and Interrupted.
#pragma once

#include <exception>

#include "deepnet/matrix.h"

namespace deepnet {
inline namespace v1 {

/// Thrown when a loss is not finite or, with a finite `loss`, when an update would not be. The parameters are those
/// before the update that went wrong.
struct NonFinite : std::exception {
  NonFinite(double loss_, index_t epoch_, index_t batch_, bool updated_, bool recovered_)
      : loss(loss_), epoch(epoch_), batch(batch_), updated(updated_), recovered(recovered_) {}
  const char* what() const noexcept override { return "the loss or an update is not finite"; }

  double loss;           // the mean of the batch
  index_t epoch, batch;  // counted from first_epoch and from 0
  bool updated;          // train_on_batch: the update was made, since only its penalty, which it computes, overflowed
  bool recovered;        // false: the parameters were not finite when the call began
};

/// Thrown by what would train a network that another call trains or that a prediction on the same thread, which this
/// call interrupts, reads.
struct Busy : std::exception {
  const char* what() const noexcept override { return "this network is being trained or read by another call"; }
};

}  // namespace v1
}  // namespace deepnet
