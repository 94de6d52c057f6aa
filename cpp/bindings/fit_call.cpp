#include "bindings/fit_call.h"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <thread>

#include "bindings/array_memory.h"
#include "runtime/fork.h"
#include "train/fit_many.h"

namespace deepnet::bindings {

namespace {

/// The exception NonFinite, or null and Python's error.
py::object new_non_finite(const NonFinite& e, const py::object& losses, const py::object& seconds) {
  const auto arguments = py::make_tuple(e.loss, e.epoch, e.batch, e.updated, e.recovered, losses, seconds);
  return py::reinterpret_steal<py::object>(PyObject_Call(non_finite_class, arguments.ptr(), nullptr));
}

}  // namespace

PyObject* non_finite_class;

void set_error(const NonFinite& e, const py::object& losses, const py::object& seconds) {
  // The exception is made first: a signal handler may raise another one in its __init__, which is then the error,
  // whereas pybind11 accepts no other exception than the one that was set.
  const py::object error = new_non_finite(e, losses, seconds);
  if (error) PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
}

bool Reporting::requested() {
  is_due_ = report_ != Py_None && Clock::now() - last_ > std::chrono::milliseconds(50);
  return gil_->requested();
}

bool Reporting::requested_between_steps() {
  if (!is_due_) return false;
  is_due_ = false;
  const bool raised = gil_->call([&] {
    PyObject* result = PyObject_CallFunction(report_, "n", static_cast<Py_ssize_t>(steps_()));
    Py_XDECREF(result);
    return result == nullptr;
  });
  last_ = Clock::now();
  return raised;
}

// --- one call -------------------------------------------------------------------------------------------------------

FitCall::FitCall(GivenPlan plan, py::dict options, std::atomic<index_t>& steps)
    : plan_(std::move(plan)), given_(std::move(options)) {
  options_.epochs = given_["epochs"].cast<index_t>();
  options_.batch_size = given_["batch_size"].cast<index_t>();
  rates_ = given_["learning_rates"].cast<py::array_t<double, py::array::c_style>>();
  if (rates_.size() == 1)
    options_.learning_rate = *rates_.data();
  else
    options_.learning_rates = {rates_.data(), static_cast<size_t>(rates_.size())};
  options_.shuffle = given_["shuffle"].cast<bool>();
  options_.seed = given_["seed"].cast<uint64_t>();
  options_.first_epoch = given_["first_epoch"].cast<index_t>();
  options_.threads = given_["threads"].cast<int>();
  options_.steps_done = &steps;
  const Py_intptr_t shape[] = {options_.epochs};
  losses_ = new_array<double>(1, shape);
  seconds_ = new_array<double>(1, shape);
}

void FitCall::set_order(const py::object& order) {
  using Array = py::array_t<uint32_t, py::array::c_style>;
  if (!py::isinstance<Array>(order)) throw py::type_error("order must be a C-contiguous array of uint32");
  const auto array = py::reinterpret_borrow<Array>(order);
  if (array.ndim() != 2 || array.shape(0) != options_.epochs || array.size() == 0)
    throw py::value_error("order must have one row per epoch");
  const std::span<const uint32_t> numbers(array.data(), size_t(array.size()));
  if (std::any_of(numbers.begin(), numbers.end(), [&](uint32_t i) { return index_t(i) >= data.X.count; }))
    throw py::value_error("order has an example that X does not have");
  options_.order = numbers;
}

namespace {

class OfPython final : public Together {
 public:
  OfPython(WithoutGil* const& gil, const py::object& with, void* memory)
      : gil_(gil), begin_(with.attr("begin")), add_up_(with.attr("add_up")) {
    bucket = with.attr("bucket").cast<index_t>();
    examples = with.attr("examples").cast<std::vector<index_t>>();
    process = with.attr("rank").cast<size_t>();
    gradients = memory;
  }

  void begin(index_t first, index_t count) override {
    failed_ = failed_ || gil_->call([&] {  // once it has failed, steps that are replayed fail as well
      PyObject* result = PyObject_CallFunction(begin_.ptr(), "nn", Py_ssize_t(first), Py_ssize_t(count));
      Py_XDECREF(result);
      return !result;
    });
    if (failed_) throw Interrupted{};
  }

  Sums add_up(const Sums& own) override {
    Sums all{};
    failed_ = failed_ || gil_->call([&] {
      PyObject* result = PyObject_CallFunction(add_up_.ptr(), "ddd", own.loss, own.examples, own.weight);
      const bool good = result && PyArg_ParseTuple(result, "ddd", &all.loss, &all.examples, &all.weight);
      Py_XDECREF(result);
      return !good;
    });
    if (failed_) throw Interrupted{};
    return all;
  }

 private:
  WithoutGil* const& gil_;  // set when the call begins
  py::object begin_, add_up_;
  bool failed_ = false;
};

}  // namespace

void FitCall::join(const py::object& with, void* gradients) {
  together_ = std::make_unique<OfPython>(gil, with, gradients);
  options_.together = together_.get();
}

void FitCall::run(Interrupt* interrupt) {
  const auto epochs = static_cast<size_t>(options_.epochs);
  examples_are_good_ = indices_are_good(data.sparse, data.X.units, interrupt);
  if (examples_are_good_ && unchecked_labels.data)
    examples_are_good_ = labels_follow(plan_.labels, outputs(), unchecked_labels, interrupt);
  if (!examples_are_good_) return;
  try {
    train(options_, {data_of<double>(losses_), epochs}, {data_of<double>(seconds_), epochs}, interrupt);
  } catch (const NonFinite& bad) {
    failure_ = bad;
  }
}

py::object FitCall::result() const {
  if (!examples_are_good_) return py::none();
  if (!failure_) return py::make_tuple(losses_, seconds_);
  const py::slice completed(0, failure_->epoch - options_.first_epoch, 1);
  py::object error = new_non_finite(*failure_, losses_[completed], seconds_[completed]);
  if (!error) throw py::error_already_set();
  return error;
}

// --- many of them ---------------------------------------------------------------------------------------------------

namespace {

/// The GIL of a thread that Python does not know, released until it is needed.
class OfWorker {
 public:
  WithoutGil& gil() { return gil_; }
  OfWorker() = default;
  ~OfWorker() {
    gil_.take_gil_back();
    PyGILState_Release(state_);
  }
  OfWorker(const OfWorker&) = delete;
  OfWorker& operator=(const OfWorker&) = delete;

 private:
  static PyGILState_STATE take_gil() noexcept {
    try {
      return PyGILState_Ensure();
    } catch (...) {  // as in WithoutGil::take_gil_back
      for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
  }

  PyGILState_STATE state_ = take_gil();
  WithoutGil gil_;
};

/// One network: (engine, hold, X, Y, weights, plan, calls, steps). `calls` is a generator that yields the options of
/// each call of fit and gets its result; `steps` is what the progress counts for it in the end.
class Training {
 public:
  explicit Training(const py::tuple& parts)
      : parts_(parts), engine_(any_engine(py::object(parts[0]).ptr())), planned_(parts[7].cast<index_t>()) {}

  index_t steps() const { return steps_.load(std::memory_order_relaxed); }

  void run(WithoutGil& gil, Interrupt* interrupt, bool on_worker) {
    on_worker_ = on_worker;
    while (gil.call([&] { return has_next(); })) {
      call_->give(&gil);
      call_->run(interrupt);
    }
    steps_.store(planned_, std::memory_order_relaxed);  // it may have been stopped early
    if (call_) call_->free_memory();                    // so that only as many networks as there are threads have any
  }

 private:
  /// Ends a process that a callback on a worker has forked: it has no thread that waits for fit_many.
  [[noreturn]] static void end_child() {
    if (PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_SystemExit)) exit_child();
    if (PyErr_Occurred()) PyErr_Print();
    PySys_WriteStderr(
        "deepnet: this process was forked by a callback of fit_many and cannot return to it: end it with os._exit\n");
    std::_Exit(1);
  }

  /// After sys.exit(). Python's own function for this crashes since 3.13 unless the main thread has forked.
  static void exit_child() {
    try {
      const py::object code = py::error_already_set().value().attr("code");  // which takes the error first
      const auto sys = py::module_::import("sys");
      const bool is_number = PyLong_Check(code.ptr());
      if (!is_number && !code.is_none()) py::print(code, py::arg("file") = sys.attr("stderr"));
      py::module_::import("atexit").attr("_run_exitfuncs")();
      for (const char* stream : {"stdout", "stderr"}) sys.attr(stream).attr("flush")();
      std::_Exit(is_number ? static_cast<int>(PyLong_AsLong(code.ptr())) : code.is_none() ? 0 : 1);
    } catch (py::error_already_set& error) {
      error.restore();
    }
  }

  /// Gives the generator the result of the last call, and prepares the next.
  bool has_next() {
    const py::object result = call_ ? call_->result() : py::none();
    PyObject* answer = nullptr;
    const int forks_before = forks();
    const PySendResult sent = PyIter_Send(py::object(parts_[6]).ptr(), result.ptr(), &answer);
    if (on_worker_ && forks() != forks_before) end_child();
    switch (sent) {
      case PYGEN_RETURN: Py_DECREF(answer); return false;
      case PYGEN_ERROR: throw py::error_already_set();
      case PYGEN_NEXT: break;
    }
    const auto options = py::reinterpret_steal<py::dict>(answer);
    if (engine_) call_ = engine_->fit_call(parts_[1], parts_[2], parts_[3], parts_[4], parts_[5], options, steps_);
    if (!engine_ || !call_) throw py::value_error("deepnet bug: the engine declined arguments that the checks accept");
    steps_.store(options["steps_before"].cast<index_t>(), std::memory_order_relaxed);
    return true;
  }

  py::tuple parts_;
  const AnyEngine* engine_;
  index_t planned_;
  bool on_worker_ = false;
  std::atomic<index_t> steps_{0};
  std::unique_ptr<FitCall> call_;
};

void fit_many(const py::list& trainings, int threads, const py::object& report) {
  std::deque<Training> all;
  for (const auto& parts : trainings) all.emplace_back(parts.cast<py::tuple>());
  const auto steps = [&] {
    index_t sum = 0;
    for (const Training& training : all) sum += training.steps();
    return sum;
  };
  const std::thread::id caller = std::this_thread::get_id();
  without_gil([&](WithoutGil* gil) {
    Reporting interrupt(gil, report.ptr(), steps);
    side_by_side(index_t(all.size()), threads, &interrupt, [&](index_t i, Interrupt* asked) {
      Training& training = all[size_t(i)];
      if (std::this_thread::get_id() == caller) return training.run(*gil, asked, /*on_worker=*/false);
      OfWorker worker;
      training.run(worker.gil(), asked, /*on_worker=*/true);
    });
  });
}

}  // namespace

void bind_fit_many(py::module_& m) { m.def("fit_many", &fit_many); }

}  // namespace deepnet::bindings
