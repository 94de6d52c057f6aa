// The contract between the kernels (compiled once per instruction set) and everyone else (compiled once).
//
// Only plain structs, pointers, sizes and enums cross it, so this file is the one of its room that others include.
// The letters are those of BLAS: c[m x n] += a[m x k] b[k x n]. In the course's words, forward is
// m = units, k = units before, n = examples; the gradient of W is m = units, k = examples, n = units before.
#pragma once

#include <cstddef>
#include <cstdint>

namespace deepnet {

using index_t = ptrdiff_t;

/// Columns of one panel of b: 32 floats or 16 doubles on every instruction set. One panel is the unit in which
/// work is packed, shared out and summed, so results do not depend on the width of a vector.
template <class T>
constexpr index_t kPanel = 128 / index_t(sizeof(T));

/// The most steps of k that one call takes where a is far from contiguous along k, and its rows are copied: 512 floats
/// or 256 doubles, so that kRowGroup of them fit L1 (24 KB).
template <class T>
constexpr index_t kDepth = 2048 / index_t(sizeof(T));

/// What becomes of a finished sum. relu's derivative is taken from its result A, which is 0 where Z <= 0.
enum class Finish {
  kScale,         // c = scale * sum
  kRelu,          // c = max(0, sum)
  kReluBackward,  // c = scale * sum where other > 0, else 0
  kDescend,       // c = c - scale * sum
};

/// sum = start + a b, then c is made of the sum as `finish` says.
///
/// Element (i, p) of a is a[i a_row + p a_col], where a_jump more is added after every a_run steps of p (a_col must
/// then be at most two panels). Columns of b and c come in panels of kPanel: element (p, j) of b is b[(j / kPanel)
/// b_panel + p b_row + j % kPanel], and (i, j) of c is c[(j / kPanel) c_panel + i c_row + j % kPanel]; kPanel for the
/// distance of panels makes a row-major matrix. A panel of b may be read in full, the last one, even where n ends
/// within it, from b_last (with a row stride of kPanel) unless that is null. c is written up to column n - 1; only
/// kScale, with c and start row-major, allows an n that is no multiple of 64 B.
template <class T>
struct Gemm {
  index_t m, n, k;
  const T* a;
  index_t a_row, a_col;
  index_t a_run = PTRDIFF_MAX, a_jump = 0;
  const T* b;
  index_t b_row, b_panel;
  const T* b_last = nullptr;
  T* c;
  index_t c_row, c_panel = kPanel<T>;
  const T* bias = nullptr;   // one start value per row; null: 0
  bool accumulate = false;   // start from `start`, the sum over an earlier part of k, instead of from bias
  const T* start = nullptr;  // laid out as c; null: c itself
  Finish finish = Finish::kScale;
  const T* other = nullptr;  // laid out as c
  T scale = 1;
  // What lies beyond the caches is fetched ahead: of c the rows behind a tile's, of a too, of b the next columns.
  bool c_is_far = false, a_is_far = false, b_is_far = false;
  /// Memory that will be read after this product, fetched during it where a and b are near: in runs of next_run bytes,
  /// next_jump bytes between them.
  const void* next = nullptr;
  index_t next_bytes = 0, next_run = PTRDIFF_MAX, next_jump = 0;
};

/// z = bias + a x for n <= kFewColumns columns. A column of x or z is a run of memory, x_row or z_row from the next.
/// Rows of a, the bias and z are read and written up to the next multiple of 64 bytes.
template <class T>
struct FewColumns {
  index_t m, n, k;
  const T* a;
  index_t a_row;
  const T* x;
  index_t x_row;
  const T* bias;
  T* z;
  index_t z_row;
};
constexpr index_t kFewColumns = 4;

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

/// dZ = dA * g'(Z), apart from dA and Z in memory. lane_sums, when not null, holds kPanel partial sums per row: element
/// j of a row is added to number j % kPanel, in the order of j (see reduce_lanes).
template <class T>
struct ActivationBackward {
  index_t rows, cols;
  Rows<const T> d_a, z;
  Rows<T> d_z;
  T* lane_sums;
};

/// dZ of the last layer straight from AL and Y: the course's dAL and the activation's derivative in one pass; for
/// softmax that of the categorical cross-entropy, AL - Y.
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
  bool fused = false;  // whether a product's finish does the same as forward and backward_from_a
  Finish forward_finish = Finish::kScale, backward_finish = Finish::kScale;
  /// Whether an element of A depends on its whole column: softmax, for the last layer alone. Then rows are all units.
  bool whole_columns = false;
  void (*forward)(const ActivationForward<T>&) = nullptr;  // a may be z
  void (*backward)(const ActivationBackward<T>&) = nullptr;
  /// The same with A in the place of z; d_z may be it. Null where A does not tell the slope.
  void (*backward_from_a)(const ActivationBackward<T>&) = nullptr;
  void (*output_backward)(const OutputBackward<T>&);
};

/// How many types the user's numbers may have: those of deepnet::Element, in its order.
constexpr int kElementTypes = 7;

/// Up to kPanel examples of the user's data as T, times scale; zeros where examples or units end.
template <class T>
struct Gather {
  const void* data;
  index_t unit_stride, example_stride;  // bytes
  const uint32_t* order;                // which examples; null: the ones from `first` on
  index_t first, count, units;
  T scale;
  T* panel;   // [units][kPanel]
  T* turned;  // [ceil(units / kPanel)][turned_examples][kPanel], at the row of this panel's first example
  index_t turned_examples;
  index_t example(index_t e) const { return order ? index_t(order[e]) : first + e; }
};

template <class T>
struct Reader {
  void (*rows)(const Gather<T>&);     // into `turned`; units lie side by side
  void (*columns)(const Gather<T>&);  // into `panel`
};

/// The loss of one panel of examples and its derivative. All of it is [outputs][kPanel]; d may be `output`.
template <class T>
struct LossOfPanel {
  index_t outputs, examples;
  const T *output, *y;  // Z or A of the last layer, as the loss wants it, and the labels
  const T* weights;     // [kPanel]: how much each example counts; null: 1
  T parameter, smoothing;
  T* d;
};

template <class T>
struct Loss {
  const char *name, *activation;  // the activation of which it takes Z, null: takes A of any
  bool classes;                   // y is one row, the number of each example's class
  double (*of_panel)(const LossOfPanel<T>&);
};

/// x = x / keep for the units that are kept, else 0, in one panel [units][kPanel] of the examples from `first` on.
template <class T>
struct Dropout {
  index_t units, first;
  uint64_t stream;
  uint32_t threshold;  // keep * 2^32
  T scale;             // 1 / keep
  T* x;
};

/// The gradient of all that is minimised: scale * g + l2 p + l1 sign(p), cut to [-clip, clip].
template <class T>
struct Penalties {
  T scale, l2, l1, clip;
};

/// A setting of an optimizer that lies in [0, 1), and what follows from it at step t.
template <class T>
struct Hyper {
  T value, rest;              // 1 - value
  T one_over, one_over_root;  // 1 / (1 - value^t), and its square root
};

/// One update of some parameters. Before it, p -= decay * p.
template <class T>
struct Update {
  index_t count;
  T* p;
  const T* g;
  T* slots[2];  // the optimizer's memory
  Penalties<T> penalties;
  T decay, rate, epsilon;
  Hyper<T> hyper[2];
};

template <class T>
struct Optimizer {
  const char* name;
  int slots;
  double (*update)(const Update<T>&);  // returns the penalty of the parameters as they were
};

/// out[i] += scale * (sum of row i of x), x in panels of kPanel columns. The sum may come in several calls, whose state
/// is kept in lane_sums [rows][kPanel]. out is written up to the next multiple of 64 bytes.
template <class T>
struct SumRows {
  index_t rows, panels;
  const T* x;
  index_t x_panel;
  T* lane_sums;
  bool resume, finish;  // not the first call; the last call
  T scale;
  T* out;
};

/// Everything one instruction set has for one type.
template <class T>
struct Kernels {
  void (*gemm)(const Gemm<T>&);
  void (*few_columns)(const FewColumns<T>&);
  /// b[k x n] into panels [ceil(n / kPanel)][k][kPanel], zeros behind column n.
  void (*pack)(index_t k, index_t n, Strided<T> b, T* panels);
  const Activation<T>* activations;
  index_t activation_count;
  /// lane_sums[i][j % kPanel] += x[i][j], in the order of j.
  void (*add_to_lanes)(index_t rows, index_t cols, Rows<const T> x, T* lane_sums);
  /// sums[i * stride] = scale * the kPanel partial sums of row i, added as a tree of fixed shape.
  void (*reduce_lanes)(index_t rows, const T* lane_sums, T scale, T* sums, index_t stride);
  Reader<T> readers[kElementTypes];
  /// to[j][i] = from[i][j] for an m x n matrix. Rows of both are read and written up to the next multiple of 64 bytes.
  void (*turn)(index_t m, index_t n, const T* from, index_t from_row, T* to, index_t to_row);
  const Loss<T>* losses;
  index_t loss_count;
  void (*sum_rows)(const SumRows<T>&);
  void (*dropout)(const Dropout<T>&);
  /// out = p - rate * g
  void (*gradient_step)(index_t count, const T* p, const T* g, T rate, T* out);
  const Optimizer<T>* optimizers;
  index_t optimizer_count;
  /// g becomes the gradient of all that is minimised; returns the sum of its squares.
  double (*finish_gradient)(index_t count, const T* p, T* g, const Penalties<T>&);
  /// l2 / 2 sum p^2 + l1 sum |p|
  double (*penalty)(index_t count, const T* p, T l2, T l1);
  /// `rounds` times one multiply-add for each sum of the micro-kernel and nothing else, for the benchmarks' measure of
  /// the peak; returns the number of floating-point operations done.
  double (*fma_peak)(index_t rounds, T* sink);
};

}  // namespace deepnet
