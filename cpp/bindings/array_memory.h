// Memory of large result arrays, reused when an array is freed.
//
// A training step makes tens of megabytes of arrays and drops them; handing their pages back to the system and faulting
// them in again made the backward pass of 512-512-512-512-1 1.3 times as long. NumPy's own interface for this (NEP 49)
// keeps the arrays ordinary: they own their data and remember who frees it.
#pragma once

#include <pybind11/numpy.h>

#include <cstddef>

namespace deepnet::bindings {

/// The size from which on arrays are reused; malloc is fast for smaller ones.
constexpr size_t kLargeArray = size_t{128} << 10;

/// Finds NumPy's function for this; before the first array is made.
void find_handler_function();

/// While it lives, NumPy takes the memory of new arrays from the blocks kept here. Needs the GIL.
class LargeArrayMemory {
 public:
  LargeArrayMemory();
  ~LargeArrayMemory();
  LargeArrayMemory(const LargeArrayMemory&) = delete;
  LargeArrayMemory& operator=(const LargeArrayMemory&) = delete;

 private:
  PyObject* previous_;
};

}  // namespace deepnet::bindings
