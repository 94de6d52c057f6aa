// The course's functions of one layer.
#include "bindings/arguments.h"

namespace deepnet::bindings {

namespace {

/// A_prev (n_prev, m), W (n, n_prev), b (n, 1)
template <class T>
bool parse_layer(PyObject* A_prev, PyObject* W, PyObject* b, Matrix<const T>& a_prev, Matrix<const T>& w,
                 Matrix<const T>& bias) {
  return view(A_prev, a_prev) && view(W, w) && view(b, bias) && w.cols == a_prev.rows && bias.rows == w.rows &&
         bias.cols == 1;
}

py::object layer_forward(const py::object& A_prev, const py::object& W, const py::object& b) {
  return with_dtype(W.ptr(), [&]<class T>(T) -> py::object {
    Matrix<const T> a_prev, w, bias;
    Matrix<T> z;
    if (!parse_layer(A_prev.ptr(), W.ptr(), b.ptr(), a_prev, w, bias)) return py::none();
    py::object Z = new_matrix<T>(w.rows, a_prev.cols, z);
    without_gil([&](Interrupt* interrupt) { linear_forward<T>(a_prev, w, bias, z, interrupt); });
    return Z;
  });
}

py::object activation_forward(const py::object& A_prev, const py::object& W, const py::object& b,
                              const py::object& name) {
  const auto activation = parse_activation(name.ptr());
  if (!activation) return py::none();
  return with_dtype(W.ptr(), [&]<class T>(T) -> py::object {
    Matrix<const T> a_prev, w, bias;
    Matrix<T> z, a;
    if (!parse_layer(A_prev.ptr(), W.ptr(), b.ptr(), a_prev, w, bias)) return py::none();
    py::object Z = new_matrix<T>(w.rows, a_prev.cols, z), A = new_matrix<T>(w.rows, a_prev.cols, a);
    without_gil(
        [&](Interrupt* interrupt) { linear_activation_forward<T>(a_prev, w, bias, *activation, z, a, interrupt); });
    return py::make_tuple(A, new_layer_cache(A_prev.ptr(), W.ptr(), b.ptr(), Z.ptr(), *activation));
  });
}

/// New arrays for dA_prev, dW and db.
template <class T>
struct Gradients {
  Matrix<T> d_a_prev, d_w, d_b;
  py::object dA_prev, dW, db;

  Gradients(const Matrix<const T>& a_prev, const Matrix<const T>& w, bool wants_dA_prev = true)
      : dA_prev(wants_dA_prev ? new_matrix<T>(a_prev.rows, a_prev.cols, d_a_prev) : py::none()),
        dW(new_matrix<T>(w.rows, w.cols, d_w)),
        db(new_matrix<T>(w.rows, 1, d_b)) {}
  py::object tuple() const { return py::make_tuple(dA_prev, dW, db); }
};

py::object layer_backward(const py::object& dZ, const py::object& A_prev, const py::object& W, const py::object& b,
                          bool wants_dA_prev) {
  return with_dtype(W.ptr(), [&]<class T>(T) -> py::object {
    Matrix<const T> d_z, a_prev, w, bias;
    if (!parse_layer(A_prev.ptr(), W.ptr(), b.ptr(), a_prev, w, bias) || !view(dZ.ptr(), d_z) || d_z.rows != w.rows ||
        d_z.cols != a_prev.cols)
      return py::none();
    const Gradients<T> out(a_prev, w, wants_dA_prev);
    without_gil(
        [&](Interrupt* interrupt) { linear_backward<T>(d_z, a_prev, w, out.d_a_prev, out.d_w, out.d_b, interrupt); });
    return out.tuple();
  });
}

py::object activation_backward(const py::object& dA, const py::object& cache, const py::object& name) {
  const auto activation = parse_activation(name.ptr());
  CacheParts parts;
  if (!activation || !parse_cache(cache.ptr(), parts)) return py::none();
  return with_dtype(parts.W, [&]<class T>(T) -> py::object {
    Matrix<const T> d_a, a_prev, w, bias, z;
    if (!parse_layer(parts.A_prev, parts.W, parts.b, a_prev, w, bias) || !view(parts.Z, z) || !view(dA.ptr(), d_a) ||
        z.rows != w.rows || z.cols != a_prev.cols || d_a.rows != z.rows || d_a.cols != z.cols)
      return py::none();
    const Gradients<T> out(a_prev, w);
    without_gil([&](Interrupt* interrupt) {
      linear_activation_backward<T>(d_a, a_prev, w, z, *activation, out.d_a_prev, out.d_w, out.d_b, interrupt);
    });
    return out.tuple();
  });
}

}  // namespace

void bind_layers(py::module_& m) {
  m.def("linear_forward", &layer_forward);
  m.def("linear_activation_forward", &activation_forward);
  m.def("linear_backward", &layer_backward, py::arg("dZ"), py::arg("A_prev"), py::arg("W"), py::arg("b"),
        py::arg("wants_dA_prev") = true);
  m.def("linear_activation_backward", &activation_backward);
}

}  // namespace deepnet::bindings
