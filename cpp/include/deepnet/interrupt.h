// How a caller stops a long call.
#pragma once

#include <exception>

namespace deepnet {
inline namespace v1 {

/// Asked on the thread that made the call; the call ends when an answer is true.
class Interrupt {
 public:
  virtual ~Interrupt() = default;
  /// Every few million operations, perhaps in the middle of a parallel computation.
  virtual bool requested() = 0;
  /// Before work that can't be interrupted and takes long: no answer may be saved for later.
  virtual bool requested_now() { return requested(); }
  /// After each update of fit: the network is consistent, and no other thread works for the call.
  virtual bool requested_between_steps() { return false; }
};

/// Thrown by a call whose interrupt was requested. Its outputs hold partial results.
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

}  // namespace v1
}  // namespace deepnet
