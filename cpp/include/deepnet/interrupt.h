// How a caller stops a long call.
#pragma once

namespace deepnet {

/// Asked every few million operations, on the thread that made the call.
class Interrupt {
 public:
  virtual ~Interrupt() = default;
  virtual bool requested() = 0;
};

/// Thrown out of the call once the interrupt was requested. Outputs then hold partial results.
struct Interrupted {};

}  // namespace deepnet
