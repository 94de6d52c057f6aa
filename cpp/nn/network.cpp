// The network's parameters, and prediction.
#include "nn/network.h"

#include <cassert>
#include <chrono>
#include <numeric>

#include "nn/bfloat16.h"
#include "nn/panels.h"
#include "nn/progress.h"
#include "nn/require.h"
#include "nn/sparse.h"
#include "runtime/thread_pool.h"

namespace deepnet {

namespace {

template <class T>
void check_layers(std::span<const index_t> units, std::span<const ActivationId> activations, Compute compute) {
  require(units.size() >= 2, "units has ", units.size(),
          " numbers, but must have those of the inputs and of each layer");
  require(activations.size() == units.size() - 1, "activations has ", activations.size(), " entries, but must have ",
          units.size() - 1, ", one for each layer");
  for (const index_t n : units) require(n >= 1, "units has ", n, ", but must have whole numbers from 1");
  for (size_t l = 0; l < activations.size(); ++l)
    require(!takes_whole_columns(activations[l]) || l + 1 == activations.size(), "layer ", l + 1,
            " has an activation that depends on all of its units, but only the last layer can");
  require(compute == Compute::kOwnType || sizeof(T) == sizeof(float), "bfloat16 is for networks of float");
}

/// Of a layer with parameters.
template <class T>
void check_layer(const NetworkState<T>& state, index_t layer) {
  require(layer >= 1 && layer <= index_t(state.layers.size()), "layer is ", layer, ", but must be from 1 to ",
          state.layers.size());
}

/// Their parameters have no values yet.
template <class T>
std::shared_ptr<NetworkState<T>> new_layers(std::span<const index_t> units, std::span<const ActivationId> activations,
                                            Compute compute) {
  const auto made = std::make_shared<NetworkState<T>>();
  NetworkState<T>& state = *made;
  state.compute = compute;
  for (size_t l = 0; l < activations.size(); ++l) {
    const index_t row = padded_row<T>(units[l]);
    state.layers.push_back({units[l + 1], units[l], activations[l], nullptr, nullptr, row});
    state.size += units[l + 1] * row + round_up(units[l + 1], 64 / index_t(sizeof(T)));
  }
  for (const index_t n : units) state.widest = std::max(state.widest, n);
  T* next = state.parameters();
  for (Layer<T>& layer : state.layers) {
    layer.W = next;
    layer.b = next + layer.units * layer.W_row;
    next = layer.b + round_up(layer.units, 64 / index_t(sizeof(T)));
  }
  return made;
}

}  // namespace

template <class T>
Network<T>::Network(std::span<const index_t> units, std::span<const ActivationId> activations, Compute compute,
                    Interrupt* interrupt) {
  check_layers<T>(units, activations, compute);
  state_ = new_layers<T>(units, activations, compute);
  Progress progress(interrupt);
  T* p = state_->parameters();
  in_parts(state_->size, progress, [&](index_t first, index_t part) { std::fill_n(p + first, part, T(0)); });
}

template <class T>
Network<T> copy_network(const Network<T>& network, Interrupt* interrupt) {
  NetworkState<T>& from = network.state();
  std::vector<index_t> units{from.layers[0].inputs};
  std::vector<ActivationId> activations;
  for (const Layer<T>& layer : from.layers) {
    units.push_back(layer.units);
    activations.push_back(layer.activation);
  }
  Network<T> copy(new_layers<T>(units, activations, from.compute));
  Progress progress(interrupt);
  const Reading reading(from, progress);
  copy_in_parts(from.parameters(), from.size, copy.state().parameters(), progress);
  return copy;
}

template <class T>
index_t Network<T>::layers() const {
  return index_t(state_->layers.size());
}

template <class T>
index_t Network<T>::units(index_t layer) const {
  require(layer >= 0 && layer <= layers(), "layer is ", layer, ", but must be from 0 to ", layers());
  return layer == 0 ? state_->layers[0].inputs : state_->layers[size_t(layer - 1)].units;
}

template <class T>
ActivationId Network<T>::activation(index_t layer) const {
  check_layer(*state_, layer);
  return state_->layers[size_t(layer - 1)].activation;
}

template <class T>
Matrix<T> Network<T>::W(index_t layer) const {
  check_layer(*state_, layer);
  state_->views.fetch_add(1);
  return state_->layers[size_t(layer - 1)].weights();
}

template <class T>
Matrix<T> Network<T>::b(index_t layer) const {
  check_layer(*state_, layer);
  return state_->layers[size_t(layer - 1)].biases();
}

template <class T>
std::shared_ptr<void> Network<T>::memory() const {
  return state_;
}

namespace {

/// Takes panels through the layers from number `first_layer` on, and writes the result to `out`. Two buffers alternate
/// as input and output of the layers.
template <class T>
void predict_layers(const Kernels<T>& kernels, const NetworkState<T>& state, size_t first_layer, T* (&buffers)[2],
                    index_t first, index_t count, Matrix<T> out, Progress& progress) {
  const index_t panels = panels_for<T>(count), columns = columns_for<T>(count);
  int from = 0;
  for (size_t l = first_layer; l < state.layers.size(); ++l, from = 1 - from) {
    const Layer<T>& layer = state.layers[l];
    layer_forward<T>(kernels, layer, {buffers[from], layer.inputs, panels}, {buffers[1 - from], layer.units, panels},
                     nullptr, true, columns, state.exceeds_cache(),
                     [&](double operations) { progress.did(operations); });
  }
  const index_t outputs = state.layers.back().units;
  for (index_t i = 0; i < outputs; ++i)
    for (index_t j = 0; j < count; ++j)
      out.data[i * out.row + (first + j) * out.col] =
          buffers[from][(j / kPanel<T> * outputs + i) * kPanel<T> + j % kPanel<T>];
}

/// Predicts a group of panels.
template <class T>
void predict_group(const Kernels<T>& kernels, const NetworkState<T>& state, const Examples& X, index_t first,
                   index_t count, Matrix<T> out, Progress& progress) {
  const BorrowedWorkspace borrowed;
  Workspace& workspace = borrowed.get();
  const index_t panels = panels_for<T>(count), size = panels * state.widest * kPanel<T>;
  T* buffers[2] = {workspace.activations[0].template reserve<T>(size),
                   workspace.activations[1].template reserve<T>(size)};
  T* transposed = workspace.transposed.template reserve<T>(round_up(X.units, kPanel<T>) * kPanel<T>);
  for (index_t p = 0; p < panels; ++p) {
    const index_t start = first + p * kPanel<T>;
    gather_panel(kernels, X, nullptr, start, std::min(kPanel<T>, first + count - start),
                 buffers[0] + p * X.units * kPanel<T>, transposed, kPanel<T>, false);
  }
  predict_layers(kernels, state, 0, buffers, first, count, out, progress);
}

/// Predicts sparse examples, some at a time.
template <class T>
void predict_sparse(const Kernels<T>& kernels, NetworkState<T>& state, const Examples& X, Matrix<T> out, int threads,
                    Progress& progress) {
  constexpr index_t kAtOnce = 1024, kColumns = 256, kGroup = 2 * kPanel<T>;
  const Layer<T>& layer = state.layers[0];
  const double of_first = double(layer.units) * nonzeros_per_example(X, nullptr),
               others = double(state.size) - double(layer.units) * double(layer.W_row);
  index_t widest = 0;
  for (const Layer<T>& each : state.layers) widest = std::max(widest, each.units);
  const index_t size = kGroup * round_up(widest, 64 / index_t(sizeof(T)));
  SharedWork work(state.choices.predict, Threads::of(threads), 2 * (of_first + others) * double(X.count), true);
  SparseChunk<T> chunk;
  for (index_t start = 0; start < X.count; start += kAtOnce) {
    const index_t count = std::min(kAtOnce, X.count - start);
    chunk.gather(kernels, layer, X, nullptr, start, count, {}, 0, false);
    ThreadPool::run((chunk.used() + kColumns - 1) / kColumns, work.threads(), [&](index_t i) {
      chunk.copy_columns(layer, i * kColumns, std::min(kColumns, chunk.used() - i * kColumns));
      progress.wrote(kColumns * layer.units);
    });
    ThreadPool::run((count + kGroup - 1) / kGroup, work.threads(), [&](index_t i) {
      const index_t first = i * kGroup, some = std::min(kGroup, count - first);
      const BorrowedWorkspace borrowed;
      T* buffers[2] = {borrowed.get().activations[0].template reserve<T>(size),
                       borrowed.get().activations[1].template reserve<T>(size)};
      chunk.forward(kernels, layer, first / kPanel<T>, {buffers[0], layer.units, panels_for<T>(some)}, nullptr, true,
                    round_up(some, 64 / index_t(sizeof(T))), buffers[1]);
      progress.did(2 * of_first * double(some));
      predict_layers(kernels, state, 1, buffers, start + first, some, out, progress);
    });
  }
  work.done();
}

/// An example alone takes as long as so many in a panel.
constexpr double kCostOfFew = 6;
/// A layer of fewer weights takes about as long as threads take to meet.
constexpr index_t kSharedLayer = index_t{1} << 14;

/// Predicts with products of bfloat16. Each call rounds the weights, since the caller may change them at any time: for
/// few panels on the way, where each thread needs them once, else before. Threads share the units of each layer where
/// there are fewer panels than threads, or the weights are read from far away; else the panels.
void predict_bfloat16(const Kernels<float>& kernels, NetworkState<float>& state, const Examples& X, Matrix<float> out,
                      int threads, Progress& progress) {
  constexpr index_t kMostPanels = 8, kAtOnce = kMostPanels * kPanel<float>, kColumns = 256;
  const Bfloat16Kernels& bf16 = bfloat16_kernels();
  const size_t L = state.layers.size(), first_dense = X.is_sparse() ? 1 : 0;
  const index_t all_panels = panels_for<float>(X.count);
  SharedWork work(state.choices.predict, Threads::of(threads), 2.0 * double(state.size) * double(X.count), true);
  const bool shares_units =
      all_panels <= kMostPanels && (all_panels < work.threads() || (state.exceeds_cache() && !X.is_sparse()));
  const bool rounds_before = all_panels > kMostPanels * work.threads();
  std::vector<index_t> places{0};  // of the weights of each layer, in squares
  for (const Layer<float>& layer : state.layers)
    places.push_back(places.back() + squares_of(layer.units) * squares_of(layer.inputs));
  AlignedBuffer memory;
  std::byte* weights = rounds_before ? memory.reserve<std::byte>(places.back() * square_bytes(bf16)) : nullptr;
  const auto weights_of = [&](size_t l) { return weights ? weights + places[l] * square_bytes(bf16) : nullptr; };
  for (size_t l = first_dense; l < L && rounds_before; ++l) {
    const Layer<float>& layer = state.layers[l];
    ThreadPool::run(squares_of(layer.units), work.threads(), [&](index_t i) {
      const index_t row = i * kSquare, rows = std::min(kSquare, layer.units - row);
      round_weights(bf16, layer, {row, rows, 0, layer.inputs}, weights_of(l), nullptr);
      progress.wrote(rows * layer.inputs);
    });
  }

  index_t widest = X.is_sparse() ? 1 : X.units;
  for (const Layer<float>& layer : state.layers) widest = std::max(widest, layer.units);
  widest = squares_of(widest) * kSquare;
  SparseChunk<float> chunk;
  const index_t in_chunk = X.is_sparse() ? index_t{1024} : round_up(X.count, kAtOnce);
  for (index_t start = 0; start < X.count; start += in_chunk) {
    const index_t count = std::min(in_chunk, X.count - start), panels = panels_for<float>(count);
    if (X.is_sparse()) {
      chunk.gather(kernels, state.layers[0], X, nullptr, start, count, {}, 0, false, &bf16);
      ThreadPool::run((chunk.used() + kColumns - 1) / kColumns, work.threads(), [&](index_t i) {
        chunk.copy_columns(state.layers[0], i * kColumns, std::min(kColumns, chunk.used() - i * kColumns), &bf16);
        progress.wrote(kColumns * state.layers[0].units);
      });
    }
    const index_t group =
        shares_units ? panels : std::clamp<index_t>((panels + work.threads() - 1) / work.threads(), 1, kMostPanels);
    ThreadPool::run((panels + group - 1) / group, work.threads(), [&](index_t task) {
      const index_t first_panel = task * group, first = start + first_panel * kPanel<float>,
                    some = std::min(group, panels - first_panel),
                    examples = std::min(some * kPanel<float>, start + count - first);
      const BorrowedWorkspace borrowed;
      Workspace& workspace = borrowed.get();
      std::byte* operands[2] = {workspace.operands[0].reserve<std::byte>(some * widest * kPanel<float> * bf16.number),
                                workspace.operands[1].reserve<std::byte>(some * widest * kPanel<float> * bf16.number)};
      float *x = workspace.activations[0].reserve<float>(some * widest * kPanel<float>),
            *transposed = workspace.transposed.reserve<float>(widest * kPanel<float>);
      for (index_t p = 0; p < some && !X.is_sparse(); ++p) {
        const index_t from = first + p * kPanel<float>, there = std::min(kPanel<float>, start + count - from);
        gather_panel(kernels, X, nullptr, from, there, x, transposed, kPanel<float>, false);
        round_panel(bf16, X.units, there, x, {.pairs = pairs_of(bf16, operands[0], X.units, p)});
      }
      int from = 0;
      for (size_t l = 0; l < L; ++l, from = 1 - from) {
        const Layer<float>& layer = state.layers[l];
        const Activation<float>& g = kernels.activations[layer.activation];
        const bool last = l + 1 == L, fused = !last && g.forward_finish == Finish::kRelu && l >= first_dense;
        const auto did = [&](double operations) { progress.did(operations); };
        const int sharing = shares_units && layer.units * layer.inputs >= kSharedLayer ? work.threads() : 1;
        if (l < first_dense)
          chunk.forward(kernels, layer, first_panel, {x, layer.units, some}, nullptr, true, some * kPanel<float>,
                        transposed);
        else
          forward_bfloat16(bf16, layer, weights_of(l), operands[from], some,
                           fused ? Bfloat16Result{.pairs = operands[1 - from]} : Bfloat16Result{.c = x}, did, sharing);
        if (fused) continue;
        if (l >= first_dense) activate_panels(g, {x, layer.units, some}, {x, layer.units, some}, some * kPanel<float>);
        for (index_t p = 0; !last && p < some; ++p)
          round_panel(bf16, layer.units, kPanel<float>, x + p * layer.units * kPanel<float>,
                      {.pairs = pairs_of(bf16, operands[1 - from], layer.units, p)});
      }
      for (index_t i = 0; i < out.rows; ++i)
        for (index_t j = 0; j < examples; ++j)
          out.data[i * out.row + (first + j) * out.col] =
              x[(j / kPanel<float> * out.rows + i) * kPanel<float> + j % kPanel<float>];
    });
  }
  work.done();
}

/// Predicts a few examples, each contiguous. Threads share the units of each layer.
template <class T>
void predict_few(const Kernels<T>& kernels, NetworkState<T>& state, const Examples& X, Matrix<T> out, Threads threads,
                 Progress& progress) {
  const Bfloat16Kernels* bf16 = state.compute == Compute::kBfloat16 ? &bfloat16_kernels() : nullptr;
  const auto multiply = [&](const FewColumns<T>& f) {
    if constexpr (std::is_same_v<T, float>)
      if (bf16) return bf16->few_columns(f);
    kernels.few_columns(f);
  };
  const auto round = [&](T* x, index_t count) {
    if constexpr (std::is_same_v<T, float>)
      if (bf16) bf16->round(count, x, x);
  };
  using Use = typename PackedWeights<T>::Use;
  const Use packed = bf16 ? Use(state.packed) : state.use_packed_weights(kernels, progress);
  SharedWork work(state.choices.few, threads, 2 * kCostOfFew * double(state.size), false);
  const BorrowedWorkspace borrowed;
  Workspace& workspace = borrowed.get();
  const index_t row = round_up(state.widest, kPanel<T>);
  T *in = workspace.activations[0].template reserve<T>(X.count * row),
    *next = workspace.activations[1].template reserve<T>(X.count * row);
  for (index_t e = 0; e < X.count; ++e) {
    gather_example(kernels, X, e, in + e * row);
    round(in + e * row, X.units);
  }
  for (size_t l = 0; l < state.layers.size(); ++l) {
    const Layer<T>& layer = state.layers[l];
    const T* panels = packed.panels(l);
    const Activation<T>& g = kernels.activations[layer.activation];
    // One part for each thread, so that each finds its rows of W in its cache the next time.
    const index_t parts = layer.units * layer.inputs < kSharedLayer ? 1 : work.threads(),
                  part = round_up((layer.units + parts - 1) / parts, kPanel<T>);
    ThreadPool::run((layer.units + part - 1) / part, work.threads(), [&](index_t i) {
      const index_t first = i * part, units = std::min(part, layer.units - first);
      assert(first % kPanel<T> == 0);
      multiply({.m = units,
                .n = X.count,
                .k = layer.inputs,
                .a = layer.W + first * layer.W_row,
                .a_row = layer.W_row,
                .panels = panels ? panels + first * layer.inputs : nullptr,
                .x = in,
                .x_row = row,
                .bias = layer.b + first,
                .z = next + first,
                .z_row = row});
      if (g.whole_columns) return;
      g.forward({.rows = X.count, .cols = units, .z = {next + first, row}, .a = {next + first, row}, .flush = true});
      if (l + 1 == state.layers.size()) return;
      for (index_t e = 0; e < X.count; ++e) round(next + e * row + first, units);
    });
    if (g.whole_columns) {  // its rows are units
      T* transposed = workspace.transposed.template reserve<T>(layer.units * kPanel<T>);
      std::fill_n(transposed, layer.units * kPanel<T>, T(0));
      for (index_t i = 0; i < layer.units; ++i)
        for (index_t e = 0; e < X.count; ++e) transposed[i * kPanel<T> + e] = next[e * row + i];
      g.forward({layer.units, kPanel<T>, {transposed, kPanel<T>}, {transposed, kPanel<T>}});
      for (index_t i = 0; i < layer.units; ++i)
        for (index_t e = 0; e < X.count; ++e) next[e * row + i] = transposed[i * kPanel<T> + e];
    }
    std::swap(in, next);
  }
  for (index_t i = 0; i < out.rows; ++i)
    for (index_t e = 0; e < X.count; ++e) out.data[i * out.row + e * out.col] = in[e * row + i];
  work.done();
}

}  // namespace

template <class T>
void predict(const Network<T>& network, const Examples& X, Matrix<T> out, int threads, Interrupt* interrupt) {
  const Kernels<T>& kernels = deepnet::kernels<T>();
  NetworkState<T>& state = network.state();
  assert(X.count > 0 && X.units == network.units(0));
  assert(out.rows == network.units(network.layers()) && out.cols == X.count);
  Progress progress(interrupt);
  const index_t panels = panels_for<T>(X.count);
  const Reading reading(state, progress);
  if (X.count <= kFewColumns && !X.is_sparse())
    return predict_few(kernels, state, X, out, Threads::of(threads), progress);
  if constexpr (std::is_same_v<T, float>)
    if (state.compute == Compute::kBfloat16) return predict_bfloat16(kernels, state, X, out, threads, progress);
  if (X.is_sparse()) return predict_sparse(kernels, state, X, out, threads, progress);
  if (panels == 1) return predict_group(kernels, state, X, 0, X.count, out, progress);
  SharedWork work(state.choices.predict, Threads::of(threads), 2.0 * double(state.size) * double(X.count), true);
  const index_t group = panels < 2 * work.threads() ? 1 : 2;  // 2: one tile
  ThreadPool::run((panels + group - 1) / group, work.threads(), [&](index_t i) {
    const index_t first = i * group * kPanel<T>;
    predict_group(kernels, state, X, first, std::min(group * kPanel<T>, X.count - first), out, progress);
  });
  work.done();
}

template class Network<float>;
template class Network<double>;
template Network<float> copy_network(const Network<float>&, Interrupt*);
template Network<double> copy_network(const Network<double>&, Interrupt*);
template void predict(const Network<float>&, const Examples&, Matrix<float>, int, Interrupt*);
template void predict(const Network<double>&, const Examples&, Matrix<double>, int, Interrupt*);

template <class T>
double measure_peak(int threads) {
  const Kernels<T>& kernels = deepnet::kernels<T>();
  std::vector<double> operations(static_cast<size_t>(threads));
  const auto begin = std::chrono::steady_clock::now();
  ThreadPool::run(threads, threads, [&](index_t i) {
    alignas(64) T sink;
    for (int part = 0; part < 16; ++part) operations[size_t(i)] += kernels.fma_peak(5000, &sink);
  });
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  return std::accumulate(operations.begin(), operations.end(), 0.0) / seconds.count();
}

template double measure_peak<float>(int);
template double measure_peak<double>(int);

}  // namespace deepnet
