// One layer with products of bfloat16: the operands in squares, and the calls of the kernels that make and read them.
//
// An activation becomes operands as soon as it is known: pairs for the next layer and, turned, for dW of the next
// layer; dZ becomes pairs for dA and rows for dW. relu and its derivative happen within the product, which then writes
// only operands. All other activations go by way of float32 panels.
#pragma once

#include <cstddef>

#include "nn/panels.h"
#include "runtime/dispatch.h"
#include "runtime/thread_pool.h"

namespace deepnet {

constexpr index_t squares_of(index_t n) { return (n + kSquare - 1) / kSquare; }

inline index_t square_bytes(const Bfloat16Kernels& bf16) { return bf16.number * kSquare * kSquare; }

/// Panel p of pairs of so many units.
inline std::byte* pairs_of(const Bfloat16Kernels& bf16, std::byte* pairs, index_t units, index_t p) {
  return pairs ? pairs + p * squares_of(units) * square_bytes(bf16) : nullptr;
}

/// Where the operands of one panel go; null: nowhere. rows and turned have `between` squares from one square of units
/// to the next.
struct PanelOperands {
  std::byte *pairs = nullptr, *rows = nullptr, *turned = nullptr;
  index_t between = 0;
  float* sums = nullptr;
};

inline void round_panel(const Bfloat16Kernels& bf16, index_t units, index_t examples, const float* x,
                        const PanelOperands& to) {
  bf16.operands({.units = units,
                 .examples = examples,
                 .x = x,
                 .pairs = to.pairs,
                 .rows = to.rows,
                 .turned = to.turned,
                 .between = to.between,
                 .sums = to.sums});
}

/// A block of W and where it lies, rounded, in the operands of the whole layer. It begins with a square. `kept`: they
/// were made before, and W may have changed since.
inline Bfloat16Weights rounded_weights(const Bfloat16Kernels& bf16, const Layer<float>& layer, const WeightBlock& block,
                                       std::byte* rows, std::byte* turned, bool kept = false) {
  assert(block.row % kSquare == 0 && block.column % kSquare == 0);
  const index_t r = block.row / kSquare, s = block.column / kSquare, down = squares_of(layer.units),
                across = squares_of(layer.inputs);
  return {.rows_count = block.rows,
          .columns = block.columns,
          .W = layer.W + block.row * layer.W_row + block.column,
          .W_row = layer.W_row,
          .rows = rows + (r * across + s) * square_bytes(bf16),
          .rows_between = across,
          .turned = turned ? turned + (s * down + r) * square_bytes(bf16) : nullptr,
          .turned_between = down,
          .kept = kept};
}

inline void round_weights(const Bfloat16Kernels& bf16, const Layer<float>& layer, const WeightBlock& block,
                          std::byte* rows, std::byte* turned, bool kept = false) {
  bf16.weights(rounded_weights(bf16, layer, block, rows, turned, kept));
}

/// Where the results of some panels go: float32 panels `c`, or operands.
struct Bfloat16Result {
  float* c = nullptr;
  std::byte* pairs = nullptr;
  std::byte *rows = nullptr, *turned = nullptr;
  index_t between = 0;
  const std::byte* other = nullptr;  // relu's derivative: A as pairs
  float* sums = nullptr;
};

/// W as squares, or if they are null as it is.
struct Bfloat16Left {
  const std::byte* squares;
  const float* W = nullptr;
  index_t W_row = 0;
};

/// finish(scale * a b + bias), cut so that no call of the kernel takes long, and so that so many threads take part.
template <class Did>
void multiply_bfloat16(const Bfloat16Kernels& bf16, index_t m, index_t k, const Bfloat16Left& a, const std::byte* b,
                       index_t panels, const float* bias, Finish finish, float scale, const Bfloat16Result& to, Did did,
                       int threads = 1) {
  constexpr double kAtOnce = 1 << 28;  // operations
  const double of_square = 2.0 * double(kSquare) * double(k) * double(panels * kPanel<float>);
  const index_t of_thread = (squares_of(m) + threads - 1) / threads;
  const index_t at_once = std::clamp(index_t(kAtOnce / of_square), index_t{1}, of_thread), depth = squares_of(k);
  ThreadPool::run((squares_of(m) + at_once - 1) / at_once, threads, [&](index_t task) {
    const index_t s = task * at_once;
    const index_t row = s * kSquare, rows = std::min(at_once * kSquare, m - row), bytes = square_bytes(bf16);
    const auto at = [&](auto* memory, index_t squares) { return memory ? memory + squares * bytes : nullptr; };
    bf16.product({.m = rows,
                  .k = k,
                  .panels = panels,
                  .a = at(a.squares, s * depth),
                  .W = a.squares ? nullptr : a.W + row * a.W_row,
                  .W_row = a.W_row,
                  .b = b,
                  .m_squares = squares_of(m),
                  .bias = bias ? bias + row : nullptr,
                  .finish = finish,
                  .scale = scale,
                  .c = to.c ? to.c + row * kPanel<float> : nullptr,
                  .c_panel = m * kPanel<float>,
                  .other = at(to.other, s),
                  .pairs = at(to.pairs, s),
                  .rows = at(to.rows, s * to.between),
                  .turned = at(to.turned, s * to.between),
                  .between = to.between,
                  .sums = to.sums ? to.sums + row : nullptr});
    did(of_square * double(squares_of(rows)));
  });
}

/// Z = W A_prev + b into `to.c`, or relu(Z) into `to.pairs` and `to.turned`. W: rounded; null: layer.W is rounded on
/// the way.
template <class Did>
void forward_bfloat16(const Bfloat16Kernels& bf16, const Layer<float>& layer, const std::byte* W,
                      const std::byte* A_prev, index_t panels, const Bfloat16Result& to, Did did, int threads = 1) {
  multiply_bfloat16(bf16, layer.units, layer.inputs, {W, layer.W, layer.W_row}, A_prev, panels, layer.b,
                    to.c ? Finish::kScale : Finish::kRelu, 1, to, did, threads);
}

/// dA_prev = W^T dZ into `to.c`, or scale * dA_prev where A_prev (`to.other`) is not 0 into `to.rows`, `to.pairs` and
/// `to.sums`.
template <class Did>
void backward_bfloat16(const Bfloat16Kernels& bf16, const Layer<float>& layer, const std::byte* W_turned,
                       const std::byte* dZ, index_t panels, float scale, const Bfloat16Result& to, Did did) {
  multiply_bfloat16(bf16, layer.inputs, layer.units, {W_turned}, dZ, panels, nullptr,
                    to.c ? Finish::kScale : Finish::kReluBackward, scale, to, did);
}

/// db of a block: the sums of each panel, one after another. `between`: from one panel's sums to the next.
inline void bias_gradient_bfloat16(const WeightBlock& block, const float* sums, index_t panels, index_t between,
                                   const GradientSum<float>& sum) {
  if (block.column != 0) return;
  float* state = sum.lane_sums + block.row;
  for (index_t i = 0; i < block.rows; ++i) {
    float total = sum.resume ? state[i] : 0;
    for (index_t p = 0; p < panels; ++p) total += sums[p * between + block.row + i];
    state[i] = total;
    if (sum.finish) sum.b[i] += sum.db_scale * total;
  }
}

/// dW = dZ A_prev^T of a block. dZ: rows, A_prev: turned pairs, of whole layers. weights: where the new W goes,
/// rounded.
inline void gradient_bfloat16(const Bfloat16Kernels& bf16, const WeightBlock& block, const std::byte* dZ,
                              const std::byte* A_prev, index_t between, index_t panels, const GradientSum<float>& sum,
                              const Bfloat16Weights& weights = {}) {
  const index_t bytes = square_bytes(bf16);
  bf16.gradient({.m = block.rows,
                 .n = block.columns,
                 .panels = panels,
                 .a = dZ + block.row / kSquare * between * bytes,
                 .b = A_prev + block.column / kSquare * between * bytes,
                 .between = between,
                 .before = sum.resume ? sum.dW_before : nullptr,
                 .before_row = sum.W_row,
                 .c = sum.W,
                 .c_row = sum.W_row,
                 .finish = sum.dW_finish,
                 .scale = sum.dW_scale,
                 .weights = weights,
                 .prefetch = sum.W_exceeds_cache});
}

}  // namespace deepnet
