// The first layer on sparse examples: forward and the gradient of W from the numbers that are not 0.
//
// The examples of a chunk are listed twice: by example for Z = W X + b, and by input for dW = dZ X^T. Only the columns
// of W that they use are read, and copied so that each lies in one run of memory (W is stored by rows). All sums have
// the order of the dense products, so they have the same bits, see kernels/sparse.h.
#pragma once

#include <cassert>
#include <type_traits>
#include <vector>

#include "nn/panels.h"

namespace deepnet {

/// The numbers of one sparse example, in X.data and X.indices.
inline index_t nonzeros_of(const Examples& X, index_t example) { return X.begins[example + 1] - X.begins[example]; }

/// The mean over a few examples, for estimates of the work.
inline double nonzeros_per_example(const Examples& X, const uint32_t* chosen) {
  const index_t seen = std::min<index_t>(X.count, 64);
  index_t sum = 0;
  for (index_t i = 0; i < seen; ++i) sum += nonzeros_of(X, chosen ? chosen[i] : i);
  return double(sum) / double(seen);
}

template <class T>
class SparseChunk {
 public:
  /// Lists examples order[first], order[first + 1], ..., or without an order first, first + 1, ...; `back`: also for
  /// the gradient. `first_example`: of them, counted in the batch, for the dropout. `bf16`, here and below: numbers are
  /// rounded to bfloat16; null: they are not.
  void gather(const Kernels<T>& kernels, const Layer<T>& layer, const Examples& X, const uint32_t* order, index_t first,
              index_t count, const DropoutMask& dropout, index_t first_example, bool back,
              const Bfloat16Kernels* bf16 = nullptr) {
    const auto example = [&](index_t e) { return order ? index_t(order[first + e]) : first + e; };
    const index_t places = round_up(count, kPanel<T>);
    begins_.assign(size_t(places) + 1, 0);
    for (index_t e = 0; e < places; ++e)
      begins_[size_t(e) + 1] = begins_[size_t(e)] + (e < count ? nonzeros_of(X, example(e)) : 0);
    inputs_.resize(size_t(begins_.back()));
    values_.resize(inputs_.size() + size_t(kPanel<T>));
    counts_.assign(size_t(layer.inputs), 0);
    const index_t bytes = kElementBytes[size_t(X.element)];
    const auto last = uint32_t(layer.inputs - 1);
    for (index_t e = 0; e < count; ++e) {
      const index_t from = X.begins[example(e)], begin = begins_[size_t(e)], size = begins_[size_t(e) + 1] - begin;
      gather_numbers(kernels, X, static_cast<const char*>(X.data) + from * bytes, bytes, size, values_.data() + begin);
      uint32_t* inputs = inputs_.data() + begin;
      for (index_t p = 0; p < size; ++p) {  // the caller's memory may have changed since it was checked
        inputs[p] = std::min(uint32_t(X.indices[from + p]), last);
        ++counts_[inputs[p]];
      }
      dropout.apply(kernels, layer.inputs, first_example + e, size, inputs, values_.data() + begin);
    }
    round(bf16, begins_.back(), values_.data());
    number_inputs();
    if (back) list_by_input(count);
    row_ = round_up(layer.units, 64 / index_t(sizeof(T)));
    columns_.reserve(used() * row_);
    if (back) dZ_.reserve(places * row_);
  }

  /// Of its memory.
  index_t bytes() const {
    const auto of = [](const auto& list) { return list.capacity() * sizeof(list[0]); };
    return index_t(of(begins_) + of(inputs_) + of(values_) + of(used_) + of(counts_) + of(input_begins_) + of(next_) +
                   of(input_examples_) + of(input_values_) + columns_.memory.size() + dZ_.memory.size());
  }

  /// How many inputs are not 0 for some example.
  index_t used() const { return index_t(used_.size()); }

  /// Copies columns of W for `count` inputs that are used, from number `first` on.
  void copy_columns(const Layer<T>& layer, index_t first, index_t count, const Bfloat16Kernels* bf16 = nullptr) {
    T* to = columns_.numbers + first * row_;
    constexpr index_t line = 64 / index_t(sizeof(T));  // rows of W that fill a line of the copies
    for (index_t start = 0; start < layer.units; start += line) {
      const T* W = layer.W + start * layer.W_row;
      const index_t rows = std::min(line, layer.units - start);
      for (index_t c = 0; c < count; ++c) {
        const T* from = W + used_[size_t(first + c)];
        for (index_t i = 0; i < rows; ++i) to[c * row_ + start + i] = from[i * layer.W_row];
      }
    }
    round(bf16, count * row_, to);
  }

  /// A = g(W X + b) for some panels of the chunk. Z and `activate` are as in layer_forward; scratch: kPanel rows of
  /// whole cache lines of units.
  void forward(const Kernels<T>& kernels, const Layer<T>& layer, index_t first_panel, PanelGroup<T> A, T* Z,
               bool activate, index_t columns, T* scratch) {
    const PanelGroup<T> out{Z ? Z : A.data, A.units, A.panels};
    for (index_t p = 0; p < A.panels; ++p) {
      kernels.sparse_product({.rows = kPanel<T>,
                              .columns = layer.units,
                              .begins = begins_.data() + (first_panel + p) * kPanel<T>,
                              .index = inputs_.data(),
                              .value = values_.data(),
                              .a = columns_.numbers,
                              .a_row = row_,
                              .start = layer.b,
                              .start_row = 0,
                              .out = scratch,
                              .out_row = row_});
      kernels.transpose_matrix(kPanel<T>, layer.units, scratch, row_, out.panel(p), kPanel<T>);
    }
    if (activate) activate_panels(kernels.activations[layer.activation], out, A, columns);
  }

  /// Takes dZ of one panel, for the gradient.
  void take_dZ(const Kernels<T>& kernels, const Layer<T>& layer, index_t panel, const T* dZ,
               const Bfloat16Kernels* bf16 = nullptr) {
    T* rows = dZ_.numbers + panel * kPanel<T> * row_;
    kernels.transpose_matrix(layer.units, kPanel<T>, dZ, kPanel<T>, rows, row_);
    round(bf16, kPanel<T> * row_, rows);
  }

  /// dW = dZ X^T of a block, as in layer_gradient. It descends (Finish::kDescend) without resuming only: then the
  /// columns of W that are not used stay as they are.
  void gradient(const Kernels<T>& kernels, const WeightBlock& block, const GradientSum<T>& sum) {
    const bool descends = sum.dW_finish == Finish::kDescend;
    assert(block.rows <= kMostRows && (descends ? !sum.resume : sum.dW_scale == 1 && sum.dW_before == sum.W));
    if (!descends && !sum.resume)
      for (index_t i = 0; i < block.rows; ++i) std::fill_n(sum.W + i * sum.W_row, block.columns, T(0));
    const index_t row = round_up(block.rows, 64 / index_t(sizeof(T)));
    const auto number_of = [&](index_t input) {
      return std::lower_bound(used_.begin(), used_.end(), uint32_t(input)) - used_.begin();
    };
    alignas(64) T sums[kMostRows * kAtOnce], weights[kMostRows * kAtOnce];
    for (index_t first = number_of(block.column), end = number_of(block.column + block.columns), count = 0; first < end;
         first += count) {
      count = std::min(kAtOnce, end - first);
      T* W = sum.W - block.column;
      const auto each = [&](auto use) {
        for (index_t i = 0; i < block.rows; ++i)
          for (index_t c = 0; c < count; ++c) use(W[i * sum.W_row + index_t(used_[size_t(first + c)])], c * row + i);
      };
      if (sum.resume) each([&](T w, index_t at) { sums[at] = w; });
      kernels.sparse_product({.rows = count,
                              .columns = block.rows,
                              .begins = input_begins_.data() + first,
                              .index = input_examples_.data(),
                              .value = input_values_.data(),
                              .a = dZ_.numbers + block.row,
                              .a_row = row_,
                              .start = sum.resume ? sums : nullptr,
                              .start_row = row,
                              .out = sums,
                              .out_row = row});
      if (descends) {
        each([&](T w, index_t at) { weights[at] = w; });
        for (index_t c = 0; c < count; ++c)
          kernels.gradient_step(block.rows, weights + c * row, sums + c * row, sum.dW_scale, weights + c * row);
      }
      const T* result = descends ? weights : sums;
      each([&](T& w, index_t at) { w = result[at]; });
    }
  }

  static constexpr index_t kMostRows = 8 * kRowGroup;  // of a block

 private:
  static constexpr index_t kAtOnce = 32;  // columns of dW, whose sums stay in L1

  static void round(const Bfloat16Kernels* bf16, index_t count, T* x) {
    if constexpr (std::is_same_v<T, float>)
      if (bf16) bf16->round(count, x, x);
  }

  /// Lists the inputs that are used and numbers them: inputs_ becomes the number of each.
  void number_inputs() {
    used_.clear();
    input_begins_.assign(1, 0);
    for (size_t j = 0; j < counts_.size(); ++j) {
      if (counts_[j] == 0) continue;
      input_begins_.push_back(input_begins_.back() + index_t(counts_[j]));
      counts_[j] = uint32_t(used_.size());
      used_.push_back(uint32_t(j));
    }
    for (uint32_t& input : inputs_) input = counts_[input];
  }

  /// The same numbers input by input, each in the order of the examples.
  void list_by_input(index_t count) {
    input_examples_.resize(inputs_.size());
    input_values_.resize(inputs_.size());
    next_.assign(input_begins_.begin(), input_begins_.end());
    for (index_t e = 0; e < count; ++e)
      for (index_t p = begins_[size_t(e)]; p < begins_[size_t(e) + 1]; ++p) {
        const auto at = size_t(next_[inputs_[size_t(p)]]++);
        input_examples_[at] = uint32_t(e);
        input_values_[at] = values_[size_t(p)];
      }
  }

  /// Rows of units. Their ends, behind the last unit, are read, but not all are written: no subnormal numbers.
  struct Rows {
    void reserve(index_t count) {
      count = std::max<index_t>(count, 1);
      if (count <= size) return;
      size = 0;
      numbers = memory.template reserve<T>(count + count / 4);
      size = count + count / 4;
      std::fill_n(numbers, size, T(0));
    }
    AlignedBuffer memory;
    T* numbers = nullptr;
    index_t size = 0;
  };

  std::vector<index_t> begins_;   // of each example, those behind the last in its panel included
  std::vector<uint32_t> inputs_;  // by example: the place in used_
  std::vector<T> values_;
  std::vector<uint32_t> used_, counts_;  // counts_: per input
  std::vector<index_t> input_begins_, next_;
  std::vector<uint32_t> input_examples_;
  std::vector<T> input_values_;
  Rows columns_, dZ_;  // [used][row_], [example][row_]
  index_t row_ = 0;
};

}  // namespace deepnet
