// Training with a loss that the caller computes: forward, backward and update as calls of their own; and target
// networks.
#include <cassert>
#include <cmath>

#include "train/batch.h"

namespace deepnet {

namespace {

template <class T>
struct ForwardPass final : KeptMemory::Content {
  ForwardPass(NetworkState<T>& network, const Data& data, const Plan& plan_, Threads threads_, Progress& progress)
      : plan(plan_),
        threads(threads_),
        runner(network, data, plan, data.X.count, threads, Use::kPass, progress,
               /*in_order=*/false) {}  // X is not read in place: the caller may change it before the way back

  Plan plan;
  Threads threads;
  BatchRunner<T> runner;
  index_t count = 0;  // of its examples; 0: used up
  std::thread::id caller;
  uint64_t version = 0;
};

/// Updates of fewer parameters are made by one thread: some 0.1 ms.
constexpr index_t kSharedUpdate = index_t{1} << 18;

struct UpdateBlock : WeightBlock {
  size_t layer;
};

template <class T>
std::vector<UpdateBlock> blocks_of(const NetworkState<T>& network) {
  std::vector<UpdateBlock> blocks;
  for (size_t l = 0; l < network.layers.size(); ++l) {
    const Layer<T>& layer = network.layers[l];
    for (index_t row = 0; row < layer.units; row += kBlockRows)
      for (index_t column = 0; column < layer.inputs; column += kBlockColumns)
        blocks.push_back(
            {{row, std::min(kBlockRows, layer.units - row), column, std::min(kBlockColumns, layer.inputs - column)},
             l});
  }
  return blocks;
}

/// Copies gradients to where the parameters are in their own memory.
template <class T>
void gather_gradients(const NetworkState<T>& network, std::span<const ParameterGradient<const T>> gradients, T* to,
                      Progress& progress) {
  for (size_t l = 0; l < gradients.size(); ++l) {
    const Layer<T>& layer = network.layers[l];
    const auto& [dW, db] = gradients[l];
    assert(dW.rows == layer.units && dW.cols == layer.inputs && db.rows == layer.units);
    T *to_W = to + (layer.W - network.layers[0].W), *to_b = to + (layer.b - network.layers[0].W);
    for (index_t i = 0; i < layer.units; ++i) {
      const T* row = dW.data + i * dW.row;
      T* to_row = to_W + i * layer.W_row;
      in_parts(layer.inputs, progress, [&](index_t first, index_t part) {
        if (dW.col == 1)
          std::copy_n(row + first, part, to_row + first);
        else
          for (index_t j = first; j < first + part; ++j) to_row[j] = row[j * dW.col];
      });
      to_b[i] = db.data[i * db.row];
    }
  }
}

template <class T>
bool gradients_are_finite(const NetworkState<T>& network, const T* gradients) {
  return std::all_of(network.layers.begin(), network.layers.end(), [&](const Layer<T>& layer) {
    const T *dW = gradients + (layer.W - network.layers[0].W), *db = gradients + (layer.b - network.layers[0].W);
    bool finite = all_finite(db, layer.units);
    for (index_t i = 0; finite && i < layer.units; ++i) finite = all_finite(dW + i * layer.W_row, layer.inputs);
    return finite;
  });
}

}  // namespace

namespace {

/// Goes forward, with the memory of an earlier pass if that suits; the caller gives it back.
template <class T>
std::unique_ptr<ForwardPass<T>> new_pass(NetworkState<T>& state, KeptMemory& memory, const Examples& X,
                                         const std::vector<LayerPlan>& layers, Matrix<T> out, int threads,
                                         Progress& progress) {
  Plan plan{.loss = kBatchLoss, .layers = layers};
  for (LayerPlan& layer : plan.layers) layer.dropout = 0;
  const auto chosen = Threads::of(threads);
  Data data{X, {}};
  data.Y.units = state.layers.back().units;
  data.Y.count = X.count;
  std::unique_ptr<ForwardPass<T>> pass(static_cast<ForwardPass<T>*>(memory.take().release()));
  if (pass && pass->threads == chosen && pass->plan == plan && pass->runner.suits(data))
    pass->runner.take(data, progress);
  else
    pass = std::make_unique<ForwardPass<T>>(state, data, plan, chosen, progress);
  pass->runner.forward({nullptr, 0, X.count}, out);
  pass->count = X.count;
  return pass;
}

template <class T>
void go_back(std::unique_ptr<ForwardPass<T>> pass, KeptMemory& memory, const Examples& slope, bool of_Z,
             std::span<const ParameterGradient<T>> gradients, Progress& progress) {
  pass->count = 0;
  pass->runner.back_from({nullptr, 0, slope.count}, slope, of_Z, progress);
  pass->runner.write_gradients(gradients);
  if (pass->runner.bytes() <= kSpareBytes) memory.put(std::move(pass));
}

}  // namespace

template <class T>
void forward(const Network<T>& network, const Examples& X, const std::vector<LayerPlan>& layers, Matrix<T> out,
             int threads, Interrupt* interrupt) {
  NetworkState<T>& state = network.state();
  Progress progress(interrupt);
  const Reading reading(state, progress);
  auto pass = new_pass(state, state.forward_pass, X, layers, out, threads, progress);
  pass->caller = std::this_thread::get_id();
  pass->version = state.version.load();
  state.forward_pass.put(std::move(pass));
}

template <class T>
void backward(const Network<T>& network, const Examples& X, const std::vector<LayerPlan>& layers, const Examples& slope,
              bool of_Z, std::span<const ParameterGradient<T>> gradients, int threads, Interrupt* interrupt) {
  assert(slope.count == X.count);
  NetworkState<T>& state = network.state();
  Progress progress(interrupt);
  const Reading reading(state, progress);
  auto pass = new_pass(state, state.spare_pass, X, layers, Matrix<T>{}, threads, progress);
  go_back(std::move(pass), state.spare_pass, slope, of_Z, gradients, progress);
}

template <class T>
PassState backward(const Network<T>& network, const Examples& slope, bool of_Z,
                   std::span<const ParameterGradient<T>> gradients, Interrupt* interrupt) {
  NetworkState<T>& state = network.state();
  Progress progress(interrupt);
  const Reading reading(state, progress);
  std::unique_ptr<ForwardPass<T>> pass(static_cast<ForwardPass<T>*>(state.forward_pass.take().release()));
  const PassState found = !pass || pass->count == 0                    ? PassState::kNone
                          : pass->caller != std::this_thread::get_id() ? PassState::kOtherThread
                          : pass->version != state.version.load()      ? PassState::kOutdated
                          : pass->count != slope.count                 ? PassState::kOtherCount
                                                                       : PassState::kReady;
  if (found == PassState::kReady)
    go_back(std::move(pass), state.forward_pass, slope, of_Z, gradients, progress);
  else if (pass)
    state.forward_pass.put(std::move(pass));
  return found;
}

template <class T>
bool apply_gradients(const Network<T>& network, std::span<const ParameterGradient<const T>> gradients, const Plan& plan,
                     double learning_rate, int threads, Interrupt* interrupt) {
  const TrainingHold<T> hold(network);
  NetworkState<T>& state = network.state();
  Progress progress(interrupt);
  assert(gradients.size() == state.layers.size() && plan.feature_rate == 0);
  const BorrowedWorkspace borrowed;
  T* sums = borrowed.get().activations[0].template reserve<T>(state.size);
  gather_gradients(state, gradients, sums, progress);
  if (!gradients_are_finite(state, sums)) return false;
  Plan without_penalties = plan;
  without_penalties.layers.clear();
  Updater<T> updater(kernels<T>(), state, without_penalties);
  updater.start(/*keep=*/true, progress);
  updater.begin(learning_rate);
  updater.divide_by(1);
  const std::vector<UpdateBlock> blocks = blocks_of(state);
  const int workers = state.size < kSharedUpdate ? 1 : Threads::of(threads).most;
  const auto of_block = [&](const UpdateBlock& block) {
    const Layer<T>& layer = state.layers[block.layer];
    const index_t at = block.row * layer.W_row + block.column;
    return BlockGradient<T>{sums + (layer.W + at - state.layers[0].W), sums + (layer.b + block.row - state.layers[0].W),
                            layer.W_row};
  };
  if (updater.needs_norm()) {
    std::vector<double> squares(blocks.size());
    ThreadPool::run(index_t(blocks.size()), workers, [&](index_t i) {
      const UpdateBlock& block = blocks[size_t(i)];
      squares[size_t(i)] = updater.norm(block, block.layer, of_block(block));
    });
    const double sum = std::accumulate(squares.begin(), squares.end(), 0.0);
    if (!std::isfinite(sum)) return false;
    updater.clip_to(sum);
  }
  if (state.size > kSlowUpdate) progress.ask_before_long_work();
  const Writing writing(state, progress);
  ThreadPool::run(index_t(blocks.size()), workers, [&](index_t i) {
    const UpdateBlock& block = blocks[size_t(i)];
    updater.update(block, block.layer, of_block(block));
  });
  updater.did_update();
  return true;
}

template <class T>
void blend_parameters(const Network<T>& network, const Network<T>& other, double tau, Interrupt* interrupt) {
  const TrainingHold<T> hold(network);
  NetworkState<T>&to = network.state(), &from = other.state();
  assert(to.size == from.size && to.layers.size() == from.layers.size());
  Progress progress(interrupt);
  // A copy, since two networks that blend each other would wait for each other if both were locked.
  const BorrowedWorkspace borrowed;
  T* values = borrowed.get().activations[0].template reserve<T>(from.size);
  {
    const Reading reading(from, progress);
    copy_in_parts(from.parameters(), from.size, values, progress);
  }
  if (to.size > kSlowUpdate) progress.ask_before_long_work();
  const Writing writing(to, progress);
  T* p = to.parameters();
  if (tau == 1) {
    std::copy_n(values, to.size, p);
  } else {
    for (index_t i = 0; i < to.size; ++i) p[i] += T(tau) * (values[i] - p[i]);
  }
}

template void forward(const Network<float>&, const Examples&, const std::vector<LayerPlan>&, Matrix<float>, int,
                      Interrupt*);
template void forward(const Network<double>&, const Examples&, const std::vector<LayerPlan>&, Matrix<double>, int,
                      Interrupt*);
template void backward(const Network<float>&, const Examples&, const std::vector<LayerPlan>&, const Examples&, bool,
                       std::span<const ParameterGradient<float>>, int, Interrupt*);
template void backward(const Network<double>&, const Examples&, const std::vector<LayerPlan>&, const Examples&, bool,
                       std::span<const ParameterGradient<double>>, int, Interrupt*);
template PassState backward(const Network<float>&, const Examples&, bool, std::span<const ParameterGradient<float>>,
                            Interrupt*);
template PassState backward(const Network<double>&, const Examples&, bool, std::span<const ParameterGradient<double>>,
                            Interrupt*);
template bool apply_gradients(const Network<float>&, std::span<const ParameterGradient<const float>>, const Plan&,
                              double, int, Interrupt*);
template bool apply_gradients(const Network<double>&, std::span<const ParameterGradient<const double>>, const Plan&,
                              double, int, Interrupt*);
template void blend_parameters(const Network<float>&, const Network<float>&, double, Interrupt*);
template void blend_parameters(const Network<double>&, const Network<double>&, double, Interrupt*);

}  // namespace deepnet
