// Training with a loss that the caller computes: forward, backward and update as calls of their own; and target
// networks.
#include <cassert>
#include <cmath>
#include <functional>

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
  blocks.reserve(network.layers.size());  // enough for a small network
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
bool is_finite(const Matrix<const T>& m) {
  if (m.col == 1 && m.row == m.cols) return all_finite(m.data, m.rows * m.cols);
  bool finite = true;
  for (index_t i = 0; finite && i < m.rows; ++i)
    if (m.col == 1)
      finite = all_finite(m.data + i * m.row, m.cols);
    else
      for (index_t j = 0; j < m.cols; ++j) finite &= bool(std::isfinite(m.data[i * m.row + j * m.col]));
  return finite;
}

/// True if an update can read the gradients of a layer where they are: in rows, apart from the parameters.
template <class T>
bool is_readable(NetworkState<T>& network, const ParameterGradient<const T>& gradient) {
  const T *begin = network.parameters(), *end = begin + network.size;
  const auto is_apart = [&](const Matrix<const T>& m) {
    const index_t last = (m.rows - 1) * m.row;
    return std::less_equal<>{}(m.data + std::max<index_t>(last, 0) + m.cols, begin) ||
           std::less_equal<>{}(end, m.data + std::min<index_t>(last, 0));
  };
  const auto& [dW, db] = gradient;
  return (dW.cols == 1 || dW.col == 1) && (db.rows == 1 || db.row == 1) && is_apart(dW) && is_apart(db);
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
  pass->runner.back_from({nullptr, 0, slope.count}, slope, of_Z, gradients, progress);
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
  if (!std::all_of(gradients.begin(), gradients.end(),
                   [](const auto& of_layer) { return is_finite(of_layer.dW) && is_finite(of_layer.db); }))
    return false;
  Plan without_penalties = plan;
  without_penalties.layers.clear();
  Updater<T> updater(kernels<T>(), state, std::move(without_penalties));
  updater.start(/*keep=*/true, progress);
  updater.begin(learning_rate);
  updater.divide_by(1);
  const BorrowedWorkspace borrowed;
  T* sums = nullptr;  // the gradients in the layout of the parameters, where they cannot be read as they are
  if (updater.needs_norm() || !std::all_of(gradients.begin(), gradients.end(),
                                           [&](const auto& of_layer) { return is_readable(state, of_layer); })) {
    sums = borrowed.get().activations[0].template reserve<T>(state.size);
    gather_gradients(state, gradients, sums, progress);
  }
  const std::vector<UpdateBlock> blocks = blocks_of(state);
  const int workers = state.size < kSharedUpdate ? 1 : Threads::of(threads).most;
  const auto of_block = [&](const UpdateBlock& block) {
    const Layer<T>& layer = state.layers[block.layer];
    const index_t at = block.row * layer.W_row + block.column;
    if (!sums) {
      const auto& [dW, db] = gradients[block.layer];  // which an update only reads
      return BlockGradient<T>{const_cast<T*>(dW.data + block.row * dW.row + block.column),
                              const_cast<T*>(db.data + block.row), dW.row};
    }
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
  if (to.size > kSlowUpdate) progress.ask_before_long_work();
  const auto blend = [&](const T* values) {
    T* p = to.parameters();
    if (tau == 1)
      std::copy_n(values, to.size, p);
    else
      kernels<T>().blend(to.size, p, values, T(tau));
  };
  const BorrowedWorkspace borrowed;
  T* copy = nullptr;
  {
    const Reading reading(from, progress);
    if (const Writing<T> writing(to, std::try_to_lock); writing.began()) {
      blend(from.parameters());
      return;
    }
    // Not both at once, since two networks that blend each other would wait for each other.
    copy = borrowed.get().activations[0].template reserve<T>(from.size);
    copy_in_parts(from.parameters(), from.size, copy, progress);
  }
  const Writing writing(to, progress);
  blend(copy);
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
