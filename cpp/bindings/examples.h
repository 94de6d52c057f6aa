// Data sets as the engine reads them: arrays of several types, where they lie, with any strides.
#pragma once

#include "bindings/numpy_view.h"
#include "deepnet/network.h"

namespace deepnet::bindings {

/// X: float16, float32, float64 or uint8, shape (units, m).
bool parse_inputs(PyObject* array, index_t units, double scale, Examples& out);

/// Y: the same or bool or another integer type, shape (units, m), for one unit also (m,); `count` columns.
bool parse_targets(PyObject* array, index_t units, index_t count, Examples& out);

/// Whether the loss is defined for such labels: numbers in [0, 1], shares whose sum is 1, or numbers of classes.
bool labels_fit(LossId loss, index_t outputs, const Examples& Y);

}  // namespace deepnet::bindings
