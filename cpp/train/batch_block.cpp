// What is done with one block of a W in phase 2 of a batch: the sums of its gradient, its update, and the copies of it.
#include <cassert>

#include "runtime/phases.h"
#include "train/batch.h"

namespace deepnet {

/// Where the sums of a block's gradients are kept between passes; null if they are not.
template <class T>
BlockGradient<T> BatchRunner<T>::kept_gradient(const Block& block) const {
  if (!gradient_) return {nullptr, nullptr, 0};
  const Layer<T>& layer = network_.layers[block.layer];
  const index_t at = block.row * layer.W_row + block.column;
  return {in_gradient(layer.W + at), in_gradient(layer.b + block.row), layer.W_row};
}

/// Sums the gradients of a block over some examples, added to those of earlier ones if `resume` is true. `into_W`:
/// applies them, too.
template <class T>
void BatchRunner<T>::sum_gradients(const Block& block, index_t first_panel, index_t examples, bool resume, bool finish,
                                   const BlockGradient<T>& to, bool into_W, double rate) {
  const Layer<T>& layer = network_.layers[block.layer];
  if (!into_W && !resume && block.column == 0) std::fill_n(to.db, block.rows, T(0));
  sum_into(block, first_panel, examples,
           {.resume = resume,
            .finish = finish,
            .lane_sums = lane_sums_[block.layer],
            .dW_before = to.dW,
            .W = into_W ? layer.W + block.row * layer.W_row + block.column : to.dW,
            .b = into_W ? layer.b + block.row : to.db,
            .W_row = into_W ? layer.W_row : to.dW_row,
            .dW_finish = into_W ? Finish::kDescend : Finish::kScale,
            .dW_scale = into_W ? T(rate) : T(1),
            .db_scale = into_W ? T(-rate) : T(1),
            .W_exceeds_cache = network_.exceeds_cache()});
}

template <class T>
void BatchRunner<T>::sum_into(const Block& block, index_t first_panel, index_t examples, const GradientSum<T>& sum) {
  const Layer<T>& layer = network_.layers[block.layer];
  const TimedPhase timed(Phase::kGradient);
  if constexpr (std::is_same_v<T, float>)
    if (bf16_) {
      assert(first_panel == 0);
      const index_t panels = panels_for<T>(examples);
      bias_gradient_bfloat16(block, operands_.sums[block.layer + 1], panels, squares_of(layer.units) * kSquare, sum);
      if (is_sparse(block)) return sparse_.gradient(kernels_, block, sum);
      const Bfloat16Weights weights =
          sum.dW_finish == Finish::kDescend
              ? rounded_weights(*bf16_, layer, block, operands_.W[block.layer], operands_.W_turned[block.layer])
              : Bfloat16Weights{};
      return gradient_bfloat16(*bf16_, block, operands_.rows[block.layer + 1], operands_.turned[block.layer],
                               chunk_ / kPanel<T>, panels, sum, weights);
    }
  const T* dZ = activations(block.layer + 1, first_panel, 1).data;
  assert(first_panel == 0 || (!is_sparse() && !in_place_));
  if (is_sparse(block)) {
    bias_gradient(kernels_, layer, block, dZ, examples, sum);
    sparse_.gradient(kernels_, block, sum);
  } else if (block.layer == 0 && in_place_) {
    layer_gradient_in_place<T>(kernels_, layer, block, dZ, dZ_transposed_, room_, plain_examples(), sum);
  } else {
    layer_gradient<T>(kernels_, layer, block, dZ, transposed_[block.layer] + first_panel * kPanel<T> * kPanel<T>, room_,
                      examples, sum);
  }
}

/// Finishes the sums of a block's gradients and updates it while they are in cache; returns the penalty.
template <class T>
double BatchRunner<T>::finish_block(const Block& block, index_t first_panel, index_t examples, bool resume,
                                    double rate) {
  double penalty = 0;
  if (updater_.is_fused() && is_sparse(block) && resume) {  // inputs of earlier chunks have gradients, too
    sum_gradients(block, first_panel, examples, true, true, kept_gradient(block), false, 0);
    return update_block(block, rate);
  }
  if (updater_.is_fused()) {
    sum_gradients(block, first_panel, examples, resume, true, kept_gradient(block), true, rate);
    if (bf16_ && !is_sparse(block)) return penalty;  // which has rounded W, too
  } else {
    const auto finish = [&](const BlockGradient<T>& gradient) {
      sum_gradients(block, first_panel, examples, resume, true, gradient, false, rate);
      penalty = update(block, gradient);
    };
    if (gradient_) {
      finish(kept_gradient(block));
    } else {
      const typename BlockBuffers<T>::Borrowed buffer(block_gradients_);
      const index_t row = padded_row<T>(block.columns);
      finish({buffer.get(), buffer.get() + block.rows * row, row});
    }
  }
  transpose_weights(block);
  return penalty;
}

template <class T>
double BatchRunner<T>::update(const Block& block, const BlockGradient<T>& gradient) {
  const TimedPhase timed(Phase::kUpdate);
  return updater_.undoes_updates() ? updater_.update(block, block.layer, gradient, non_finite_)
                                   : updater_.update(block, block.layer, gradient);
}

/// Updates a block from sums that were kept; returns the penalty.
template <class T>
double BatchRunner<T>::update_block(const Block& block, double rate) {
  double penalty = 0;
  const BlockGradient<T> gradient = kept_gradient(block);
  if (updater_.is_fused()) {  // with the bits of finish_block
    const Layer<T>& layer = network_.layers[block.layer];
    for (index_t i = 0; i < block.rows; ++i) {
      T* W = layer.W + (block.row + i) * layer.W_row + block.column;
      kernels_.gradient_step(block.columns, W, gradient.dW + i * gradient.dW_row, T(rate), W);
    }
    T* b = layer.b + block.row;
    if (block.column == 0) kernels_.gradient_step(block.rows, b, gradient.db, T(rate), b);
  } else {
    penalty = update(block, gradient);
  }
  transpose_weights(block);
  return penalty;
}

/// Finishes the sums of a block's gradients, and writes the means of the gradients, with penalties.
template <class T>
void BatchRunner<T>::write_gradient(const Block& block, index_t examples, bool resume, const ParameterGradient<T>& to) {
  const Layer<T>& layer = network_.layers[block.layer];
  const auto& [dW, db] = to;
  assert(dW.rows == layer.units && dW.cols == layer.inputs && dW.col == 1 && db.rows == layer.units);
  const LayerPlan penalty = updater_.of_layer(block.layer);
  const T scale = T(1) / T(divisor_), l2 = T(penalty.l2), l1 = T(penalty.l1);
  const BlockGradient<T> sums = kept_gradient(block);
  assert(sums.dW && sums.db);
  T* out = dW.data + block.row * dW.row + block.column;
  if (!resume && l2 == 0 && l1 == 0 && !bf16_ && !is_sparse(block) && !(in_place_ && block.layer == 0)) {
    if (block.column == 0) std::fill_n(sums.db, block.rows, T(0));
    sum_into(block, 0, examples,
             {.resume = false,
              .finish = true,
              .lane_sums = lane_sums_[block.layer],
              .dW_before = nullptr,
              .W = out,
              .b = sums.db,
              .W_row = dW.row,
              .dW_finish = Finish::kScale,
              .dW_scale = scale,
              .db_scale = T(1),
              .W_exceeds_cache = network_.exceeds_cache(),
              .padded = false});
  } else {
    sum_gradients(block, 0, examples, resume, true, sums, false, 0);
    const T* W = layer.W + block.row * layer.W_row + block.column;
    for (index_t i = 0; i < block.rows; ++i, out += dW.row, W += layer.W_row) {
      const T* sum = sums.dW + i * sums.dW_row;
      if (l2 == 0 && l1 == 0)
        for (index_t j = 0; j < block.columns; ++j) out[j] = sum[j] * scale;
      else
        for (index_t j = 0; j < block.columns; ++j)
          out[j] = sum[j] * scale + (l2 * W[j] + l1 * T((W[j] > 0) - (W[j] < 0)));
    }
  }
  for (index_t i = 0; block.column == 0 && i < block.rows; ++i) db.data[(block.row + i) * db.row] = sums.db[i] * scale;
}

template <class T>
void BatchRunner<T>::transpose_weights(const Block& block, bool kept) {
  if constexpr (std::is_same_v<T, float>)
    if (bf16_) {
      if (is_sparse(block)) return;
      round_weights(*bf16_, network_.layers[block.layer], block, operands_.W[block.layer],
                    operands_.W_turned[block.layer], kept);
      return;
    }
  T* transposed = W_transposed_[block.layer];
  if (!transposed) return;
  const TimedPhase timed(Phase::kTransposeW);
  const Layer<T>& layer = network_.layers[block.layer];
  const index_t row = W_transposed_row_[block.layer];
  assert(block.row * index_t(sizeof(T)) % 64 == 0);  // no other block's lines are written
  kernels_.transpose_matrix(block.rows, block.columns, layer.W + block.row * layer.W_row + block.column, layer.W_row,
                            transposed + block.column * row + block.row, row);
}

// What the schedule, in batch.cpp, calls.
template BlockGradient<float> BatchRunner<float>::kept_gradient(const Block&) const;
template void BatchRunner<float>::sum_gradients(const Block&, index_t, index_t, bool, bool, const BlockGradient<float>&,
                                                bool, double);
template void BatchRunner<float>::write_gradient(const Block&, index_t, bool, const ParameterGradient<float>&);
template double BatchRunner<float>::finish_block(const Block&, index_t, index_t, bool, double);
template double BatchRunner<float>::update_block(const Block&, double);
template void BatchRunner<float>::transpose_weights(const Block&, bool);
template BlockGradient<double> BatchRunner<double>::kept_gradient(const Block&) const;
template void BatchRunner<double>::sum_gradients(const Block&, index_t, index_t, bool, bool,
                                                 const BlockGradient<double>&, bool, double);
template void BatchRunner<double>::write_gradient(const Block&, index_t, bool, const ParameterGradient<double>&);
template double BatchRunner<double>::finish_block(const Block&, index_t, index_t, bool, double);
template double BatchRunner<double>::update_block(const Block&, double);
template void BatchRunner<double>::transpose_weights(const Block&, bool);

}  // namespace deepnet
