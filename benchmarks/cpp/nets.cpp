// Whole networks on the instruction set that deepnet chooses (DEEPNET_ISA pins another): forward, backward, and a step
// of both and the update, as the three course functions do it (the gradient of the input included, as L_model_backward
// returns it).
#include "net.h"
#include "peak.h"
#include "topics.h"

namespace {

using namespace oracle;

struct Shape {
  const char* name;
  std::vector<index_t> units;
  index_t m;
};

// Of those of benchmarks/tasks.py.
const Shape kShapes[] = {{"tiny", {8, 32, 16, 1}, 32},
                         {"rl", {17, 64, 64, 1}, 64},
                         {"tabular", {64, 256, 256, 1}, 256},
                         {"mid", {512, 512, 512, 512, 1}, 256},
                         {"bigbatch", {100, 100, 100, 1}, 10000},
                         {"cat", {12288, 20, 7, 5, 1}, 209}};

enum class Part { kForward, kBackward, kStep };

/// The course's network: relu, then one sigmoid.
template <class T>
Net<T> make_net(const Shape& shape) {
  std::vector<std::string> names(shape.units.size() - 1, "relu");
  names.back() = "sigmoid";
  return Net<T>(shape.units, shape.m, names);
}

/// 2 m n_(l-1) n_l for each of the three products of a layer.
double operations(const Shape& shape, int products) {
  double sum = 0;
  for (size_t l = 1; l < shape.units.size(); ++l) sum += double(shape.units[l] * shape.units[l - 1]);
  return 2 * double(shape.m) * double(products) * sum;
}

template <class T>
void update(Net<T>& net, T rate) {
  const auto step = [rate](std::vector<T>& p, const std::vector<T>& g) {
    const auto count = index_t(p.size());
    deepnet::gradient_step<T>(Net<T>::view(std::as_const(p), 1, count), Net<T>::view(g, 1, count), rate,
                              Net<T>::view(p, 1, count));
  };
  for (size_t l = 0; l < net.layers(); ++l) {
    step(net.W[l], net.dW[l]);
    step(net.b[l], net.db[l]);
  }
}

template <class T>
void run(benchmark::State& state, const Shape& shape, Part part) {
  Net<T> net = make_net<T>(shape);
  net.forward();
  net.backward();
  if (!(forward_excess(net) <= 1) || !(backward_excess(net) <= 1)) return state.SkipWithError("wrong answer");
  const deepnet::Kernels<T>& kernels = deepnet::kernels<T>();
  switch (part) {
    case Part::kForward: return time_against_peak<T>(state, kernels, operations(shape, 1), [&] { net.forward(); });
    case Part::kBackward: return time_against_peak<T>(state, kernels, operations(shape, 2), [&] { net.backward(); });
    case Part::kStep:
      return time_against_peak<T>(state, kernels, operations(shape, 3), [&] {
        net.forward();
        net.backward();
        update(net, T(1e-6));
      });
  }
}

template <class T>
void add(const Shape& shape, const char* name, Part part) {
  benchmark::RegisterBenchmark(
      benchmark_name<T>("net", std::string(name) + "/" + shape.name, deepnet::config().isa).c_str(),
      [&shape, part](benchmark::State& state) { run<T>(state, shape, part); });
}

}  // namespace

void add_net_benchmarks() {
  for (const Shape& shape : kShapes) {
    add<float>(shape, "forward", Part::kForward);
    add<float>(shape, "backward", Part::kBackward);
    add<float>(shape, "step", Part::kStep);
    add<double>(shape, "forward", Part::kForward);
    add<double>(shape, "backward", Part::kBackward);
    add<double>(shape, "step", Part::kStep);
  }
}
