#include "bindings/batch_loss.h"

#include <algorithm>
#include <cmath>

namespace deepnet::bindings {

namespace {

using NumpyApi = py::detail::npy_api;

/// Makes an array of ours read-only.
void make_read_only(const py::object& array) {
  py::detail::array_proxy(array.ptr())->flags &= ~NumpyApi::NPY_ARRAY_WRITEABLE_;
}

/// A read-only view of an array.
py::object read_only_view(const py::object& given) {
  const auto& api = NumpyApi::get();
  const auto* array = py::detail::array_proxy(given.ptr());
  PyObject* view = api.PyArray_NewFromDescr_(api.PyArray_Type_, Py_NewRef(array->descr), array->nd, array->dimensions,
                                             array->strides, array->data, 0, nullptr);
  const auto result = py::reinterpret_steal<py::object>(checked(view));
  if (api.PyArray_SetBaseObject_(view, Py_NewRef(given.ptr())) != 0) throw py::error_already_set();
  return result;
}

py::object attribute_of(PyObject* object, const char* name) {
  return py::reinterpret_steal<py::object>(checked(PyObject_GetAttrString(object, name)));
}

/// An array whose last axis is the examples as the functions of a loss get it: of integers or bools as it is, of floats
/// in T. Null if it does not fit, or has nan or inf.
template <class T>
py::object further_array(PyObject* object, index_t examples) {
  if (!is_directly_usable(object)) return {};
  const auto* array = py::detail::array_proxy(object);
  if (array->nd < 1 || array->nd > 2 || array->dimensions[array->nd - 1] != examples) return {};
  const char kind = py::detail::array_descriptor_proxy(array->descr)->kind;
  auto result = py::reinterpret_borrow<py::object>(object);
  if (kind == 'i' || kind == 'u' || kind == 'b') return result;
  const int type = type_number(object);
  if (type != kTypeNumber<float> && type != kTypeNumber<double>) return {};
  const index_t rows = array->nd == 1 ? 1 : array->dimensions[0];
  const Examples given{.data = array->data,
                       .element = type == kTypeNumber<float> ? Element::kF32 : Element::kF64,
                       .units = rows,
                       .count = examples,
                       .unit_stride = array->nd == 1 ? 0 : array->strides[0],
                       .example_stride = array->strides[array->nd - 1]};
  T* converted = nullptr;
  if (type != kTypeNumber<T>) {
    result = new_array<T>(array->nd, array->dimensions);
    converted = data_of<T>(result);
  }
  T probe = 0;  // 0 times inf is nan
  for (index_t i = 0; i < rows; ++i)
    for (index_t j = 0; j < examples; ++j) {
      const T number = T(number_at(given, i, j));
      probe += T(0) * number;
      if (converted) *converted++ = number;
    }
  return probe == 0 ? result : py::object();
}

/// deepnet._validation.custom, which names what is wrong with a result, or makes an array of it.
py::object checks() {
  PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<py::object> module;
  return module.call_once_and_store_result([] { return py::object(py::module_::import("deepnet._validation.custom")); })
      .get_stored();
}

}  // namespace

template <class T>
std::unique_ptr<LossInPython<T>> LossInPython<T>::of(PyObject* loss, PyObject* arrays, index_t outputs,
                                                     index_t examples, const GivenPlan& plan, bool all_at_once) {
  auto made = std::make_unique<LossInPython<T>>();
  made->loss_ = py::reinterpret_borrow<py::object>(loss);
  made->value_ = attribute_of(loss, "value");
  made->derivative_ = attribute_of(loss, "derivative");
  made->parameter_ = attribute_of(loss, "parameter");
  made->names_ = attribute_of(loss, "data");
  if (!PyTuple_CheckExact(made->names_.ptr())) return nullptr;
  const Py_ssize_t count = PyTuple_GET_SIZE(made->names_.ptr());
  if (arrays == Py_None ? count != 0 : !PyDict_CheckExact(arrays) || PyDict_GET_SIZE(arrays) != count) return nullptr;
  for (Py_ssize_t i = 0; i < count; ++i) {
    const py::object array = item(arrays, PyTuple_GET_ITEM(made->names_.ptr(), i));
    py::object fitting = array ? further_array<T>(array.ptr(), examples) : py::object();
    if (!fitting) return nullptr;
    made->arrays_.push_back(std::move(fitting));
  }
  made->outputs_ = outputs;
  made->examples_ = examples;
  if (all_at_once) made->make_outputs(examples);
  made->takes_classes_ = plan.labels == LabelRule::kClasses;
  made->smoothing_ = T(plan.label_smoothing);
  made->smoothed_classes_ = T(plan.smoothed_classes > 0 ? plan.smoothed_classes : double(outputs));
  return made;
}

template <class T>
void LossInPython<T>::make_outputs(index_t count) {
  Matrix<T> matrix;
  outputs_array_ = new_matrix<T>(outputs_, count, matrix);
}

template <class T>
void* LossInPython<T>::outputs(index_t count) {
  if (outputs_array_ && py::detail::array_proxy(outputs_array_.ptr())->dimensions[1] == count)
    return data_of<T>(outputs_array_);
  const bool failed = gil->call([&] {
    try {
      make_outputs(count);
      return false;
    } catch (py::error_already_set& error) {
      error.restore();
      return true;
    }
  });
  if (failed) throw Interrupted{};
  return data_of<T>(outputs_array_);
}

template <class T>
double LossInPython<T>::compute(const uint32_t* order, index_t first, index_t count, Examples* slope) {
  double sum = 0;
  const bool failed = gil->call([&] {
    try {
      sum = compute_with_gil(order, first, count, slope);
      return false;
    } catch (py::error_already_set& error) {
      error.restore();
    } catch (const std::bad_alloc&) {
      PyErr_NoMemory();
    }
    return true;
  });
  if (failed) throw Interrupted{};
  return sum;
}

/// The labels of some examples as the formulas take them, like Loss.labels: one row per output, in T.
template <class T>
py::object LossInPython<T>::labels(const uint32_t* order, index_t first, index_t count) const {
  Matrix<T> out;
  const py::object array = new_matrix<T>(outputs_, count, out);
  for (index_t j = 0; j < count; ++j) {
    const index_t example = order ? index_t(order[first + j]) : first + j;
    for (index_t i = 0; i < outputs_; ++i) {
      T& y = out.data[i * count + j];
      y = takes_classes_ ? T(number_at(Y, 0, example) == double(i)) : T(number_at(Y, i, example));
      if (smoothing_ != 0) y = y * (1 - smoothing_) + smoothing_ / smoothed_classes_;
    }
  }
  make_read_only(array);
  return array;
}

/// function(A, Y, parameter, **arrays), of the arguments A, Y and the arrays.
template <class T>
py::object LossInPython<T>::call(const py::object& function, const std::vector<PyObject*>& arguments) const {
  std::vector<PyObject*> all = arguments;
  all.insert(all.begin() + 2, parameter_.ptr());
  PyObject* names = arrays_.empty() ? nullptr : names_.ptr();
  return py::reinterpret_steal<py::object>(checked(PyObject_Vectorcall(function.ptr(), all.data(), 3, names)));
}

/// The result of the function `name` if it does not fit as it is: an array made of it, or Python's error that says
/// what is wrong. Without a derivative, it has both.
template <class T>
py::object LossInPython<T>::checked_result(const char* name, const py::object& result,
                                           const std::vector<PyObject*>& arguments) const {
  py::list made_from;
  for (PyObject* argument : arguments) made_from.append(py::reinterpret_borrow<py::object>(argument));
  const bool both = derivative_.is_none();
  return both ? checks().attr("results_of")(loss_, result, made_from)
              : checks().attr("result_of")(name, loss_, result, made_from);
}

template <class T>
double LossInPython<T>::compute_with_gil(const uint32_t* order, index_t first, index_t count, Examples* slope) {
  const py::object A = std::move(outputs_array_), Y_of_batch = labels(order, first, count);
  make_read_only(A);
  std::vector<py::object> further;
  if (!arrays_.empty() && (order || count != examples_ || first != 0)) {
    py::object columns = py::slice(first, first + count, 1);
    if (order) {
      py::array_t<Py_intptr_t> numbers(count);
      std::copy_n(order + first, count, numbers.mutable_data());
      columns = std::move(numbers);
    }
    const py::tuple index = py::make_tuple(py::ellipsis(), columns);
    for (const py::object& array : arrays_) {
      further.push_back(py::reinterpret_steal<py::object>(checked(PyObject_GetItem(array.ptr(), index.ptr()))));
      make_read_only(further.back());
    }
  } else {
    for (const py::object& array : arrays_) further.push_back(read_only_view(array));
  }
  std::vector<PyObject*> arguments{A.ptr(), Y_of_batch.ptr()};
  for (const py::object& array : further) arguments.push_back(array.ptr());

  const auto fits = [&](PyObject* array, Matrix<const T>& out) {
    return view<T>(array, out) && out.rows == outputs_ && out.cols == count;
  };
  Matrix<const T> terms, derivative;
  py::object result = call(value_, arguments), of_derivative;
  if (derivative_.is_none()) {
    const auto part = [&](Py_ssize_t i) { return PyTuple_GET_ITEM(result.ptr(), i); };
    const auto is_pair = [&] { return PyTuple_CheckExact(result.ptr()) && PyTuple_GET_SIZE(result.ptr()) == 2; };
    if (!is_pair() || !fits(part(0), terms) || !fits(part(1), derivative)) {
      result = checked_result("value", result, arguments);
      if (!fits(part(0), terms) || !fits(part(1), derivative))
        throw py::value_error("deepnet bug: the results of a loss do not fit");
    }
    of_derivative = py::reinterpret_borrow<py::object>(part(1));
  } else {
    const auto fitted = [&](py::object& array, const char* name, Matrix<const T>& out) {
      if (fits(array.ptr(), out)) return;
      array = checked_result(name, array, arguments);
      if (!fits(array.ptr(), out)) throw py::value_error("deepnet bug: the result of a loss does not fit");
    };
    fitted(result, "value", terms);
    if (slope) {
      of_derivative = call(derivative_, arguments);
      fitted(of_derivative, "derivative", derivative);
    }
  }
  double sum = 0;
  for (index_t i = 0; i < outputs_; ++i)
    for (index_t j = 0; j < count; ++j) {
      const T term = terms.data[i * terms.row + j * terms.col];
      const index_t example = order ? index_t(order[first + j]) : first + j;
      sum += double(weights.data ? term * T(number_at(weights, 0, example)) : term);
    }
  if (!slope) return sum;
  constexpr index_t size = sizeof(T);
  *slope = {derivative.data, element_of<T>(), outputs_, count, derivative.row * size, derivative.col * size};
  slope_ = std::move(of_derivative);
  return sum;
}

template class LossInPython<float>;
template class LossInPython<double>;

}  // namespace deepnet::bindings
