// A loss in Python: an object of deepnet.losses.Loss that is none of deepnet's own.
#pragma once

#include "bindings/arguments.h"
#include "bindings/examples.h"

namespace deepnet::bindings {

/// A plan, and what the labels of its loss must be.
struct GivenPlan : Plan {
  LabelRule labels = LabelRule::kNumbers;
  double smoothed_classes = 0;  // of a custom loss with label smoothing
};

template <class T>
class LossInPython final : public LossWithGil {
 public:
  /// `loss` is the Loss, `arrays` the dict of its further arrays or None: null if it does not have one for each, whose
  /// last axis is the examples, of floats without nan and inf, or of integers or bools. `all_at_once`: the examples are
  /// one batch.
  static std::unique_ptr<LossInPython> of(PyObject* loss, PyObject* arrays, index_t outputs, index_t examples,
                                          const GivenPlan& plan, bool all_at_once);

  void* outputs(index_t count) override;
  double compute(const uint32_t* order, index_t first, index_t count, Examples* slope) override;

 private:
  double compute_with_gil(const uint32_t* order, index_t first, index_t count, Examples* slope);
  void make_outputs(index_t count);
  py::object labels(const uint32_t* order, index_t first, index_t count) const;
  py::object call(const py::object& function, const std::vector<PyObject*>& arguments) const;
  py::object checked_result(const char* name, const py::object& result, const std::vector<PyObject*>& arguments) const;

  py::object loss_, value_, derivative_, parameter_;
  py::object names_;  // a tuple of str
  std::vector<py::object> arrays_;
  index_t outputs_ = 0, examples_ = 0;
  bool takes_classes_ = false;
  T smoothing_ = 0, smoothed_classes_ = 0;
  py::object outputs_array_, slope_;
};

}  // namespace deepnet::bindings
