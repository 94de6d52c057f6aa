// The engine: a class per dtype, which deepnet.network wraps. Its methods return None for arguments that they cannot
// use directly.
#include <pybind11/stl.h>

#include <array>
#include <cmath>

#include "bindings/arguments.h"
#include "bindings/batch_loss.h"
#include "bindings/examples.h"
#include "bindings/fit_call.h"
#include "bindings/owner.h"
#include "nn/network.h"

namespace deepnet::bindings {

namespace {

/// True if no two elements share memory and rows (or columns) do not interleave; examples.py checks the same.
template <class T>
bool is_apart(const Matrix<const T>& m) {
  const index_t row = std::abs(m.row), col = std::abs(m.col);
  if (m.rows == 1 || m.cols == 1) return (m.rows == 1 || row > 0) && (m.cols == 1 || col > 0);
  return row > col ? col > 0 && row > (m.cols - 1) * col : row > 0 && col > (m.rows - 1) * row;
}

/// An output array: aligned, with any strides, and apart from the memory that is read.
template <class T>
bool parse_output(PyObject* object, index_t rows, index_t cols, const std::vector<Range>& inputs, Matrix<T>& out) {
  Matrix<const T> matrix;
  if (!view<T>(object, matrix) || matrix.rows != rows || matrix.cols != cols) return false;
  if (!(py::detail::array_proxy(object)->flags & py::detail::npy_api::NPY_ARRAY_WRITEABLE_)) return false;
  if (!is_apart(matrix)) return false;
  if (overlap({range_of(object)}, inputs)) return false;
  out = {const_cast<T*>(matrix.data), rows, cols, matrix.row, matrix.col};
  return true;
}

PyObject* busy_class;

template <class T>
class Engine;

}  // namespace

template <class T>
constexpr bool is_owned<Engine<T>> = true;
template <class T>
constexpr bool is_owned<TrainingHold<T>> = true;
template <>
constexpr bool is_owned<GivenPlan> = true;

namespace {

template <class T>
class Engine final : public AnyEngine {
 public:
  explicit Engine(Network<T> network)
      : network_(std::move(network)), inputs_(network_.units(0)), outputs_(network_.units(network_.layers())) {}

  /// W1, b1, ..., WL, bL as arrays that share the network's memory and keep it alive.
  py::list parameters() const {
    const py::capsule view = new_view();
    py::list arrays;
    for (const Layer<T>& layer : network_.state().layers)
      for (const Matrix<T>& matrix : {layer.weights(), layer.biases()}) arrays.append(array_of(matrix, view));
    return arrays;
  }

  /// Copies of W1, b1, ..., WL, bL, taken between two updates.
  py::list copy_parameters() const {
    py::list arrays;
    std::vector<ParameterGradient<T>> copies;  // W and b in place of dW and db
    for (index_t l = 1; l <= network_.layers(); ++l) {
      auto& [W, b] = copies.emplace_back();
      arrays.append(new_matrix<T>(network_.units(l), network_.units(l - 1), W));
      arrays.append(new_matrix<T>(network_.units(l), 1, b));
    }
    without_gil([&](Interrupt* interrupt) { deepnet::copy_parameters<T>(network_, copies, interrupt); });
    return arrays;
  }

  /// (updates, [W1, b1, ..., WL, bL of the first slot, then those of the next]), or None: see copy_optimizer_state.
  py::object optimizer_state(const GivenPlan& plan) const {
    py::list arrays;
    std::vector<ParameterGradient<T>> slots;
    for (index_t i = 0; i < optimizer_slots(plan.optimizer) * network_.layers(); ++i) {
      const index_t l = 1 + i % network_.layers();
      auto& [W, b] = slots.emplace_back();
      arrays.append(new_matrix<T>(network_.units(l), network_.units(l - 1), W));
      arrays.append(new_matrix<T>(network_.units(l), 1, b));
    }
    uint64_t updates = 0;
    without_gil(
        [&](Interrupt* interrupt) { updates = copy_optimizer_state<T>(network_, plan.optimizer, slots, interrupt); });
    return updates == 0 ? py::object(py::none()) : py::make_tuple(updates, arrays);
  }

  /// True; None: the arrays do not fit.
  py::object set_optimizer_state(TrainingHold<T>& hold, const GivenPlan& plan, uint64_t updates,
                                 const py::list& arrays) const {
    if (&hold.network().state() != &network_.state()) throw py::value_error("hold is of another network");
    const index_t layers = network_.layers(), count = optimizer_slots(plan.optimizer) * layers;
    if (index_t(arrays.size()) != 2 * count) return py::none();
    const py::tuple held(arrays);  // the list may change meanwhile
    std::vector<ParameterGradient<T>> slots;
    for (index_t i = 0; i < count; ++i) {
      const index_t l = 1 + i % layers;
      auto& [W, b] = slots.emplace_back();
      PyObject *of_W = PyTuple_GET_ITEM(held.ptr(), 2 * i), *of_b = PyTuple_GET_ITEM(held.ptr(), 2 * i + 1);
      if (!writable_view<T>(of_W, network_.units(l), network_.units(l - 1), W)) return py::none();
      if (!writable_view<T>(of_b, network_.units(l), 1, b)) return py::none();
    }
    without_gil([&](Interrupt* interrupt) {
      deepnet::set_optimizer_state<T>(hold, plan.optimizer, updates, slots, interrupt);
    });
    return py::bool_(true);
  }

  py::object predict(const py::object& X, const py::object& out, double scale, int threads) const {
    return outputs(X, out, scale, [&](const Examples& x, Matrix<T> a, Interrupt* interrupt) {
      deepnet::predict<T>(network_, x, a, threads, interrupt);
    });
  }

  py::object train_on_batch(const py::object& X, const py::object& Y, const py::object& weights, const GivenPlan& plan,
                            double rate, uint64_t seed, double scale, int threads) const {
    GivenData data;
    if (!parse_data(X, Y, weights, plan, scale, data)) return py::none();
    double value = 0;
    without_gil([&](WithoutGil* gil) {
      data.give(gil);
      value = deepnet::train_on_batch<T>(network_, data, plan, rate, seed, threads, gil);
    });
    return py::float_(value);
  }

  py::object evaluate(const py::object& X, const py::object& Y, const py::object& weights, const GivenPlan& plan,
                      double scale, int threads, const py::object& chosen) const {
    GivenData data;
    if (!parse_data(X, Y, weights, plan, scale, data) || !parse_chosen(chosen.ptr(), data)) return py::none();
    double value = 0;
    without_gil([&](WithoutGil* gil) {
      data.give(gil);
      value = deepnet::evaluate<T>(network_, data, plan, threads, gil);
    });
    return py::float_(value);
  }

  /// (loss, {"dW1": ..., "db1": ..., ...}), with the arrays of `out` unless that is None.
  py::object loss_and_grads(const py::object& X, const py::object& Y, const py::object& weights, const GivenPlan& plan,
                            double scale, int threads, const py::object& out) const {
    GivenData data;
    if (!parse_data(X, Y, weights, plan, scale, data)) return py::none();
    std::vector<ParameterGradient<T>> gradients;
    std::vector<py::object> held;
    py::object grads = out;
    if (out.is_none()) {
      grads = new_gradients(gradients);
    } else {
      std::vector<Range> read = read_by(X, data.sparse);
      read.push_back(range_of(labels_of(Y.ptr())));
      if (PyObject* by_example = weights_by_example(weights.ptr())) read.push_back(range_of(by_example));
      if (!parse_outputs(out.ptr(), read, gradients, held)) return py::none();
    }
    double value = 0;
    without_gil([&](WithoutGil* gil) {
      data.give(gil);
      value = deepnet::loss_and_gradients<T>(network_, data, plan, gradients, threads, gil);
    });
    return py::make_tuple(value, grads);
  }

  /// A_L, which is `out` unless that is None; the plan's penalties are those of backward().
  py::object forward(const py::object& X, const py::object& out, const GivenPlan& plan, double scale,
                     int threads) const {
    return outputs(X, out, scale, [&](const Examples& x, Matrix<T> a, Interrupt* interrupt) {
      deepnet::forward<T>(network_, x, plan.layers, a, threads, interrupt);
    });
  }

  /// The gradients, in the arrays of `out` unless that is None: of a pass of its own, or, if X is None, of that of
  /// forward(); if that is not kReady, the PassState, a number.
  py::object backward(const py::object& X, const py::object& slope, bool of_Z, const py::object& out,
                      const GivenPlan& plan, double scale, int threads) const {
    Examples x, d;
    SparseArrays sparse;
    if (!parse_slope(slope.ptr(), d)) return py::none();
    const bool has_X = !X.is_none();
    if (has_X && !(parse_inputs(X.ptr(), inputs_, scale, sparse, x) && indices_are_good(sparse, inputs_)))
      return py::none();
    if (has_X && x.count != d.count) return py::none();
    std::vector<ParameterGradient<T>> gradients;
    std::vector<py::object> held;
    py::object grads = out;
    if (out.is_none()) {
      grads = new_gradients(gradients);
    } else {
      std::vector<Range> read = has_X ? read_by(X, sparse) : std::vector{memory()};
      read.push_back(range_of(slope.ptr()));
      if (!parse_outputs(out.ptr(), read, gradients, held)) return py::none();
    }
    auto state = PassState::kReady;
    if (has_X) {
      without_gil([&](Interrupt* interrupt) {
        deepnet::backward<T>(network_, x, plan.layers, d, of_Z, gradients, threads, interrupt);
      });
      return grads;
    }
    without_gil([&](Interrupt* interrupt) { state = deepnet::backward<T>(network_, d, of_Z, gradients, interrupt); });
    return state == PassState::kReady ? grads : py::int_(static_cast<int>(state));
  }

  /// False: a gradient, or their norm, is not finite.
  py::object apply_gradients(const py::object& grads, const GivenPlan& plan, double rate, int threads) const {
    std::vector<ParameterGradient<const T>> gradients;
    std::vector<py::object> held;
    if (!PyDict_CheckExact(grads.ptr())) return py::none();
    gradients.reserve(size_t(network_.layers()));
    held.reserve(2 * size_t(network_.layers()));
    for (index_t l = 1; l <= network_.layers(); ++l) {
      auto& [dW, db] = gradients.emplace_back();
      PyObject *of_W = array_in(grads.ptr(), Prefix::dW, l, held), *of_b = array_in(grads.ptr(), Prefix::db, l, held);
      if (!of_W || !view<T>(of_W, dW) || dW.rows != network_.units(l) || dW.cols != network_.units(l - 1))
        return py::none();
      if (!of_b || !view<T>(of_b, db) || db.rows != network_.units(l) || db.cols != 1) return py::none();
    }
    bool finite = false;
    without_gil([&](Interrupt* interrupt) {
      finite = deepnet::apply_gradients<T>(network_, gradients, plan, rate, threads, interrupt);
    });
    return py::bool_(finite);
  }

  /// True; None: `other` is another kind of engine, or has other layers.
  py::object blend(const py::object& other, double tau) const {
    const auto* from = Owner<Engine<T>>::value_in(other.ptr());
    if (!from || from->network_.layers() != network_.layers()) return py::none();
    for (index_t l = 0; l <= network_.layers(); ++l)
      if (from->network_.units(l) != network_.units(l)) return py::none();
    without_gil([&](Interrupt* interrupt) { deepnet::blend_parameters<T>(network_, from->network_, tau, interrupt); });
    return py::bool_(true);
  }

  /// An engine with the same layers and parameters.
  py::object copy() const {
    std::unique_ptr<Engine> made;
    without_gil([&](Interrupt* interrupt) { made = std::make_unique<Engine>(copy_network<T>(network_, interrupt)); });
    return Owner<Engine<T>>::make(std::move(made));
  }

  /// Returns (losses, seconds); `hold` is what begin_training returned. A run may take a call per epoch: the labels are
  /// checked if options["check_labels"] says that Python code ran since the last check.
  py::object fit(TrainingHold<T>& hold, const py::object& X, const py::object& Y, const py::object& weights,
                 const GivenPlan& plan, const py::dict& options, const py::object& report) const {
    std::atomic<index_t> steps{0};
    const auto call = call_of(hold, X, Y, weights, plan, options, steps);
    if (!call) return py::none();
    const auto together = options.contains("together") ? py::object(options["together"]) : py::none();
    T* gradients = nullptr;
    const auto kept = together.is_none() ? py::none() : gradients_of(together, gradients);
    if (gradients) call->join(together, gradients);
    without_gil([&](WithoutGil* gil) {
      call->give(gil);
      Reporting interrupt(gil, report.ptr(), [&] { return steps.load(std::memory_order_relaxed); });
      call->run(&interrupt);
    });
    py::object result = call->result();
    if (!call->has_failed()) return result;
    PyErr_SetObject(py::type::of(result).ptr(), result.ptr());
    throw py::error_already_set();
  }

  std::unique_ptr<FitCall> fit_call(const py::object& hold, const py::object& X, const py::object& Y,
                                    const py::object& weights, const py::object& plan, const py::dict& options,
                                    std::atomic<index_t>& steps) const override {
    auto* held = Owner<TrainingHold<T>>::value_in(hold.ptr());
    const auto* planned = Owner<GivenPlan>::value_in(plan.ptr());
    if (!held || !planned) return nullptr;
    return call_of(*held, X, Y, weights, *planned, options, steps);
  }

  py::object begin_training() const {
    return Owner<TrainingHold<T>>::make(std::make_unique<TrainingHold<T>>(network_));
  }

 private:
  class CallOf final : public FitCall {
   public:
    CallOf(TrainingHold<T>& hold, const GivenPlan& plan, const py::dict& options, std::atomic<index_t>& steps)
        : FitCall(plan, options, steps), hold_(hold) {}
    void free_memory() override { hold_.free_memory(); }

   protected:
    void train(const FitOptions& options, std::span<double> losses, std::span<double> seconds,
               Interrupt* interrupt) override {
      deepnet::fit<T>(hold_, data, plan_, options, losses, seconds, interrupt);
    }

    index_t outputs() const override { return hold_.network().units(hold_.network().layers()); }

   private:
    TrainingHold<T>& hold_;
  };

  std::unique_ptr<FitCall> call_of(TrainingHold<T>& hold, const py::object& X, const py::object& Y,
                                   const py::object& weights, const GivenPlan& plan, const py::dict& options,
                                   std::atomic<index_t>& steps) const {
    if (&hold.network().state() != &network_.state()) throw py::value_error("hold is of another network");
    auto call = std::make_unique<CallOf>(hold, plan, options, steps);
    const auto chosen = options.contains("chosen") ? py::object(options["chosen"]) : py::none();
    if (!parse_arrays(X, Y, weights, plan, options["input_scale"].cast<double>(), call->data, false)) return nullptr;
    if (options.contains("check_labels") && options["check_labels"].cast<bool>())
      call->unchecked_labels = call->data.labels;
    if (options.contains("order")) call->set_order(options["order"]);
    if (!parse_chosen(chosen.ptr(), call->data)) return nullptr;
    return call;
  }

  /// The memory that a prediction reads.
  std::vector<Range> read_by(const py::object& X, const SparseArrays& sparse) const {
    if (!sparse.data) return {range_of(X.ptr()), memory()};
    return {range_of(sparse.data.ptr()), range_of(sparse.indices.ptr()), memory()};
  }

  /// The array that several processes add up their gradients in, and where it is.
  py::object gradients_of(const py::object& together, T*& gradients) const {
    using Array = py::array_t<T, py::array::c_style>;
    const Range parameters = memory();
    const auto size = index_t(static_cast<const T*>(parameters.end) - static_cast<const T*>(parameters.begin));
    auto array = together.attr("memory")(size).template cast<Array>();
    if (index_t(array.size()) < size || reinterpret_cast<uintptr_t>(array.data()) % 64 != 0)
      throw py::value_error("deepnet bug: the memory for gradients is too small or not aligned");
    gradients = const_cast<T*>(array.data());
    return array;
  }

  /// The memory of the parameters.
  Range memory() const {
    const auto& layers = network_.state().layers;
    return {layers.front().W, layers.back().b + outputs_};
  }

  /// What run(x, a, interrupt) writes to a: `out`, or a new array if that is None.
  template <class Run>
  py::object outputs(const py::object& X, const py::object& out, double scale, Run run) const {
    Examples x;
    SparseArrays sparse;
    if (!parse_inputs(X.ptr(), inputs_, scale, sparse, x) || !indices_are_good(sparse, inputs_)) return py::none();
    Matrix<T> a;
    py::object result = out;
    if (out.is_none())
      result = new_matrix<T>(outputs_, x.count, a);
    else if (!parse_output(out.ptr(), outputs_, x.count, read_by(X, sparse), a))
      return py::none();
    without_gil([&](Interrupt* interrupt) { run(x, a, interrupt); });
    return result;
  }

  /// New arrays for the gradients: {"dW1": ..., "db1": ..., ...}.
  py::dict new_gradients(std::vector<ParameterGradient<T>>& gradients) const {
    py::dict grads;
    const auto add = [&](Prefix prefix, index_t l, index_t columns, Matrix<T>& out) {
      const py::object array = new_matrix<T>(network_.units(l), columns, out);
      if (PyDict_SetItem(grads.ptr(), key(prefix, size_t(l)), array.ptr()) != 0) throw py::error_already_set();
    };
    gradients.reserve(size_t(network_.layers()));
    for (index_t l = 1; l <= network_.layers(); ++l) {
      auto& [dW, db] = gradients.emplace_back();
      add(Prefix::dW, l, network_.units(l - 1), dW);
      add(Prefix::db, l, 1, db);
    }
    return grads;
  }

  /// An array of a dict of gradients, which `held` keeps, or null.
  static PyObject* array_in(PyObject* dict, Prefix prefix, index_t l, std::vector<py::object>& held) {
    return held.emplace_back(item(dict, key(prefix, size_t(l)))).ptr();
  }

  /// The arrays of a dict of gradients to write to, apart from each other and from what is read. `held` keeps them:
  /// another thread may remove them from the dict during the call.
  bool parse_outputs(PyObject* out, const std::vector<Range>& read, std::vector<ParameterGradient<T>>& gradients,
                     std::vector<py::object>& held) const {
    if (!PyDict_CheckExact(out)) return false;
    std::vector<Range> ranges;
    const auto layers = size_t(network_.layers());
    gradients.reserve(layers);
    ranges.reserve(2 * layers);
    held.reserve(2 * layers);
    for (index_t l = 1; l <= network_.layers(); ++l) {
      auto& [dW, db] = gradients.emplace_back();
      PyObject *of_W = array_in(out, Prefix::dW, l, held), *of_b = array_in(out, Prefix::db, l, held);
      if (!of_W || !writable_view<T>(of_W, network_.units(l), network_.units(l - 1), dW)) return false;
      if (!of_b || !writable_view<T>(of_b, network_.units(l), 1, db)) return false;
      ranges.push_back(range_of(of_W));
      ranges.push_back(range_of(of_b));
    }
    return !overlap(ranges, read);
  }

  /// The slope of a loss: shape (n_L, m), for one output also (m,) or (m, 1), of a float type.
  bool parse_slope(PyObject* slope, Examples& d) const {
    if (Py_TYPE(slope) != py::detail::npy_api::get().PyArray_Type_) return false;
    const auto* array = py::detail::array_proxy(slope);
    const bool is_row = outputs_ == 1 && (array->nd == 1 || (array->nd == 2 && array->dimensions[0] != 1));
    if (array->nd < 1 || array->nd > 2) return false;
    if (!parse_targets(slope, outputs_, array->dimensions[is_row ? 0 : array->nd - 1], d)) return false;
    return d.element <= Element::kF64;
  }

  bool parse_arrays(const py::object& X, const py::object& Y, const py::object& weights, const GivenPlan& plan,
                    double scale, GivenData& data, bool all_at_once) const {
    const index_t labels = plan.labels == LabelRule::kClasses ? 1 : outputs_;
    if (!parse_inputs(X.ptr(), inputs_, scale, data.sparse, data.X)) return false;
    if (!parse_targets(labels_of(Y.ptr()), labels, data.X.count, data.Y)) return false;
    if (!parse_weights<T>(weights.ptr(), outputs_, plan.signed_weights, data)) return false;
    data.labels = data.Y;
    return plan.loss != kBatchLoss || parse_batch_loss(Y.ptr(), plan, data, all_at_once);
  }

  /// With a custom loss, Y is the tuple (Y, loss, its further arrays or None).
  static PyObject* labels_of(PyObject* Y) {
    return PyTuple_CheckExact(Y) && PyTuple_GET_SIZE(Y) == 3 ? PyTuple_GET_ITEM(Y, 0) : Y;
  }

  bool parse_batch_loss(PyObject* Y, const GivenPlan& plan, GivenData& data, bool all_at_once) const {
    if (labels_of(Y) == Y) return false;
    data.loss_in_python =
        LossInPython<T>::of(PyTuple_GET_ITEM(Y, 1), PyTuple_GET_ITEM(Y, 2), outputs_, data.X.count, plan, all_at_once);
    if (!data.loss_in_python) return false;
    data.loss_in_python->Y = data.Y;
    data.loss_in_python->weights = data.weights;
    data.batch_loss = data.loss_in_python.get();
    data.Y = {.units = outputs_, .count = data.X.count};
    return true;
  }

  bool parse_data(const py::object& X, const py::object& Y, const py::object& weights, const GivenPlan& plan,
                  double scale, GivenData& data) const {
    return parse_arrays(X, Y, weights, plan, scale, data, true) && indices_are_good(data.sparse, inputs_) &&
           labels_follow(plan.labels, outputs_, data.labels);
  }

  /// What arrays of the parameters hold, and through them whatever may change the parameters.
  struct View {
    explicit View(const Network<T>& network) : memory(network.memory()), state(network.state()) {
      state.views.fetch_add(1);
    }
    ~View() {
      state.ended_views.fetch_add(1);  // first: who sees no view must see this
      state.views.fetch_sub(1);
    }
    View(const View&) = delete;
    View& operator=(const View&) = delete;
    const std::shared_ptr<void> memory;
    NetworkState<T>& state;
  };

  py::capsule new_view() const {
    auto view = std::make_unique<View>(network_);
    py::capsule keeper(view.get(), [](void* kept) { delete static_cast<View*>(kept); });
    static_cast<void>(view.release());
    return keeper;
  }

  static py::array array_of(const Matrix<T>& matrix, const py::capsule& view) {
    constexpr index_t size = sizeof(T);
    return py::array_t<T>({matrix.rows, matrix.cols}, {matrix.row * size, matrix.col * size}, matrix.data, view);
  }

  Network<T> network_;
  index_t inputs_, outputs_;
};

/// What the labels of a custom loss must be, by the name of the rule.
LabelRule rule_called(const std::string& name) {
  if (name == "counts") return LabelRule::kCounts;
  if (name == "probabilities") return LabelRule::kProbabilities;
  if (name == "shares") return LabelRule::kShares;
  return name == "classes" ? LabelRule::kClasses : LabelRule::kNumbers;
}

GivenPlan plan_of(const py::dict& settings) {
  GivenPlan plan;
  plan.loss = settings["loss"].cast<int>();
  if (plan.loss == kBatchLoss) {
    plan.batch_loss_of_Z = settings["of_Z"].cast<bool>();
    plan.labels = rule_called(settings["label_rule"].cast<std::string>());
    plan.smoothed_classes = settings["smoothed_classes"].cast<double>();
  } else {
    plan.labels = label_rule(plan.loss);
  }
  plan.loss_parameters[0] = settings["loss_parameter"].cast<double>();
  plan.label_smoothing = settings["label_smoothing"].cast<double>();
  plan.signed_weights = settings["signed_weights"].cast<bool>();
  plan.optimizer = settings["optimizer"].cast<int>();
  const auto hyper = settings["hyper"].cast<std::vector<double>>();
  std::copy_n(hyper.begin(), std::min<size_t>(hyper.size(), kPlanHypers), plan.hyper);
  plan.epsilon = settings["epsilon"].cast<double>();
  plan.weight_decay = settings["weight_decay"].cast<double>();
  plan.epsilon_hat = settings["epsilon_hat"].cast<bool>();
  plan.rate_inside = settings["rate_inside"].cast<bool>();
  plan.normalized = settings["normalized"].cast<bool>();
  plan.clip_value = settings["clip_value"].cast<double>();
  plan.clip_norm = settings["clip_norm"].cast<double>();
  plan.input_dropout = settings["input_dropout"].cast<double>();
  for (const auto& layer : settings["layers"].cast<std::vector<std::array<double, 3>>>())
    plan.layers.push_back({.dropout = layer[0], .l2 = layer[1], .l1 = layer[2]});
  for (const auto& [W, b] : settings["rates"].cast<std::vector<std::pair<double, double>>>())
    plan.rates.push_back({.W = W, .b = b});
  plan.feature_rate = settings["feature_rate"].cast<double>();
  return plan;
}

template <class T>
void bind_engine(py::module_& m, const char* maker, const char* engine, const char* hold) {
  using EngineOwner = Owner<Engine<T>>;
  using HoldOwner = Owner<TrainingHold<T>>;
  HoldOwner::bind(hold);
  HoldOwner::def("__enter__", [](const py::object& self) { return self; });
  HoldOwner::def("__exit__", [](TrainingHold<T>& self, const py::args&) { self.release(); });
  EngineOwner::bind(engine);
  EngineOwner::def("parameters", &Engine<T>::parameters);
  EngineOwner::def("copy_parameters", &Engine<T>::copy_parameters);
  EngineOwner::def("optimizer_state", &Engine<T>::optimizer_state);
  EngineOwner::def("set_optimizer_state", &Engine<T>::set_optimizer_state);
  EngineOwner::def("predict", &Engine<T>::predict);
  EngineOwner::def("train_on_batch", &Engine<T>::train_on_batch);
  EngineOwner::def("evaluate", &Engine<T>::evaluate, py::arg(), py::arg(), py::arg(), py::arg(), py::arg(), py::arg(),
                   py::arg() = py::none());
  EngineOwner::def("loss_and_grads", &Engine<T>::loss_and_grads, py::arg(), py::arg(), py::arg(), py::arg(), py::arg(),
                   py::arg(), py::arg() = py::none());
  EngineOwner::def("forward", &Engine<T>::forward);
  EngineOwner::def("backward", &Engine<T>::backward);
  EngineOwner::def("apply_gradients", &Engine<T>::apply_gradients);
  EngineOwner::def("blend", &Engine<T>::blend);
  EngineOwner::def("copy", &Engine<T>::copy);
  EngineOwner::def("begin_training", &Engine<T>::begin_training);
  EngineOwner::def("fit", &Engine<T>::fit);
  m.def(maker, [](const std::vector<index_t>& units, const std::vector<std::string>& activations, bool bfloat16) {
    if (bfloat16 && sizeof(T) != sizeof(float)) throw py::value_error("bfloat16 is for float32");
    const Compute compute = bfloat16 ? Compute::kBfloat16 : Compute::kOwnType;
    std::vector<ActivationId> ids;
    ids.reserve(activations.size());
    for (const std::string& name : activations) ids.push_back(find_activation(name));
    std::unique_ptr<Engine<T>> made;
    without_gil(
        [&](Interrupt* interrupt) { made = std::make_unique<Engine<T>>(Network<T>(units, ids, compute, interrupt)); });
    return EngineOwner::make(std::move(made));
  });
}

}  // namespace

const AnyEngine* any_engine(PyObject* object) {
  if (const auto* engine = Owner<Engine<float>>::value_in(object)) return engine;
  return Owner<Engine<double>>::value_in(object);
}

void bind_network(py::module_& m) {
  bind_engine<float>(m, "EngineFloat32", "deepnet._core.EngineFloat32", "deepnet._core.TrainingHoldFloat32");
  bind_engine<double>(m, "EngineFloat64", "deepnet._core.EngineFloat64", "deepnet._core.TrainingHoldFloat64");
  Owner<GivenPlan>::bind("deepnet._core.Plan");
  m.def("Plan", [](const py::dict& settings) {
    return Owner<GivenPlan>::make(std::make_unique<GivenPlan>(plan_of(settings)));
  });
  m.def("loss_names", [] { return list_of(loss_names()); });
  m.def("optimizer_names", [] { return list_of(optimizer_names()); });
  m.def("measure_peak", [](const std::string& dtype, int threads) {
    double peak = 0;
    without_gil(
        [&](Interrupt*) { peak = dtype == "float32" ? measure_peak<float>(threads) : measure_peak<double>(threads); });
    return peak;
  });
  m.def("get_num_threads", &num_threads);
  m.def("set_num_threads", &set_num_threads);
  const py::module_ errors = py::module_::import("deepnet.engine_errors");
  for (const char* name : {"Busy", "NonFinite"}) m.attr(name) = errors.attr(name);
  busy_class = py::object(errors.attr("Busy")).release().ptr();
  non_finite_class = py::object(errors.attr("NonFinite")).release().ptr();
  bind_fit_many(m);
  // NOLINTNEXTLINE(performance-unnecessary-value-param): the type of function that pybind11 takes
  py::register_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const NonFinite& e) {
      set_error(e);
    } catch (const Busy&) {
      PyErr_SetObject(busy_class, nullptr);
    }
  });
}

}  // namespace deepnet::bindings

// For threadpoolctl, which looks for functions in the shared library itself (see python/deepnet/threads.py).
extern "C" {
__attribute__((visibility("default"))) int deepnet_get_num_threads() { return deepnet::num_threads(); }
__attribute__((visibility("default"))) void deepnet_set_num_threads(int threads) { deepnet::set_num_threads(threads); }
}
