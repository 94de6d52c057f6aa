// Cycles per phase of a training step, in the build of `make profile`:
//
//     deepnet_profile [--threads N] [--float64 | --bfloat16] [--rounds N] [NETWORK...]
//
// A network is a name of networks.h, or units and examples like 50-100-5:200 (softmax if it has several outputs), with
// +adam behind it. Prints medians over rounds of some milliseconds: thousands of clock ticks per step, the share of the
// peak, which is measured beside each round, and the share of each phase in the time of all threads together.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "engine.h"
#include "networks.h"
#include "runtime/phases.h"

namespace {

using namespace oracle;

struct Profiled {
  std::string name;
  std::vector<index_t> units;
  index_t m, batches;
  bool adam;
};

struct Options {
  int threads = 1, rounds = 15;
  deepnet::Compute compute = deepnet::Compute::kOwnType;
};

double operations(const Profiled& net) {
  double sum = 0;
  for (size_t l = 1; l < net.units.size(); ++l) sum += (l == 1 ? 2 : 3) * double(net.units[l] * net.units[l - 1]);
  return 2 * double(net.m) * sum;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

template <class T>
void profile(const Profiled& net, const Options& options) {
  std::vector<std::string> names = relu_then_sigmoid(net.units.size() - 1);
  const bool classes = net.units.back() > 1;
  if (classes) names.back() = "softmax";
  const index_t m = net.m * net.batches, outputs = classes ? 1 : net.units.back();
  const Task<T> task(net.units, names, 1, kCrossEntropy, 1, options.compute);
  // One example after the other, as in tables; the examples of a single batch side by side, as in the course.
  const std::vector<T> X = random_values<T>(net.units[0] * m, 1, -1.7, 1.7);
  std::vector<T> Y = random_values<T>(outputs * m, 2, 0, 1);
  if (classes)
    for (T& y : Y) y = T(int(y * T(net.units.back())));
  const deepnet::Data data{
      deepnet::examples<T>(net.batches == 1 ? deepnet::row_major(X.data(), net.units[0], m)
                                            : Matrix<const T>{X.data(), net.units[0], m, 1, net.units[0]}),
      deepnet::examples<T>(Matrix<const T>{Y.data(), outputs, m, 1, outputs})};
  deepnet::Plan plan{.loss = loss_named(classes ? "sparse_categorical_cross_entropy" : "binary_cross_entropy")};
  if (net.adam) {
    const auto optimizers = deepnet::optimizer_names();
    plan.optimizer = int(std::find(optimizers.begin(), optimizers.end(), "adam") - optimizers.begin());
    plan.hyper[0] = 0.9;
    plan.hyper[1] = 0.999;
  }
  // At least four steps a call: its fixed cost (copies of the weights, waking up threads) is that of a longer run.
  const index_t epochs = std::max<index_t>(4, index_t(4e8 / operations(net))) / net.batches + (net.batches > 4),
                steps = epochs * net.batches;
  std::vector<double> losses(static_cast<size_t>(epochs)), seconds(losses.size());
  const auto run = [&](int first_epoch) {
    deepnet::fit<T>(task.net, data, plan,
                    {.epochs = epochs,
                     .batch_size = net.m,
                     .learning_rate = 1e-6,
                     .shuffle = net.batches > 1,
                     .first_epoch = first_epoch,
                     .threads = options.threads},
                    losses, seconds);
  };
  std::vector<double> totals, micros, shares, peaks, phases[deepnet::kPhases];
  run(0);
  for (int round = 0; round < options.rounds; ++round) {
    const double before = deepnet::measure_peak<T>(options.threads);
    for (auto& phase : deepnet::phase_ticks) phase = 0;
    const auto clock = std::chrono::steady_clock::now();
    const uint64_t begin = deepnet::ticks();
    run(1);
    const double total = double(deepnet::ticks() - begin);
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - clock).count();
    const double peak = (before + deepnet::measure_peak<T>(options.threads)) / 2;
    peaks.push_back(1e-9 * peak);
    totals.push_back(1e-3 * total / double(steps));
    micros.push_back(1e6 * took / double(steps));
    shares.push_back(100 * operations(net) * double(steps) / took / peak);
    for (int p = 0; p < deepnet::kPhases; ++p)
      phases[p].push_back(100 * double(deepnet::phase_ticks[p]) / total / options.threads);
  }
  double rest = 100;
  std::printf("%-28s %9.1f %9.1f %9.1f %5.1f %6.0f", net.name.c_str(), median(totals),
              *std::min_element(totals.begin(), totals.end()), median(micros), median(shares), median(peaks));
  for (const std::vector<double>& phase : phases) {
    rest -= median(phase);
    std::printf(" %11.1f", median(phase));
  }
  std::printf(" %6.1f\n", rest);
  std::fflush(stdout);
}

/// Batches that are worth shuffling: some 2 MB of examples, except for a network that is always trained on one batch.
index_t batches_of(const std::vector<index_t>& units, index_t m) {
  return std::clamp<index_t>((index_t{1} << 19) / (units[0] * m), 1, 64);
}

Profiled parse(std::string text) {
  Profiled net{text, {}, 1, 1, false};
  if (const size_t plus = text.find("+adam"); plus != std::string::npos) {
    net.adam = true;
    text.resize(plus);
  }
  for (const NetworkShape& shape : kNetworks)
    if (text == shape.name) {
      net.units = shape.units;
      net.m = shape.m;
      net.batches = shape.m * shape.units[0] > (index_t{1} << 16) ? 1 : batches_of(net.units, net.m);
      return net;
    }
  const size_t colon = text.find(':');
  for (size_t at = 0; at < text.size() && at < colon; at = text.find_first_of("-:", at) + 1) {
    net.units.push_back(std::atoi(text.c_str() + at));
    if (text.find_first_of("-:", at) >= colon) break;
  }
  if (colon == std::string::npos || net.units.size() < 2 || std::count(net.units.begin(), net.units.end(), 0) > 0) {
    std::fprintf(stderr, "not a network: %s\n", net.name.c_str());
    std::exit(2);
  }
  net.m = std::max(1, std::atoi(text.c_str() + colon + 1));
  net.batches = batches_of(net.units, net.m);
  return net;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  bool float64 = false;
  std::vector<Profiled> nets;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--float64") == 0)
      float64 = true;
    else if (std::strcmp(argv[i], "--bfloat16") == 0)
      options.compute = deepnet::Compute::kBfloat16;
    else if (std::strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
      options.threads = std::max(1, std::atoi(argv[++i]));
    else if (std::strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
      options.rounds = std::max(1, std::atoi(argv[++i]));
    else
      nets.push_back(parse(argv[i]));
  }
  if (nets.empty())
    for (const NetworkShape& shape : kNetworks)
      nets.push_back(parse(std::string(shape.name) + (shape.adam ? "+adam" : "")));
  std::printf("%-28s %9s %9s %9s %5s %6s", "network", "kilotick", "least", "us/step", "peak%", "GFLOPS");
  for (const char* name : deepnet::kPhaseNames) std::printf(" %11s", name);
  std::printf(" %6s\n", "rest");
  for (const Profiled& net : nets) float64 ? profile<double>(net, options) : profile<float>(net, options);
  return 0;
}
