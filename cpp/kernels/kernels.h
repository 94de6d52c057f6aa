// The contract between the kernels (compiled once per instruction set) and everyone else (compiled once).
//
// Only plain structs, pointers, sizes and enums cross it, so this file is the one of its room that others include.
// The letters are those of BLAS: c[m x n] += a[m x k] b[k x n]. In the course's words, forward is
// m = units, k = units before, n = examples; the gradient of W is m = units, k = examples, n = units before.
#pragma once

#include <cstddef>

namespace deepnet {

using index_t = ptrdiff_t;

/// Columns of one panel of b: 32 floats or 16 doubles on every instruction set. One panel is the unit in which
/// work is packed, shared out and summed, so results do not depend on the width of a vector.
template <class T>
constexpr index_t kPanel = 128 / index_t(sizeof(T));

/// The most steps of k that one call takes: 512 floats or 256 doubles, so that kRowGroup rows of a fit L1 (24 KB).
template <class T>
constexpr index_t kDepth = 2048 / index_t(sizeof(T));

/// c = start + a b, then c *= scale. Element (i, p) of a is a[i a_row + p a_col]; element (p, j) of b is
/// b[(j / kPanel) b_panel + p b_row + j % kPanel]: packed panels and row-major matrices alike.
/// Every panel of b is read in full, the last one, even where n ends within it, from b_last (with a row stride of
/// kPanel) unless that is null. c is written up to column n - 1.
template <class T>
struct Gemm {
  index_t m, n, k;
  const T* a;
  index_t a_row, a_col;
  const T* b;
  index_t b_row, b_panel;
  const T* b_last;
  T* c;
  index_t c_row;
  const T* bias;     // one start value per row; null: 0
  bool accumulate;   // start from c itself (the sum over an earlier part of k) instead of from bias
  T scale;           // 1, but for the last part of k
  bool c_is_far;     // c lies beyond the caches: fetch the lines of the next rows while these are computed
  const void* next;  // memory that will be read after this product, fetched during it
  size_t next_bytes;
};

/// A matrix that is only read: element (i, j) is data[i row + j col].
template <class T>
struct Strided {
  const T* data;
  index_t row, col;
};

/// `rows` rows of `cols` elements each, unit stride within a row: in and out of the elementwise kernels.
template <class T>
struct Rows {
  T* data;
  index_t stride;
};

template <class T>
struct ActivationForward {
  index_t rows, cols;
  Rows<const T> z;
  Rows<T> a;
};

/// dZ = dA * g'(Z). lane_sums, when not null, holds kPanel partial sums per row: element j of a row is added to
/// number j % kPanel, in the order of j (see reduce_lanes).
template <class T>
struct ActivationBackward {
  index_t rows, cols;
  Rows<const T> d_a, z;
  Rows<T> d_z;
  T* lane_sums;
};

/// dZ of the last layer straight from AL and Y: the course's dAL and the activation's derivative in one pass.
template <class T>
struct OutputBackward {
  index_t rows, cols;
  Rows<const T> al, y, z;
  Rows<T> d_z;
  T* lane_sums;
};

template <class T>
struct Activation {
  const char* name;
  void (*forward)(const ActivationForward<T>&);
  void (*backward)(const ActivationBackward<T>&);
  void (*output_backward)(const OutputBackward<T>&);
};

/// Everything one instruction set has for one type.
template <class T>
struct Kernels {
  void (*gemm)(const Gemm<T>&);
  /// b[k x n] into panels [ceil(n / kPanel)][k][kPanel], zeros behind column n.
  void (*pack)(index_t k, index_t n, Strided<T> b, T* panels);
  const Activation<T>* activations;
  index_t activation_count;
  /// lane_sums[i][j % kPanel] += x[i][j], in the order of j.
  void (*add_to_lanes)(index_t rows, index_t cols, Rows<const T> x, T* lane_sums);
  /// sums[i * stride] = scale * the kPanel partial sums of row i, added as a tree of fixed shape.
  void (*reduce_lanes)(index_t rows, const T* lane_sums, T scale, T* sums, index_t stride);
  /// out = p - rate * g
  void (*gradient_step)(index_t count, const T* p, const T* g, T rate, T* out);
  /// `rounds` times one multiply-add for each sum of the micro-kernel and nothing else, for the benchmarks' measure of
  /// the peak; returns the number of floating-point operations done.
  double (*fma_peak)(index_t rounds, T* sink);
};

}  // namespace deepnet
