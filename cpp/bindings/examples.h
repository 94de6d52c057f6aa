// Data sets as the engine reads them, in place: arrays of several types with any strides; and the rules for labels.
#pragma once

#include <memory>
#include <vector>

#include "bindings/numpy_view.h"
#include "nn/engine.h"
#include "nn/labels.h"

namespace deepnet::bindings {

/// What a call holds of a sparse X; empty if it is dense.
struct SparseArrays {
  py::object data, indices;
  std::vector<int64_t> begins;
};

class WithoutGil;

/// A loss that takes the GIL back for each batch.
struct LossWithGil : BatchLoss {
  WithoutGil* gil = nullptr;  // set when the GIL is released
  Examples Y, weights;        // of all examples
};

struct GivenData : Data {
  SparseArrays sparse;
  std::vector<double> computed_weights;         // what `weights` reads, if they are not an array of the caller's
  Examples labels;                              // Y as it was given, also with a batch loss
  std::unique_ptr<LossWithGil> loss_in_python;  // what batch_loss is

  void give(WithoutGil* gil) {
    if (loss_in_python) loss_in_python->gil = gil;
  }
};

/// X: float16, float32, float64 or uint8, shape (units, m): an ndarray, or a CSC matrix of SciPy's with int32 indices,
/// whose arrays `sparse` then holds. Its indices are yet to be checked.
bool parse_inputs(PyObject* X, index_t units, double scale, SparseArrays& sparse, Examples& out);

/// True if those of each example increase and are in [0, units); also if X is dense. Throws Interrupted if the
/// interrupt, which may be null, is requested.
bool indices_are_good(const SparseArrays& sparse, index_t units, Interrupt* interrupt);

/// The same with the GIL held; long scans release it and are interrupted by Ctrl-C.
bool indices_are_good(const SparseArrays& sparse, index_t units);

/// Y: the same or bool or another integer type, shape (units, m), for one unit also (m,); `count` columns.
bool parse_targets(PyObject* array, index_t units, index_t count, Examples& out);

/// The weights of data.X.count examples, once X and Y are parsed: None, numbers as parse_targets takes them, or the
/// tuple (sample_weight or None, class_weight) of the caller. They must be finite in T, and at least 0 unless
/// `signed_weights`. Class weights are a dict or "balanced", for labels that are whole numbers or one-hot columns, or
/// "balanced" for other columns of 0 and 1; else they are declined, as are those of very many examples.
template <class T>
bool parse_weights(PyObject* object, index_t outputs, bool signed_weights, GivenData& data);

/// The sample_weight in what parse_weights takes, borrowed; null: there is none.
PyObject* weights_by_example(PyObject* object);

/// The examples to use: None for all, or their columns as a contiguous uint32 array.
bool parse_chosen(PyObject* array, Data& data);

/// nn/labels.h's check with the GIL held; long scans release it and are interrupted by Ctrl-C.
using deepnet::labels_follow;
bool labels_follow(LabelRule rule, index_t outputs, const Examples& Y);

}  // namespace deepnet::bindings
