// Arrays that start at a cache line, as the engine's do. A std::vector may start anywhere, and a load across the end of
// a cache line costs twice as much.
#pragma once

#include <algorithm>
#include <vector>

#include "runtime/workspace.h"

template <class T>
class Aligned {
 public:
  explicit Aligned(const std::vector<T>& values) : size_(values.size()) {
    std::copy(values.begin(), values.end(), buffer_.reserve<T>(ptrdiff_t(size_)));
  }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;

  T* data() { return buffer_.reserve<T>(ptrdiff_t(size_)); }
  T& operator[](size_t i) { return data()[i]; }
  size_t size() const { return size_; }

 private:
  deepnet::AlignedBuffer buffer_;
  size_t size_;
};
