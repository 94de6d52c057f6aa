// The engine on the instruction set that deepnet chooses (DEEPNET_ISA overrides it): one layer forward and backward on
// a batch in panels, and whole steps of training by fit.
//
// A step includes what fit does besides: shuffling and gathering, in epochs of several batches. Steps on several
// threads are compared with the peak of that many threads.
#include "engine.h"

#include "aligned.h"
#include "deepnet/config.h"
#include "networks.h"
#include "nn/panels.h"
#include "peak.h"
#include "topics.h"

namespace {

using namespace oracle;
using deepnet::kPanel;

/// 2 m n_(l-1) n_l for each of the three products of a layer, except for the gradient of the input.
double operations(const NetworkShape& shape) {
  double sum = 0;
  for (size_t l = 1; l < shape.units.size(); ++l) sum += (l == 1 ? 2 : 3) * double(shape.units[l] * shape.units[l - 1]);
  return 2 * double(shape.m) * sum;
}

/// Checks the whole gradient at full size: along the gradient, the loss changes by the square of its length (a finite
/// difference in double; relu's kinks leave a few thousandths), and float agrees with double. The tests check each
/// element.
bool right_gradients(const NetworkShape& shape) {
  const auto names = relu_then_sigmoid(shape.units.size() - 1);
  const Task<double> task(shape.units, names, shape.m);
  std::vector<double> gradient = task.gradients(1);
  gradient.pop_back();
  double square = 0;
  for (const double g : gradient) square += g * g;
  const std::vector<double> at = task.parameters();
  const auto loss = [&](double h) {
    std::vector<double> moved = at;
    for (size_t i = 0; i < at.size(); ++i) moved[i] += h * gradient[i];
    task.set_parameters(moved);
    return deepnet::evaluate<double>(task.net, task.data(), task.plan(), 1);
  };
  const double h = 1e-5 / std::sqrt(square);
  if (std::abs((loss(h) - loss(-h)) / (2 * h) / square - 1) > 1e-2) return false;
  const std::vector<double> narrow = Task<float>(shape.units, names, shape.m).gradients(1);
  double off = 0;
  for (size_t i = 0; i < gradient.size(); ++i) off += (narrow[i] - gradient[i]) * (narrow[i] - gradient[i]);
  return std::sqrt(off / square) < 1e-2;
}

template <class T>
void fit(benchmark::State& state, const NetworkShape& shape, int threads) {
  if (!right_gradients(shape)) return state.SkipWithError("wrong answer");
  const Task<T> task(shape.units, relu_then_sigmoid(shape.units.size() - 1), shape.m * shape.batches);
  // Enough epochs per call that its fixed cost (memory, waking up threads) is spread over many steps.
  const double epoch = operations(shape) * double(shape.batches);
  const index_t epochs = std::max<index_t>(shape.batches > 1 ? 1 : 2, index_t(1e8 / epoch));
  std::vector<double> losses(static_cast<size_t>(epochs)), seconds(losses.size());
  const auto run = [&] {
    deepnet::fit<T>(task.net, task.data(), task.plan(),
                    {.epochs = epochs, .batch_size = shape.m, .learning_rate = 1e-6, .threads = threads}, losses,
                    seconds);
  };
  time_against(state, epoch * double(epochs), run, [threads] { return deepnet::measure_peak<T>(threads); });
  state.counters["us_per_step"] = 1e-3 * operations(shape) / state.counters["GFLOP/s"];
}

struct LayerShape {
  index_t units, inputs, m;
};

constexpr LayerShape kLayers[] = {{64, 17, 64},    {64, 64, 64},    {128, 128, 128},
                                  {256, 784, 128}, {512, 512, 256}, {1024, 1024, 256}};

/// A relu layer after another relu layer, two panels of examples at a time.
template <class T>
struct LayerOnPanels {
  LayerShape s;
  index_t panels = (s.m + kPanel<T> - 1) / kPanel<T>, row = deepnet::padded_row<T>(s.inputs),
          transposed_row = deepnet::padded_row<T>(s.units);
  Aligned<T> W{std::vector<T>(size_t(s.units * row))}, W_transposed{std::vector<T>(size_t(s.inputs * transposed_row))};
  Aligned<T> b{random_values<T>(s.units, 2)}, A{std::vector<T>(size_t(panels * s.units * kPanel<T>))};
  Aligned<T> A_prev{random_values<T>(panels * s.inputs * kPanel<T>, 3)},
      dA_prev{random_values<T>(panels * s.inputs * kPanel<T>, 3)};
  Aligned<T> dZ{random_values<T>(panels * s.units * kPanel<T>, 4)}, scratch{std::vector<T>(A_prev.size())};
  deepnet::ActivationId relu = deepnet::find_activation("relu");

  explicit LayerOnPanels(const LayerShape& shape) : s(shape) {
    for (index_t i = 0; i < s.units; ++i)
      for (index_t p = 0; p < s.inputs; ++p)
        W[size_t(i * row + p)] = W_transposed[size_t(p * transposed_row + i)] = weight(i, p);
  }
  T weight(index_t i, index_t p) const { return T(random_number(1, uint64_t(i * s.inputs + p), -0.1, 0.1)); }

  template <class Body>
  void for_groups(Body body) {
    for (index_t p = 0; p < panels; p += 2) body(p * kPanel<T>, std::min<index_t>(2, panels - p));
  }
  void forward() {
    const deepnet::Layer<T> layer{s.units, s.inputs, relu, W.data(), b.data(), row};
    for_groups([&](index_t e, index_t count) {
      deepnet::layer_forward<T>(deepnet::kernels<T>(), layer, {A_prev.data() + e * s.inputs, s.inputs, count},
                                {A.data() + e * s.units, s.units, count}, nullptr, true, count * kPanel<T>, false,
                                [](double) {});
    });
  }
  void backward() {  // overwrites A_prev: entries that are 0 stay 0
    const Matrix<const T> transposed{W_transposed.data(), s.inputs, s.units, transposed_row, 1};
    for_groups([&](index_t e, index_t count) {
      deepnet::layer_backward<T>(
          deepnet::kernels<T>(), transposed, {relu, nullptr, {}, 0}, {dZ.data() + e * s.units, s.units, count},
          {dA_prev.data() + e * s.inputs, s.inputs, count}, count * kPanel<T>, scratch.data(), false, [](double) {});
    });
  }

  bool right_answer() {
    forward();
    backward();
    const auto place = [](index_t i, index_t e, index_t units) {
      return size_t((e / kPanel<T> * units + i) * kPanel<T> + e % kPanel<T>);
    };
    double worst = 0;
    for_elements<T>(s.units, s.m, s.inputs, [&](index_t i, index_t e) {
      Sum<T> sum;
      sum.add(b[size_t(i)]);
      for (index_t p = 0; p < s.inputs; ++p) sum.add(Wide<T>(weight(i, p)) * A_prev[place(p, e, s.inputs)]);
      worst = std::max(worst, excess<Wide<T>>(A[place(i, e, s.units)], std::max(sum.value, Wide<T>(0)),
                                              gamma<T>(s.inputs + 2) * sum.size));
    });
    for_elements<T>(s.inputs, s.m, s.units, [&](index_t p, index_t e) {
      Sum<T> sum;
      for (index_t i = 0; i < s.units; ++i) sum.add(Wide<T>(weight(i, p)) * dZ[place(i, e, s.units)]);
      const bool on = A_prev[place(p, e, s.inputs)] > 0;
      worst = std::max(worst, excess<Wide<T>>(dA_prev[place(p, e, s.inputs)], on ? sum.value : Wide<T>(0),
                                              gamma<T>(s.units + 2) * sum.size));
    });
    return worst <= 1;
  }
};

template <class T>
void add_layer(const LayerShape& s) {
  for (const bool forward : {true, false}) {
    const std::string shape = std::to_string(s.units) + "x" + std::to_string(s.inputs) + "/m" + std::to_string(s.m);
    const std::string what = std::string(forward ? "forward/" : "backward/") + shape;
    benchmark::RegisterBenchmark(
        benchmark_name<T>("layer", what, deepnet::config().isa).c_str(), [&s, forward](benchmark::State& state) {
          LayerOnPanels<T> layer(s);
          if (!layer.right_answer()) return state.SkipWithError("wrong answer");
          time_against_peak<T>(state, deepnet::kernels<T>(), 2.0 * double(s.units) * double(s.inputs) * double(s.m),
                               [&] { forward ? layer.forward() : layer.backward(); });
        });
  }
}

template <class T>
void add_fit(const NetworkShape& shape, int threads) {
  const std::string what = std::string(shape.name) + "/threads" + std::to_string(threads);
  benchmark::RegisterBenchmark(benchmark_name<T>("fit", what, deepnet::config().isa).c_str(),
                               [&shape, threads](benchmark::State& state) { fit<T>(state, shape, threads); });
}

}  // namespace

void add_engine_benchmarks() {
  for (const LayerShape& s : kLayers) {
    add_layer<float>(s);
    add_layer<double>(s);
  }
  for (const NetworkShape& shape : kNetworks)
    for (const int threads : {1, 2}) {
      add_fit<float>(shape, threads);
      add_fit<double>(shape, threads);
    }
}
