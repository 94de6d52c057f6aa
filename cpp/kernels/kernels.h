// The interface between the kernels (compiled once per instruction set) and all other code (compiled once).
//
// Only plain structs, pointers, sizes and enums cross it, so other packages may include this file and no other kernel
// header. The kernels assert what the comments demand.
// The letters are those of BLAS: c[m x n] += a[m x k] b[k x n]. In the course's words, forward is
// m = units, k = units before, n = examples; the gradient of W is m = units, k = examples, n = units before.
#pragma once

#include <cstddef>
#include <cstdint>

namespace deepnet {

using index_t = ptrdiff_t;

/// Columns of one panel of b: 32 floats or 16 doubles on every instruction set. One panel is the unit in which
/// work is packed, distributed and summed, so results do not depend on the width of a vector.
template <class T>
constexpr index_t kPanel = 128 / index_t(sizeof(T));

/// Rows of c that a product computes together; blocks of whole groups leave no tile with fewer rows than it could have.
constexpr index_t kRowGroup = 12;
/// Up to here, neither packing b nor fetching a ahead pays.
constexpr index_t kFewRows = 2 * kRowGroup;

/// The most steps of k that one call takes where the rows of a are copied, because steps of k lie more than two panels
/// apart: 512 floats or 256 doubles, so that kRowGroup of them fit L1 (24 KB).
template <class T>
constexpr index_t kDepth = 2048 / index_t(sizeof(T));

/// What is done with a finished sum. relu's derivative comes from its result A, which is 0 where Z <= 0.
enum class Finish {
  kScale,         // c = scale * sum
  kRelu,          // c = max(0, sum), flushed (see simd/vec.h)
  kReluBackward,  // c = scale * sum where other > 0, else 0; flushed
  kDescend,       // c = c - scale * sum
};

/// c = finish(start + a b).
template <class T>
struct Gemm {
  /// Element (i, p) is data[i row + p col], where `jump` more is added after every `run` steps of p; then col is at
  /// most two panels.
  struct A {
    const T* data;
    index_t row, col;
    index_t run = PTRDIFF_MAX, jump = 0;
  };
  /// Columns in panels of kPanel: element (p, j) is data[(j / kPanel) panel + p row + j % kPanel]. Panels are read in
  /// full, also the last one where n ends within it: from `last` (with a row stride of kPanel) unless that is null.
  struct B {
    const T* data;
    index_t row, panel;
    const T* last = nullptr;
  };
  /// Element (i, j) is data[(j / kPanel) panel + i row + j % kPanel]; kPanel for `panel` makes a row-major matrix.
  /// If `padded`, columns from n up to the next multiple of 64 bytes may be written; else, none from n on. If not
  /// padded, n must be such a multiple, except for kScale with a row-major c.
  struct C {
    T* data;
    index_t row, panel = kPanel<T>;
    bool padded = false;
  };
  /// What the sum over k starts from: the bias of its row (null: 0), or the sum over an earlier part of k.
  struct Start {
    const T* bias = nullptr;
    bool accumulate = false;
    const T* sums = nullptr;  // laid out as c; null: c itself
  };
  struct Epilogue {
    Finish finish = Finish::kScale;
    T scale = 1;
    const T* other = nullptr;  // laid out as c
  };
  struct Prefetch {
    /// Operands that lie beyond the caches: of a the rows behind a tile's, of b the next columns, of c both.
    bool a = false, b = false, c = false;
    /// Memory that will be read after this product, where a and b are cached: in runs of `run` bytes, `jump` between.
    const void* next = nullptr;
    index_t bytes = 0, run = PTRDIFF_MAX, jump = 0;
  };

  index_t m, n, k;
  A a;
  B b;
  C c;
  Start start = {};
  Epilogue epilogue = {};
  Prefetch prefetch = {};
};

/// z = bias + a x for n <= kFewColumns columns. Columns of x and z are contiguous, x_row and z_row apart.
/// Rows of a, the bias and z are read and written up to the next multiple of 64 bytes.
template <class T>
struct FewColumns {
  index_t m, n, k;
  const T* a;
  index_t a_row;
  const T* panels;  // the rows of a in panels [ceil(m / kPanel)][k][kPanel], which are read in its place; or null
  const T* x;
  index_t x_row;
  const T* bias;
  T* z;
  index_t z_row;
};
constexpr index_t kFewColumns = 4;

/// A read-only matrix: element (i, j) is data[i row + j col].
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
  bool flush = false;  // whether tiny results become 0, see simd/vec.h
};

/// dZ = dA * g'(Z), apart from dA and Z in memory. lane_sums, when not null, holds kPanel partial sums per row: element
/// j of a row is added to number j % kPanel, in the order of j (see reduce_lanes).
template <class T>
struct ActivationBackward {
  index_t rows, cols;
  Rows<const T> d_a, z;
  Rows<T> d_z;
  T* lane_sums;
  bool flush = false;  // whether tiny results become 0, see simd/vec.h
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
  bool fused = false;  // whether a product's epilogue can compute forward and backward_from_a
  Finish forward_finish = Finish::kScale, backward_finish = Finish::kScale;
  /// Whether an element of A depends on its whole column (softmax, in the last layer only). Then rows are all units.
  bool whole_columns = false;
  void (*forward)(const ActivationForward<T>&) = nullptr;  // a may be z
  void (*backward)(const ActivationBackward<T>&) = nullptr;
  /// The same with A in place of z; d_z may be the same memory. Null where A does not determine the slope.
  void (*backward_from_a)(const ActivationBackward<T>&) = nullptr;
  void (*output_backward)(const OutputBackward<T>&);
};

/// The number of types of input data: those of deepnet::Element, in its order.
constexpr int kElementTypes = 7;

/// Up to kPanel examples of the input data, converted to T and scaled; zeros behind the last example and unit.
template <class T>
struct Gather {
  const void* data;
  index_t unit_stride, example_stride;  // bytes
  const uint32_t* order;                // indices of the examples; null: those from `first` on
  index_t first, count, units;
  T scale;
  T* panel;       // [units][kPanel]
  T* transposed;  // [ceil(units / kPanel)][transposed_examples][kPanel], at the row of this panel's first example
  index_t transposed_examples;
  index_t ahead = 0, fetched = 0;  // so many examples from order[ahead] on will be read soon
  index_t example(index_t e) const { return order ? index_t(order[e]) : first + e; }
};

template <class T>
struct Reader {
  void (*rows)(const Gather<T>&);     // into `transposed`; units are contiguous
  void (*columns)(const Gather<T>&);  // into `panel`
};

/// The most parameters that one loss has; a new one with more raises it.
constexpr int kLossParameters = 1;

/// The loss of one panel of examples and its derivative. All arrays are [outputs][kPanel]; d may be `output`.
template <class T>
struct LossOfPanel {
  index_t outputs, examples;
  const T *output, *y;  // Z or A of the last layer, see Loss::activation, and the labels
  const T* weights;     // [kPanel], one per example; null: 1
  T parameters[kLossParameters], smoothing;
  T* d;
};

/// What labels must be, by the names of deepnet.losses; kFinite is the rule of the course's binary cross-entropy.
enum class LabelRule {
  kNumbers,        // any, nan and inf too, which the loss shows
  kFinite,         // any other
  kCounts,         // at least 0
  kProbabilities,  // in [0, 1]
  kShares,         // in [0, 1], and those of an example sum to 1
  kClasses         // whole numbers in [0, outputs): y is one row, the number of each example's class
};

template <class T>
struct Loss {
  const char *name, *activation;  // the loss takes Z of this activation; null: it takes A of any
  LabelRule labels;
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

/// out = start + x a for a sparse x: row i of `out` is that of `start` plus value[p] times row index[p] of a, for p
/// from begins[i] up to begins[i + 1], in this order. Rows of a, start and out are read and written up to the next
/// multiple of 64 bytes.
template <class T>
struct SparseProduct {
  index_t rows, columns;  // of out
  const index_t* begins;
  const uint32_t* index;
  const T* value;
  const T* a;
  index_t a_row;
  const T* start;  // null: 0
  index_t start_row;
  T* out;
  index_t out_row;
};

/// Dropout, as above, of one example whose units index[p] have the values value[p]; the others are 0.
template <class T>
struct SparseDropout {
  index_t units, example, count;
  uint64_t stream;
  uint32_t threshold;
  T scale;
  const uint32_t* index;
  T* value;
};

/// The gradient of the loss and the penalties: scale * g + l2 p + l1 sign(p), clipped to [-clip, clip].
template <class T>
struct Penalties {
  T scale, l2, l1, clip;
};

/// A setting of an optimizer in [0, 1), and constants derived from it for step t.
template <class T>
struct Hyper {
  T value, rest;              // rest = 1 - value
  T root, root_of_rest;       // the square roots of both
  T one_over, one_over_root;  // 1 / (1 - value^t), and its square root
};

/// The most that one optimizer has; a new one with more raises them.
constexpr int kMostSlots = 2, kMostHypers = 2;

/// One update of some parameters: `rows` runs of `count`. Before it, p -= decay * p.
template <class T>
struct Update {
  index_t count;
  T* p;
  const T* g;
  T* slots[kMostSlots];  // the optimizer's memory; null beyond its own
  Penalties<T> penalties;
  T decay, rate, epsilon;
  Hyper<T> hyper[kMostHypers];
  T gain = 1;                              // of the gradient in the sum that momentum keeps
  index_t rows = 1, p_row = 0, g_row = 0;  // from one run to the next, of p and slots and of g
};

template <class T>
struct Optimizer {
  const char* name;
  int slots;
  double (*update)(const Update<T>&);  // returns the penalty of the parameters before the update
};

/// out[i] += scale * (sum of row i of x), x in panels of kPanel columns. A sum may take several calls, which keep their
/// state in lane_sums [rows][kPanel]. out is written up to the next multiple of 64 bytes.
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

// --- products with bfloat16 operands ---
//
// The operands are float32 numbers rounded to bfloat16, and the sums are float32. Operands lie in squares of kSquare x
// kSquare numbers, with zeros where a matrix ends, in one of two forms. A left operand has squares of `rows`, a right
// one squares of `pairs`, whose rows are steps of k. "Turned" means transposed: a turned square of pairs has the
// columns as steps of k. How many bytes a number takes, and their order in a square, is up to each set of kernels.

constexpr index_t kSquare = kPanel<float>;

/// c = finish(scale * a b + bias) for `panels` panels of examples. finish is kScale: c is written; kRelu: `pairs` and,
/// if it is not null, `turned`; kReluBackward: `rows`, `sums` and, if it is not null, `pairs`.
struct Bfloat16Product {
  index_t m, k, panels;
  const void* a;      // rows: [m][k] in squares; null: W is rounded on the way
  const float* W;     // [m][W_row], if a is null
  index_t W_row;      //
  const void* b;      // pairs: [panel][k] in squares
  index_t m_squares;  // of the whole result, of which this may be some rows: see pairs and sums
  const float* bias;  // null: 0
  Finish finish;
  float scale;
  float* c;             // [panel][..][kPanel], c_panel apart
  index_t c_panel;      //
  const void* other;    // kReluBackward: A, laid out as `pairs`, which may be the same memory
  void* pairs;          // [panel][m_squares]
  void *rows, *turned;  // [m][..], `between` squares from one square of m to the next, and one per panel
  index_t between;
  float* sums;  // of each row over the panel's examples: [panel][m_squares * kSquare]
};

/// Operands made of rows x columns numbers of W: `rows`, a square of rows `rows_between` squares apart, and if it is
/// not null `turned`, rows of the transpose, a square of columns `turned_between` squares apart. `kept`: both were made
/// of an earlier W, so squares that did not change are not written.
struct Bfloat16Weights {
  index_t rows_count, columns;
  const float* W;
  index_t W_row;
  void* rows;
  index_t rows_between;
  void* turned;
  index_t turned_between;
  bool kept = false;
};

/// c = finish(start + a b) for a block of dW: the sum over `panels` squares of k.
struct Bfloat16Gradient {
  index_t m, n, panels;
  const void* a;  // rows: [m][panel], `between` squares from one square of m to the next
  const void* b;  // turned pairs: [n][panel], likewise
  index_t between;
  const float* before;  // start; null: 0
  index_t before_row;
  float* c;
  index_t c_row;
  Finish finish;  // kScale or kDescend
  float scale;
  Bfloat16Weights weights = {};  // made of the new c, which is `weights.W`; rows null: not wanted
  bool prefetch = false;         // c and its operands lie beyond the caches
};

/// Operands made of one panel of float32 numbers; null: not wanted.
struct Bfloat16Operands {
  index_t units, examples;  // those behind the last example count as 0
  const float* x;           // [units][kPanel]
  void* pairs;              // [unit]
  void *rows, *turned;      // [unit], `between` squares apart
  index_t between;
  float* sums;  // of each row
};

struct Bfloat16Kernels {
  index_t number;  // bytes of one number of an operand
  void (*product)(const Bfloat16Product&);
  void (*gradient)(const Bfloat16Gradient&);
  void (*operands)(const Bfloat16Operands&);
  void (*weights)(const Bfloat16Weights&);
  /// y = x rounded to bfloat16, kept as float32; y may be x.
  void (*round)(index_t count, const float* x, float* y);
  /// With the bits of `product`, of which a is W; x is rounded.
  void (*few_columns)(const FewColumns<float>&);
};

/// All kernels of one instruction set for one type.
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
  void (*transpose_matrix)(index_t m, index_t n, const T* from, index_t from_row, T* to, index_t to_row);
  const Loss<T>* losses;
  index_t loss_count;
  void (*sum_rows)(const SumRows<T>&);
  void (*dropout)(const Dropout<T>&);
  void (*sparse_product)(const SparseProduct<T>&);
  void (*sparse_dropout)(const SparseDropout<T>&);
  /// out = p - rate * g
  void (*gradient_step)(index_t count, const T* p, const T* g, T rate, T* out);
  /// p = p + tau * (q - p)
  void (*blend)(index_t count, T* p, const T* q, T tau);
  const Optimizer<T>* optimizers;
  index_t optimizer_count;
  /// Replaces g by the gradient with penalties, clipped; returns the sum of its squares.
  double (*finish_gradient)(index_t count, const T* p, T* g, const Penalties<T>&);
  /// l2 / 2 sum p^2 + l1 sum |p|
  double (*penalty)(index_t count, const T* p, T l2, T l1);
  /// Does `rounds` multiply-adds for each sum of the micro-kernel; returns the number of floating-point operations. The
  /// benchmarks measure the peak with it.
  double (*fma_peak)(index_t rounds, T* sink);
};

}  // namespace deepnet
