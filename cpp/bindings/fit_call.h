// One call of an engine's fit. Its arguments are read and its results made with the GIL; in between it trains without.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "bindings/arguments.h"
#include "bindings/batch_loss.h"
#include "bindings/examples.h"
#include "nn/engine.h"

namespace deepnet::bindings {

class FitCall {
 public:
  /// Reads the options but the data; they stay referenced.
  FitCall(GivenPlan plan, py::dict options, std::atomic<index_t>& steps);
  virtual ~FitCall() = default;
  FitCall(const FitCall&) = delete;
  FitCall& operator=(const FitCall&) = delete;

  /// The code of the caller that this calls takes the GIL back from `with`.
  void give(WithoutGil* with) {
    gil = with;
    data.give(with);
  }
  /// Trains, if the labels follow the rule of the loss and the indices of a sparse X are good. A loss or an update that
  /// is not finite becomes the result.
  void run(Interrupt* interrupt);
  virtual void free_memory() = 0;
  /// Trains together with other processes. `with` is a Python object: `examples`, `rank` and `bucket`, and the methods
  /// begin(first, count) and add_up(loss, examples, weight), which turn `gradients` and these into the sums of all
  /// processes. They are called with the GIL, by `gil`.
  void join(const py::object& with, void* gradients);

  /// (losses, seconds), or the exception NonFinite, or None if a label or an index is bad.
  py::object result() const;
  bool has_failed() const { return failure_.has_value(); }
  /// The examples of each epoch: an ndarray of uint32, shape (epochs, examples per epoch), of columns of data.X.
  void set_order(const py::object& order);

  WithoutGil* gil = nullptr;
  GivenData data;
  /// All labels, also those of examples that are not used; if its data are null, they need no check.
  Examples unchecked_labels;

 protected:
  virtual void train(const FitOptions& options, std::span<double> losses, std::span<double> seconds,
                     Interrupt* interrupt) = 0;
  virtual index_t outputs() const = 0;
  const GivenPlan plan_;

 private:
  py::dict given_;
  FitOptions options_;
  py::array_t<double, py::array::c_style> rates_;
  py::object losses_, seconds_;
  std::unique_ptr<Together> together_;
  std::optional<NonFinite> failure_;
  bool examples_are_good_ = true;
};

/// The engines of both dtypes.
class AnyEngine {
 public:
  virtual ~AnyEngine() = default;
  /// Null: the arguments cannot be used as they are. `steps` counts the updates.
  virtual std::unique_ptr<FitCall> fit_call(const py::object& hold, const py::object& X, const py::object& Y,
                                            const py::object& weights, const py::object& plan, const py::dict& options,
                                            std::atomic<index_t>& steps) const = 0;
};

/// Returns null if the object is not an engine.
const AnyEngine* any_engine(PyObject* object);

/// A class of deepnet.engine_errors, set by bind_network; never freed, since exceptions may come while the interpreter
/// ends.
extern PyObject* non_finite_class;

/// Sets Python's error to NonFinite.
void set_error(const NonFinite& e, const py::object& losses = py::tuple(), const py::object& seconds = py::tuple());

/// Reports the number of steps to a Python callable (or None) during training, only every 50 ms since that takes the
/// GIL.
class Reporting final : public Interrupt {
 public:
  Reporting(WithoutGil* gil, PyObject* report, std::function<index_t()> steps)
      : gil_(gil), report_(report), steps_(std::move(steps)) {}
  bool requested() override;
  bool requested_now() override { return gil_->requested_now(); }
  bool requested_between_steps() override;

 private:
  using Clock = std::chrono::steady_clock;
  WithoutGil* gil_;
  PyObject* report_;
  std::function<index_t()> steps_;
  bool is_due_ = false;
  Clock::time_point last_ = Clock::now();
};

void bind_fit_many(py::module_& m);

}  // namespace deepnet::bindings
