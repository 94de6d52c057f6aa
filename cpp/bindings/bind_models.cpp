// The course's functions of the whole network: one call forward, one backward, one for the update.
#include <cmath>
#include <limits>

#include "bindings/arguments.h"
#include "bindings/examples.h"

namespace deepnet::bindings {

namespace {

constexpr index_t kAnyInputs = -1;

/// W1, b1, ... WL, bL of a dict that holds nothing else, chained to `inputs` rows of X. `owned` keeps them alive.
template <class T>
bool parse_parameters(PyObject* dict, index_t inputs, std::vector<ForwardLayer<T>>& layers,
                      std::vector<py::object>& owned) {
  if (!is_parameter_dict(dict)) return false;
  const auto size = static_cast<size_t>(PyDict_GET_SIZE(dict));
  if (size == 0 || size % 2 != 0) return false;
  layers.resize(size / 2);
  owned.reserve(size);
  for (size_t l = 0; l < layers.size(); ++l) {
    ForwardLayer<T>& layer = layers[l];
    const py::object &W = owned.emplace_back(item(dict, key(Prefix::W, l + 1))),
                     &b = owned.emplace_back(item(dict, key(Prefix::b, l + 1)));
    if (!W || !view(W.ptr(), layer.W) || !b || !view(b.ptr(), layer.b)) return false;
    if ((inputs != kAnyInputs && layer.W.cols != inputs) || layer.b.rows != layer.W.rows || layer.b.cols != 1)
      return false;
    inputs = layer.W.rows;
  }
  return true;
}

py::object network_forward(const py::object& X, const py::object& parameters, const py::object& activations,
                           const py::object& output) {
  return with_dtype(X.ptr(), [&]<class T>(T) -> py::object {
    Matrix<const T> x;
    std::vector<ForwardLayer<T>> layers;
    std::vector<py::object> owned;
    std::vector<ActivationId> ids;
    if (!view(X.ptr(), x) || !parse_parameters(parameters.ptr(), x.rows, layers, owned) ||
        !parse_activations(activations.ptr(), output.ptr(), layers.size(), ids))
      return py::none();
    py::list caches(layers.size());
    py::object A_prev = X;
    for (size_t l = 0; l < layers.size(); ++l) {
      ForwardLayer<T>& layer = layers[l];
      layer.activation = ids[l];
      const py::object Z = new_matrix<T>(layer.W.rows, x.cols, layer.Z);
      const py::object cache =
          new_layer_cache(A_prev.ptr(), owned[2 * l].ptr(), owned[2 * l + 1].ptr(), Z.ptr(), ids[l]);
      PyList_SET_ITEM(caches.ptr(), static_cast<Py_ssize_t>(l), cache.inc_ref().ptr());
      A_prev = new_matrix<T>(layer.W.rows, x.cols, layer.A);
    }
    without_gil([&](Interrupt* interrupt) { model_forward<T>(x, layers, interrupt); });
    return py::make_tuple(A_prev, caches);
  });
}

/// Appends the labels, an array of I, as T: false if one is an integer other than 0 and 1, or not finite as T.
template <class T, class I>
bool append_labels(const char* data, index_t row, index_t col, const Matrix<const T>& shape, std::vector<T>& labels) {
  bool good = true;
  for (index_t i = 0; i < shape.rows; ++i)
    for (index_t j = 0; j < shape.cols; ++j) {
      const I y = *reinterpret_cast<const I*>(data + i * row + j * col);
      if constexpr (std::is_floating_point_v<I>) {
        good &= std::abs(y) <= std::numeric_limits<T>::max();
      } else {
        good &= y == 0 || y == 1;
      }
      labels.push_back(good ? static_cast<T>(y) : T(0));
    }
  return good;
}

/// Y of the shape of AL, or for one output unit of shape (m,) or (m, 1): an array of T, or one of bool, integers (the
/// course's own labels are int64) or the other type of floats, which is copied into `converted`.
template <class T>
bool parse_labels(PyObject* AL, PyObject* Y, Matrix<const T>& al, Matrix<const T>& y, std::vector<T>& converted) {
  using Numpy = py::detail::npy_api::constants;
  if (!view(AL, al)) return false;
  // The binary cross-entropy is its formula for any finite label, as in the course.
  const auto are_finite = [&] { return labels_follow(LabelRule::kFinite, y.rows, examples<T>(y)); };
  if (view(Y, y) && al.rows == y.rows && al.cols == y.cols) return are_finite();
  if (!is_directly_usable(Y)) return false;
  const auto& array = *py::detail::array_proxy(Y);
  const bool is_column = al.rows == 1 && (array.nd == 1 || (array.nd == 2 && array.dimensions[1] == 1));
  if (is_column ? array.dimensions[0] != al.cols
                : array.nd != 2 || array.dimensions[0] != al.rows || array.dimensions[1] != al.cols)
    return false;
  const index_t row = is_column ? 0 : array.strides[0], col = array.strides[is_column ? 0 : 1];
  if (type_number(Y) == kTypeNumber<T>) {
    y = {reinterpret_cast<const T*>(array.data), al.rows, al.cols, row / index_t{sizeof(T)}, col / index_t{sizeof(T)}};
    return are_finite();
  }
  converted.reserve(static_cast<size_t>(al.rows * al.cols));
  y = row_major<const T>(converted.data(), al.rows, al.cols);
  const auto append = [&]<class I>(I) { return append_labels<T, I>(array.data, row, col, al, converted); };
  switch (type_number(Y)) {
    case Numpy::NPY_BOOL_:
    case Numpy::NPY_UBYTE_: return append(static_cast<unsigned char>(0));
    case Numpy::NPY_BYTE_: return append(static_cast<signed char>(0));
    case Numpy::NPY_INT_: return append(0);
    case Numpy::NPY_LONG_: return append(0L);
    case Numpy::NPY_LONGLONG_: return append(0LL);
    case Numpy::NPY_FLOAT_: return append(0.0F);
    case Numpy::NPY_DOUBLE_: return append(0.0);
    default: return false;
  }
}

/// What the categorical cross-entropy requires of labels.
template <class T>
bool are_shares(const Matrix<const T>& Y) {
  return labels_follow(LabelRule::kShares, Y.rows, examples<T>(Y));
}

template <class T>
bool columns_add_up_to_one(const Matrix<const T>& Y, double tolerance) {
  bool good = true;
  for (index_t j = 0; j < Y.cols; ++j) {
    double sum = 0;
    for (index_t i = 0; i < Y.rows; ++i) sum += double(Y.data[i * Y.row + j * Y.col]);
    good &= std::abs(sum - 1) <= tolerance;
  }
  return good;
}

/// True if all columns of both add up to 1, those of AL to rounding: the binary cross-entropy is then hardly meant.
template <class T>
bool look_like_softmax(const Matrix<const T>& AL, const Matrix<const T>& Y) {
  const double rounding = double(AL.rows + 16) * std::numeric_limits<T>::epsilon();
  return AL.rows > 1 && columns_add_up_to_one(AL, rounding) && columns_add_up_to_one(Y, kShareTolerance);
}

py::object cost(const py::object& AL, const py::object& Y, const py::object& loss) {
  const auto name = text(loss.ptr());
  const bool categorical = name == "categorical_cross_entropy";
  if (!categorical && !loss.is_none() && name != "binary_cross_entropy") return py::none();
  return with_dtype(AL.ptr(), [&]<class T>(T) -> py::object {
    Matrix<const T> al, y;
    std::vector<T> converted;
    if (!parse_labels(AL.ptr(), Y.ptr(), al, y, converted) || (categorical && !are_shares(y)) ||
        (loss.is_none() && look_like_softmax(al, y)))
      return py::none();
    for (index_t i = 0; i < al.rows; ++i)
      for (index_t j = 0; j < al.cols; ++j)
        if (const T a = al.data[i * al.row + j * al.col]; a < T(0) || a > T(1)) return py::none();
    py::object result = new_array<T>(0, nullptr);
    double value = 0;
    without_gil([&](Interrupt* interrupt) {
      value = categorical ? categorical_cross_entropy<T>(al, y, interrupt) : cross_entropy<T>(al, y, interrupt);
    });
    *data_of<T>(result) = static_cast<T>(value);
    return result;
  });
}

/// A new array, or the one under `name` in out: false if that one does not fit.
template <class T>
bool result_array(PyObject* out, PyObject* name, index_t rows, index_t cols, Matrix<T>& matrix, py::object& array) {
  if (out == Py_None) {
    array = new_matrix<T>(rows, cols, matrix);
    return true;
  }
  array = item(out, name);
  return array && writable_view(array.ptr(), rows, cols, matrix);
}

struct BackwardArguments {
  PyObject *AL, *Y, *caches, *activations, *out;
  bool compute_dA0;
};

template <class T>
py::object backward_of(const BackwardArguments& given) {
  Matrix<const T> al, y;
  std::vector<T> converted;
  if (!parse_labels(given.AL, given.Y, al, y, converted)) return py::none();
  const size_t count = static_cast<size_t>(PyTuple_GET_SIZE(given.caches));
  if (count == 0 || !(given.out == Py_None || PyDict_CheckExact(given.out))) return py::none();

  std::vector<ActivationId> ids;
  if (given.activations != Py_None && !parse_activations(given.activations, Py_None, count, ids)) return py::none();

  std::vector<BackwardLayer<T>> layers(count);

  std::vector<Range> inputs, outputs;
  index_t units = 0;
  for (size_t l = 0; l < count; ++l) {
    BackwardLayer<T>& layer = layers[l];
    PyObject* cache = PyTuple_GET_ITEM(given.caches, static_cast<Py_ssize_t>(l));
    CacheParts parts;
    Matrix<const T> b;
    if (!parse_cache(cache, parts) || !view(parts.A_prev, layer.A_prev) || !view(parts.W, layer.W) ||
        !view(parts.b, b) || !view(parts.Z, layer.Z))
      return py::none();
    if (layer.A_prev.cols != al.cols || layer.Z.cols != al.cols || layer.W.cols != layer.A_prev.rows ||
        layer.Z.rows != layer.W.rows || b.rows != layer.W.rows || b.cols != 1 || (l > 0 && layer.A_prev.rows != units))
      return py::none();
    units = layer.W.rows;
    static const ActivationId relu = find_activation("relu"), sigmoid = find_activation("sigmoid");
    layer.activation = !ids.empty() ? ids[l] : l + 1 < count ? relu : sigmoid;
    if (ids.empty() && !remembered_activation(cache, layer.activation)) return py::none();
    if (takes_whole_columns(layer.activation) && (l + 1 < count || !are_shares(y))) return py::none();
    if (given.out != Py_None)
      for (PyObject* input : {parts.A_prev, parts.W, parts.b, parts.Z}) inputs.push_back(range_of(input));
  }
  if (units != al.rows) return py::none();

  py::dict grads;
  const auto add = [&](PyObject* name, index_t rows, index_t cols, Matrix<T>& matrix) {
    py::object array;
    if (!result_array(given.out, name, rows, cols, matrix, array)) return false;
    if (given.out != Py_None) outputs.push_back(range_of(array.ptr()));
    if (PyDict_SetItem(grads.ptr(), name, array.ptr()) != 0) throw py::error_already_set();
    return true;
  };
  for (size_t l = count; l-- > 0;) {
    BackwardLayer<T>& layer = layers[l];
    if ((l > 0 || given.compute_dA0) && !add(key(Prefix::dA, l), layer.A_prev.rows, layer.A_prev.cols, layer.dA_prev))
      return py::none();
    if (!add(key(Prefix::dW, l + 1), layer.W.rows, layer.W.cols, layer.dW) ||
        !add(key(Prefix::db, l + 1), layer.W.rows, 1, layer.db))
      return py::none();
  }
  if (given.out != Py_None) {
    inputs.push_back(range_of(given.AL));
    inputs.push_back(range_of(given.Y));
    if (overlap(outputs, inputs) || PyDict_GET_SIZE(given.out) != PyDict_GET_SIZE(grads.ptr())) return py::none();
  }
  without_gil([&](Interrupt* interrupt) { model_backward<T>(al, y, layers, interrupt); });
  return given.out == Py_None ? py::object(grads) : py::reinterpret_borrow<py::object>(given.out);
}

py::object network_backward(const py::object& AL, const py::object& Y, const py::object& caches,
                            const py::object& activations, const py::object& compute_dA0, const py::object& out) {
  if (!PyList_CheckExact(caches.ptr()) && !PyTuple_CheckExact(caches.ptr())) return py::none();
  if (!PyBool_Check(compute_dA0.ptr())) return py::none();
  // The list may change meanwhile.
  const auto all = py::reinterpret_steal<py::object>(checked(PySequence_Tuple(caches.ptr())));
  const BackwardArguments given{AL.ptr(),          Y.ptr(),   all.ptr(),
                                activations.ptr(), out.ptr(), compute_dA0.ptr() == Py_True};
  return with_dtype(AL.ptr(), [&]<class T>(T) { return backward_of<T>(given); });
}

py::object update(const py::object& parameters, const py::object& grads, const py::object& learning_rate,
                  const py::object& out) {
  if (!is_parameter_dict(parameters.ptr()) || !PyDict_CheckExact(grads.ptr())) return py::none();
  const std::optional<double> given_rate = real_number(learning_rate.ptr());
  const double rate = given_rate.value_or(NAN);
  if (!std::isfinite(rate) || !(out.is_none() || is_parameter_dict(out.ptr()))) return py::none();
  const py::object W1 = item(parameters.ptr(), key(Prefix::W, 1));
  if (!W1) return py::none();
  const bool in_place = out.ptr() == parameters.ptr();

  return with_dtype(W1.ptr(), [&]<class T>(T) -> py::object {
    std::vector<ForwardLayer<T>> layers;
    std::vector<py::object> owned;
    if (!parse_parameters(parameters.ptr(), kAnyInputs, layers, owned)) return py::none();
    std::vector<GradientStep<T>> steps;
    std::vector<Range> inputs, outputs;
    steps.reserve(2 * layers.size());
    owned.reserve(4 * layers.size());
    py::dict result;
    const auto add = [&](PyObject* name, PyObject* gradient_name, PyObject* p_array, const Matrix<const T>& p) {
      GradientStep<T> step{p, {}, {}};
      const py::object g = item(grads.ptr(), gradient_name);
      if (!g || !view(g.ptr(), step.g) || step.g.rows != p.rows || step.g.cols != p.cols) return false;
      py::object array;
      if (!result_array(out.ptr(), name, p.rows, p.cols, step.out, array)) return false;
      if (!out.is_none()) {
        inputs.push_back(range_of(g.ptr()));
        if (!in_place) inputs.push_back(range_of(p_array));
        outputs.push_back(range_of(array.ptr()));
      }
      if (PyDict_SetItem(result.ptr(), name, array.ptr()) != 0) throw py::error_already_set();
      owned.push_back(g);
      steps.push_back(step);
      return true;
    };
    for (size_t l = 0; l < layers.size(); ++l)
      if (!add(key(Prefix::W, l + 1), key(Prefix::dW, l + 1), owned[2 * l].ptr(), layers[l].W) ||
          !add(key(Prefix::b, l + 1), key(Prefix::db, l + 1), owned[2 * l + 1].ptr(), layers[l].b))
        return py::none();
    if (overlap(outputs, inputs) || !std::isfinite(static_cast<T>(rate))) return py::none();
    if (!out.is_none() && PyDict_GET_SIZE(out.ptr()) != PyDict_GET_SIZE(result.ptr())) return py::none();
    // In place there is no way back, and no way on from half an update: it goes through, at the speed of memory.
    without_gil([&](Interrupt* interrupt) {
      gradient_steps<T>(steps, static_cast<T>(rate), out.is_none() ? interrupt : nullptr);
    });
    return out.is_none() ? py::object(result) : out;
  });
}

}  // namespace

void bind_models(py::module_& m) {
  m.def("L_model_forward", &network_forward);
  m.def("compute_cost", &cost);
  m.def("L_model_backward", &network_backward);
  m.def("update_parameters", &update);
}

}  // namespace deepnet::bindings
