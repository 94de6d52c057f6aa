// Whole networks on the instruction set that deepnet chooses (DEEPNET_ISA overrides it): forward, backward, and a
// training step, as the course's three functions compute it, including the gradient of the input.
#include "deepnet/config.h"
#include "net.h"
#include "networks.h"
#include "peak.h"
#include "topics.h"

namespace {

using namespace oracle;

enum class Part { kForward, kBackward, kStep };

template <class T>
Net<T> make_net(const NetworkShape& shape) {
  return Net<T>(shape.units, shape.m, relu_then_sigmoid(shape.units.size() - 1));
}

/// 2 m n_(l-1) n_l for each of the three products of a layer.
double operations(const NetworkShape& shape, int products) {
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
void run(benchmark::State& state, const NetworkShape& shape, Part part) {
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
void add(const NetworkShape& shape, const char* name, Part part) {
  benchmark::RegisterBenchmark(
      benchmark_name<T>("net", std::string(name) + "/" + shape.name, deepnet::config().isa).c_str(),
      [&shape, part](benchmark::State& state) { run<T>(state, shape, part); });
}

}  // namespace

void add_net_benchmarks() {
  for (const NetworkShape& shape : kNetworks) {
    if (!shape.by_course_functions) continue;
    add<float>(shape, "forward", Part::kForward);
    add<float>(shape, "backward", Part::kBackward);
    add<float>(shape, "step", Part::kStep);
    add<double>(shape, "forward", Part::kForward);
    add<double>(shape, "backward", Part::kBackward);
    add<double>(shape, "step", Part::kStep);
  }
}
