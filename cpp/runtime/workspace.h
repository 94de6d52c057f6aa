// Scratch memory of one thread, kept between calls: small networks would spend more time in malloc than in arithmetic.
#pragma once

#include <cassert>
#include <cstddef>

#include "kernels/kernels.h"

namespace deepnet {

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;
  ~AlignedBuffer() { release(); }

  /// At least `count` elements, aligned to a cache line; contents undefined. Throws std::bad_alloc.
  template <class T>
  T* reserve(index_t count) {
    assert(count >= 0);
    return static_cast<T*>(reserve_bytes(static_cast<size_t>(count) * sizeof(T)));
  }
  void release();
  size_t size() const { return size_; }

 private:
  void* reserve_bytes(size_t bytes);
  void* data_ = nullptr;
  size_t size_ = 0;
};

/// One buffer per purpose, named as in nn.
struct Workspace {
  AlignedBuffer panels;       // packed b of one matrix product
  AlignedBuffer bias;         // b of one layer, when it is not contiguous
  AlignedBuffer d_z[2];       // dZ of this layer and of the one before
  AlignedBuffer lane_sums;    // partial sums of db
  AlignedBuffer gathered[3];  // blocks of elementwise inputs whose rows are not contiguous

  AlignedBuffer activations[2];  // panels of two layers in turn, of a prediction
  AlignedBuffer transposed;      // examples on their way into a panel
  AlignedBuffer operands[2];     // bfloat16 panels of two layers in turn, of a prediction

  /// The calling thread's own.
  static Workspace& of_this_thread();

  /// Frees buffers of more than 32 MB.
  void trim();

  bool in_use = false;
};

/// The workspace of one call: the thread's, or a new one if that is in use, since a Python signal handler that runs in
/// the middle of a call may call deepnet itself.
class BorrowedWorkspace {
 public:
  BorrowedWorkspace();
  ~BorrowedWorkspace();
  BorrowedWorkspace(const BorrowedWorkspace&) = delete;
  BorrowedWorkspace& operator=(const BorrowedWorkspace&) = delete;
  Workspace& get() const { return *workspace_; }

 private:
  Workspace* workspace_;
  bool made_;
};

}  // namespace deepnet
