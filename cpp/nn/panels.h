// One layer on panels of examples: the product that training and prediction are made of, and how data gets in.
//
// A group of panels (two, which the widest tile takes; up to eight of a large network) goes through a whole network
// before the next, so its activations stay in L2 while the weights stream past them.
#pragma once

#include "nn/network.h"

namespace deepnet {

template <class T>
constexpr index_t panels_for(index_t examples) {
  return (examples + kPanel<T> - 1) / kPanel<T>;
}

/// The columns of panels that are computed for so many examples. The last panel of 200 examples has 8: one vector of
/// AVX2. Vectors of 64 bytes compute and write 16.
template <class T>
constexpr index_t columns_for(index_t examples) {
  return round_up(examples, 32 / index_t(sizeof(T)));
}

/// A few panels of a layer: [panel][units][kPanel].
template <class T>
struct PanelGroup {
  T* data;
  index_t units, panels;
  T* panel(index_t p) const { return data + p * units * kPanel<T>; }
};

/// c = finish(bias + a b), with k cut to what one call takes; `did` gets the operations of each part. What is summed
/// before the last part goes to `partial`, laid out as c: c itself, unless c is `other`, which the last part still
/// needs.
template <class T, class Did>
void multiply_panels(const Kernels<T>& kernels, const Matrix<const T>& a, const T* bias, PanelGroup<const T> b,
                     PanelGroup<T> c, Finish finish, T scale, const T* other, T* partial, index_t columns,
                     bool a_exceeds_cache, Did did) {
  const index_t parts = (a.cols + kDepth<T> - 1) / kDepth<T>, depth = (a.cols + parts - 1) / parts;
  constexpr index_t size = sizeof(T);
  const bool few_rows = a.rows <= kFewRows;
  for (index_t p = 0; p < a.cols; p += depth) {
    const index_t steps = std::min(depth, a.cols - p), run = steps * kPanel<T> * size;
    const bool last = p + steps == a.cols;
    kernels.gemm(
        {.m = a.rows,
         .n = columns,
         .k = steps,
         .a = {.data = a.data + p * a.col, .row = a.row, .col = a.col},
         .b = {.data = b.data + p * kPanel<T>, .row = kPanel<T>, .panel = b.units * kPanel<T>},
         .c = {.data = last ? c.data : partial, .row = kPanel<T>, .panel = c.units * kPanel<T>, .padded = true},
         .start = {.bias = bias, .accumulate = p > 0, .sums = partial},
         .epilogue = {.finish = last ? finish : Finish::kScale, .scale = last ? scale : T(1), .other = other},
         .prefetch = {.a = a_exceeds_cache && !few_rows && a.col == 1,
                      .next = b.data + (p + steps) * kPanel<T>,
                      .bytes = few_rows && !last ? b.panels * run : 0,
                      .run = run,
                      .jump = b.units * kPanel<T> * size - run}});
    did(2.0 * double(a.rows) * double(columns) * double(steps));
  }
}

/// Which units of a layer are kept for which examples in one step; `keep` 1: all.
struct DropoutMask {
  double keep = 1;
  uint64_t stream = 0;

  /// x = x / keep where kept, else 0; first_example: of the first panel, counted in the batch.
  template <class T>
  void apply(const Kernels<T>& kernels, PanelGroup<T> x, index_t first_example) const {
    if (keep == 1) return;
    for (index_t p = 0; p < x.panels; ++p)
      kernels.dropout({.units = x.units,
                       .first = first_example + p * kPanel<T>,
                       .stream = stream,
                       .threshold = threshold(),
                       .scale = T(1 / keep),
                       .x = x.panel(p)});
  }

  /// The same for one example, of whose inputs `count` are not 0.
  template <class T>
  void apply(const Kernels<T>& kernels, index_t inputs, index_t example, index_t count, const uint32_t* input,
             T* value) const {
    if (keep == 1) return;
    kernels.sparse_dropout({.units = inputs,
                            .example = example,
                            .count = count,
                            .stream = stream,
                            .threshold = threshold(),
                            .scale = T(1 / keep),
                            .index = input,
                            .value = value});
  }

 private:
  uint32_t threshold() const { return uint32_t(std::min(keep * 0x1p32, 0x1p32 - 1)); }
};

/// A = g(Z), for a Z that may be A. The first `columns` examples count.
template <class T>
void activate_panels(const Activation<T>& g, PanelGroup<T> Z, PanelGroup<T> A, index_t columns) {
  for (index_t p = 0; p < A.panels; ++p)
    g.forward({.rows = A.units,
               .cols = std::min(kPanel<T>, columns - p * kPanel<T>),
               .z = {Z.panel(p), kPanel<T>},
               .a = {A.panel(p), kPanel<T>},
               .flush = true});
}

/// A = g(W A_prev + b). Z, where it is not null, keeps what g was taken of; without `activate`, A becomes Z.
template <class T, class Did>
void layer_forward(const Kernels<T>& kernels, const Layer<T>& layer, PanelGroup<const T> A_prev, PanelGroup<T> A, T* Z,
                   bool activate, index_t columns, bool W_exceeds_cache, Did did) {
  const Activation<T>& g = kernels.activations[layer.activation];
  const Matrix<const T> W{layer.W, layer.units, layer.inputs, layer.W_row, 1};
  const bool fused = activate && g.fused && !Z;
  const PanelGroup<T> out{Z ? Z : A.data, A.units, A.panels};
  multiply_panels<T>(kernels, W, layer.b, A_prev, out, fused ? g.forward_finish : Finish::kScale, T(1), nullptr,
                     out.data, columns, W_exceeds_cache, did);
  if (activate && !fused) activate_panels(g, out, A, columns);
}

/// The examples of a first layer with few units, read where they are: unit p of example e is data[p * row + e].
template <class T>
struct PlainExamples {
  const T* data;
  index_t row, count;
  const T* last;  // the last panel as a panel, if the examples do not fill it; else null
};

/// layer_forward for a group of panels from `first_panel` on. A packed copy of X, of which few rows of W make use,
/// would take longer than the product.
template <class T, class Did>
void layer_forward_in_place(const Kernels<T>& kernels, const Layer<T>& layer, const PlainExamples<T>& X,
                            index_t first_panel, PanelGroup<T> A, T* Z, bool activate, index_t columns, Did did) {
  const Activation<T>& g = kernels.activations[layer.activation];
  const bool fused = activate && g.fused && !Z, ends = (first_panel + A.panels) * kPanel<T> > X.count;
  const PanelGroup<T> out{Z ? Z : A.data, A.units, A.panels};
  constexpr index_t size = sizeof(T);
  const index_t steps = kDepth<T>, run = round_up(columns * size, 64);
  for (index_t p = 0; p < layer.inputs; p += steps) {
    const index_t k = std::min(steps, layer.inputs - p), after = std::min(steps, layer.inputs - p - k);
    const T* b = X.data + p * X.row + first_panel * kPanel<T>;
    kernels.gemm({.m = layer.units,
                  .n = columns,
                  .k = k,
                  .a = {.data = layer.W + p, .row = layer.W_row, .col = 1},
                  .b = {.data = b, .row = X.row, .panel = kPanel<T>, .last = ends ? X.last + p * kPanel<T> : nullptr},
                  .c = {.data = out.data, .row = kPanel<T>, .panel = A.units * kPanel<T>, .padded = true},
                  .start = {.bias = layer.b, .accumulate = p > 0},
                  .epilogue = {.finish = fused && after == 0 ? g.forward_finish : Finish::kScale},
                  .prefetch = {.next = b + k * X.row, .bytes = after * run, .run = run, .jump = X.row * size - run}});
    did(2.0 * double(layer.units) * double(columns) * double(k));
  }
  if (activate && !fused) activate_panels(g, out, A, columns);
}

/// What layer_backward needs of the layer before.
template <class T>
struct LayerBefore {
  ActivationId activation;
  const T* Z;  // null: the derivative is computed from A
  DropoutMask dropout;
  index_t first_example;
};

/// dZ_prev = dA * g'(Z_prev), over A_prev, of the first `columns` examples.
template <class T>
void finish_backward(const Kernels<T>& kernels, const LayerBefore<T>& before, PanelGroup<T> dA, PanelGroup<T> A_prev,
                     index_t columns) {
  const Activation<T>& g = kernels.activations[before.activation];
  before.dropout.apply(kernels, dA, before.first_example);
  for (index_t p = 0; p < A_prev.panels; ++p) {
    T* a = A_prev.panel(p);
    const T* of = before.Z ? before.Z + p * A_prev.units * kPanel<T> : a;
    (before.Z ? g.backward : g.backward_from_a)({.rows = A_prev.units,
                                                 .cols = std::min(kPanel<T>, columns - p * kPanel<T>),
                                                 .d_a = {dA.panel(p), kPanel<T>},
                                                 .z = {of, kPanel<T>},
                                                 .d_z = {a, kPanel<T>},
                                                 .lane_sums = nullptr,
                                                 .flush = true});
  }
}

/// dZ_prev = (W^T dZ) * g'(Z_prev), over A_prev, of the first `columns` examples; those behind them may become
/// anything. W_transposed: W's transpose (which may be W, read across).
template <class T, class Did>
void layer_backward(const Kernels<T>& kernels, const Matrix<const T>& W_transposed, const LayerBefore<T>& before,
                    PanelGroup<const T> dZ, PanelGroup<T> A_prev, index_t columns, T* scratch, bool W_exceeds_cache,
                    Did did) {
  const Activation<T>& g = kernels.activations[before.activation];
  // relu's A is 0 for the units that were dropped, too.
  const bool fused = g.fused && !before.Z && (before.dropout.keep == 1 || g.backward_finish == Finish::kReluBackward);
  const PanelGroup<T> dA{fused ? A_prev.data : scratch, A_prev.units, A_prev.panels};
  multiply_panels<T>(kernels, W_transposed, nullptr, dZ, dA, fused ? g.backward_finish : Finish::kScale,
                     fused ? T(1 / before.dropout.keep) : T(1), A_prev.data, scratch, columns, W_exceeds_cache, did);
  if (!fused) finish_backward(kernels, before, dA, A_prev, columns);
}

/// A part of W and, with its first columns, of b.
struct WeightBlock {
  index_t row, rows, column, columns;
};

/// How the gradient of a block is summed over some examples.
template <class T>
struct GradientSum {
  bool resume, finish;  // continues the sums over earlier examples; these examples are the last
  T* lane_sums;         // the state of db between calls, [units][kPanel]
  const T* dW_before;   // the state of dW: laid out as `W`, where resume is true
  T *W, *b;             // of the block, what the sums go to: c = finish(sum), b += db_scale * sum
  index_t W_row;
  Finish dW_finish;
  T dW_scale, db_scale;
  bool W_exceeds_cache;  // see NetworkState
  bool padded = true;    // what lies behind the rows of W, up to a multiple of 64 bytes, may be written
};

/// db = dZ 1, for a block that begins with the first column.
template <class T>
void bias_gradient(const Kernels<T>& kernels, const Layer<T>& layer, const WeightBlock& block, const T* dZ,
                   index_t examples, const GradientSum<T>& sum) {
  if (block.column != 0) return;
  kernels.sum_rows({.rows = block.rows,
                    .panels = panels_for<T>(examples),
                    .x = dZ + block.row * kPanel<T>,
                    .x_panel = layer.units * kPanel<T>,
                    .lane_sums = sum.lane_sums + block.row * kPanel<T>,
                    .resume = sum.resume,
                    .finish = sum.finish,
                    .scale = sum.db_scale,
                    .out = sum.b});
}

/// dW = dZ A_prev^T and db = dZ 1, for a block. A_prev is transposed, its blocks of units transposed_examples rows
/// apart.
template <class T>
void layer_gradient(const Kernels<T>& kernels, const Layer<T>& layer, const WeightBlock& block, const T* dZ,
                    const T* A_prev, index_t transposed_examples, index_t examples, const GradientSum<T>& sum) {
  bias_gradient(kernels, layer, block, dZ, examples, sum);
  kernels.gemm(
      {.m = block.rows,
       .n = block.columns,
       .k = examples,
       .a = {.data = dZ + block.row * kPanel<T>,
             .row = kPanel<T>,
             .col = 1,
             .run = kPanel<T>,
             .jump = (layer.units - 1) * kPanel<T>},
       .b = {.data = A_prev + block.column * transposed_examples,
             .row = kPanel<T>,
             .panel = transposed_examples * kPanel<T>},
       .c = {.data = sum.W, .row = sum.W_row, .padded = sum.padded},
       .start = {.accumulate = sum.resume, .sums = sum.resume ? sum.dW_before : nullptr},
       .epilogue = {.finish = sum.dW_finish, .scale = sum.dW_scale},
       .prefetch = {.b = examples * layer.inputs * index_t(sizeof(T)) > index_t{512} << 10, .c = sum.W_exceeds_cache}});
}

/// The same for a first layer whose X is read where it is. The product is transposed: X times dZ^T, whose rows are
/// examples, in blocks of kPanel units `transposed_examples` rows apart. Each element is the same sum.
template <class T>
void layer_gradient_in_place(const Kernels<T>& kernels, const Layer<T>& layer, const WeightBlock& block, const T* dZ,
                             const T* dZ_transposed, index_t transposed_examples, const PlainExamples<T>& X,
                             const GradientSum<T>& sum) {
  constexpr index_t line = 64 / index_t(sizeof(T)), kAtOnce = 3 * line, width = (kFewRows + line - 1) / line * line;
  assert(block.row == 0 && block.rows <= kFewRows && !sum.resume && sum.finish);
  bias_gradient(kernels, layer, block, dZ, X.count, sum);
  alignas(64) T sums[kAtOnce * width], turned[kFewRows * kAtOnce];
  for (index_t first = 0; first < block.columns; first += kAtOnce) {
    const index_t count = std::min(kAtOnce, block.columns - first);
    kernels.gemm({.m = count,
                  .n = round_up(block.rows, line),
                  .k = X.count,
                  .a = {.data = X.data + (block.column + first) * X.row, .row = X.row, .col = 1},
                  .b = {.data = dZ_transposed, .row = kPanel<T>, .panel = transposed_examples * kPanel<T>},
                  .c = {.data = sums, .row = width}});
    kernels.transpose_matrix(count, block.rows, sums, width, turned, kAtOnce);
    for (index_t i = 0; i < block.rows; ++i) {
      T* W = sum.W + i * sum.W_row + first;
      if (sum.dW_finish == Finish::kDescend)
        kernels.gradient_step(count, W, turned + i * kAtOnce, sum.dW_scale, W);
      else
        std::copy_n(turned + i * kAtOnce, count, W);
    }
  }
}

/// The first `examples` of a panel transposed: [units][kPanel] into rows of examples, in blocks of kPanel units that
/// lie `transposed_examples` rows apart.
template <class T>
void transpose_panel(const Kernels<T>& kernels, index_t units, index_t examples, const T* panel, T* transposed,
                     index_t transposed_examples) {
  for (index_t first = 0; first < units; first += kPanel<T>)
    kernels.transpose_matrix(std::min(kPanel<T>, units - first), examples, panel + first * kPanel<T>, kPanel<T>,
                             transposed + first * transposed_examples, kPanel<T>);
}

/// Bytes of the types of Element, in its order.
constexpr index_t kElementBytes[kElementTypes] = {2, 4, 8, 1, 1, 4, 8};

/// Up to kPanel examples of X, as a panel and, if wanted, transposed. `transposed` is needed as scratch either way.
template <class T>
void gather_panel(const Kernels<T>& kernels, const Examples& X, const uint32_t* order, index_t first, index_t count,
                  T* panel, T* transposed, index_t transposed_examples, bool want_transposed, index_t ahead = 0,
                  index_t fetched = 0) {
  const auto type = size_t(X.element);
  const Gather<T> gather{.data = X.data,
                         .unit_stride = X.unit_stride,
                         .example_stride = X.example_stride,
                         .order = order ? order + first : nullptr,
                         .first = order ? 0 : first,
                         .count = count,
                         .units = X.units,
                         .scale = T(X.scale),
                         .panel = panel,
                         .transposed = transposed,
                         .transposed_examples = transposed_examples,
                         .ahead = ahead,
                         .fetched = fetched};
  if (X.unit_stride != kElementBytes[type] || X.units == 1) {
    kernels.readers[type].columns(gather);
    if (want_transposed) transpose_panel(kernels, X.units, kPanel<T>, panel, transposed, transposed_examples);
    return;
  }
  kernels.readers[type].rows(gather);
  for (index_t unit = 0; unit < X.units; unit += kPanel<T>)
    kernels.transpose_matrix(kPanel<T>, std::min(kPanel<T>, X.units - unit), transposed + unit * transposed_examples,
                             kPanel<T>, panel + unit * kPanel<T>, kPanel<T>);
}

/// `count` numbers of X that lie `stride` bytes apart as a run of memory, with zeros up to the next whole panel.
template <class T>
void gather_numbers(const Kernels<T>& kernels, const Examples& X, const void* from, index_t stride, index_t count,
                    T* x) {
  Gather<T> gather{};
  gather.data = from;
  gather.example_stride = stride;  // a panel of one unit whose examples are the numbers
  gather.units = 1;
  gather.scale = T(X.scale);
  for (index_t i = 0; i < count; i += kPanel<T>) {
    gather.first = i;
    gather.count = std::min(kPanel<T>, count - i);
    gather.panel = x + i;
    kernels.readers[size_t(X.element)].columns(gather);
  }
}

/// One example as a run of memory, with zeros up to the next whole panel.
template <class T>
void gather_example(const Kernels<T>& kernels, const Examples& X, index_t example, T* x) {
  gather_numbers(kernels, X, static_cast<const char*>(X.data) + example * X.example_stride, X.unit_stride, X.units, x);
}

}  // namespace deepnet
