// One panel of examples through one loss of one instruction set, all of its memory fenced.
#pragma once

#include "curves.h"

namespace oracle {

using deepnet::kPanel;

template <class T>
const deepnet::Loss<T>& find_loss(const deepnet::Kernels<T>& kernels, std::string_view name) {
  for (index_t i = 0; i < kernels.loss_count; ++i)
    if (kernels.losses[i].name == name) return kernels.losses[i];
  throw std::runtime_error("no such loss");
}

template <class T>
bool follows_softmax(const deepnet::Loss<T>& loss) {
  return loss.activation && loss.activation == std::string_view("softmax");
}

/// Outputs x kPanel numbers; of the labels, a loss of classes reads the first row alone.
template <class T>
struct Panel {
  index_t outputs, examples;
  std::vector<T> output, y, d;
  std::vector<T> weights = {};  // none, or kPanel
  T parameter = T(0.5), smoothing = 0;
  double loss = 0;

  Panel(index_t outputs_, index_t examples_)
      : outputs(outputs_), examples(examples_), output(size()), y(size()), d(size()) {}
  size_t size() const { return size_t(outputs * kPanel<T>); }

  /// Labels that the loss is defined for.
  void random_labels(const deepnet::Loss<T>& f, uint64_t seed) {
    for (size_t i = 0; i < y.size(); ++i) y[i] = T(random_number(seed, i, 0, 1));
    for (size_t e = 0; e < size_t(kPanel<T>); ++e) {
      T sum = 0;
      for (size_t at = e; at < size(); at += size_t(kPanel<T>)) sum += y[at];
      if (f.labels == deepnet::LabelRule::kClasses)
        y[e] = std::floor(y[e] * T(outputs));
      else if (follows_softmax(f))
        for (size_t at = e; at < size(); at += size_t(kPanel<T>)) y[at] /= sum;
    }
  }

  void run(const deepnet::Loss<T>& f, Fence fence = Fence::kBehind) {
    const index_t count = outputs * kPanel<T>, labels = f.labels == deepnet::LabelRule::kClasses ? kPanel<T> : count;
    const Fenced<T> in(count, fence), of_y(labels, fence), of_weights(kPanel<T>, fence), out(count, fence);
    std::copy(output.begin(), output.end(), in.data());
    std::copy_n(y.begin(), labels, of_y.data());
    std::copy(weights.begin(), weights.end(), of_weights.data());
    loss = f.of_panel({.outputs = outputs,
                       .examples = examples,
                       .output = in.data(),
                       .y = of_y.data(),
                       .weights = weights.empty() ? nullptr : of_weights.data(),
                       .parameters = {parameter},
                       .smoothing = smoothing,
                       .d = out.data()});
    d.assign(out.data(), out.data() + out.size());
  }
};

}  // namespace oracle
