// Data sets as the engine reads them, in place: arrays of several types with any strides; and the rules for labels.
#pragma once

#include "bindings/numpy_view.h"
#include "nn/network.h"

namespace deepnet::bindings {

/// X: float16, float32, float64 or uint8, shape (units, m).
bool parse_inputs(PyObject* array, index_t units, double scale, Examples& out);

/// Y: the same or bool or another integer type, shape (units, m), for one unit also (m,); `count` columns.
bool parse_targets(PyObject* array, index_t units, index_t count, Examples& out);

/// The examples to use: None for all, or their columns as a contiguous uint32 array.
bool parse_chosen(PyObject* array, Data& data);

/// How far shares may miss the sum 1: three times 0.333 is good, two classes of an example are not.
constexpr double kShareTolerance = 1e-3;

/// True if all labels follow the rule. Throws Interrupted if the interrupt, which may be null, is requested.
bool labels_follow(LabelRule rule, index_t outputs, const Examples& Y, Interrupt* interrupt);

/// The same with the GIL held; long scans release it and are interrupted by Ctrl-C.
bool labels_follow(LabelRule rule, index_t outputs, const Examples& Y);

}  // namespace deepnet::bindings
