// Whole training runs: epochs of shuffled batches.
#include <cassert>
#include <chrono>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>

#include "runtime/random.h"
#include "train/batch.h"

namespace deepnet {

namespace {

/// Parameters that a step has made infinite are recovered by replaying the steps since a copy of finite ones, which
/// give the same bits. So a run pays for one copy in so many steps.
constexpr index_t kStepsPerCopy = 64;

/// Replays of up to so many operations (some 20 ms) are not interrupted. Of longer ones, an interrupt leaves the
/// parameters of an earlier step.
constexpr double kShortReplay = 4e8;

/// Products of bfloat16 are about so many times as fast, so that copies cost more in comparison.
constexpr double kBfloat16Speed = 4;

/// The number of steps between two copies of `numbers` numbers each (the parameters and the optimizer's memory). Long
/// steps are copied more often, so that replays are short, while a copy costs at most 1/64 of the steps, if copying a
/// number takes as long as 100 operations.
index_t steps_per_copy(double operations, index_t numbers) {
  const double wanted = kShortReplay / operations, allowed = 64 * 100.0 * double(numbers) / operations;
  return index_t(std::clamp(std::max(wanted, allowed), 1.0, double(kStepsPerCopy)));
}

/// The memory of a step, kept for the next call with batches as large: allocating and faulting it in costs more than a
/// small network's step.
template <class T>
struct KeptRunner {
  Plan plan;
  index_t largest;
  Threads threads;
  BatchRunner<T> runner;
  std::vector<T> copy;  // of the parameters and the optimizer's memory, see kStepsPerCopy

  index_t bytes() const { return runner.bytes() + index_t(copy.size() * sizeof(T)); }

  static KeptRunner& of(NetworkState<T>& network, const Data& data, const Plan& plan, index_t largest, Threads threads,
                        Progress& progress, bool in_order) {
    auto* kept = static_cast<KeptRunner*>(network.kept.get());
    if (kept && kept->plan == plan && kept->largest == largest && kept->threads == threads &&
        kept->runner.reads_as_before(data, in_order)) {
      kept->runner.join(nullptr);
      kept->runner.take(data, progress);
      return *kept;
    }
    network.kept.reset();
    const Use use = plan.loss == kBatchLoss ? Use::kPass : Use::kSteps;
    const std::shared_ptr<KeptRunner> made(
        new KeptRunner{plan, largest, threads, {network, data, plan, largest, threads, use, progress, in_order}, {}});
    network.kept = made;
    return *made;
  }
};

template <class T>
class Run {
 public:
  Run(NetworkState<T>& network, const Data& data, const Plan& plan, const FitOptions& options, Progress& progress)
      : network_(network),
        options_(options),
        own_(options.order.empty() ? data.X.count : index_t(options.order.size()) / options.epochs),
        examples_(all_of(options, own_)),
        size_(std::min(options.batch_size, examples_)),
        batches_((examples_ + size_ - 1) / size_),
        progress_(&progress),
        shuffled_(options.shuffle && options.order.empty() && batches_ > 1),
        order_(shuffled_ ? std::make_unique_for_overwrite<uint32_t[]>(size_t(own_)) : nullptr),
        chosen_(data.chosen),
        kept_(KeptRunner<T>::of(network, data, plan, most_of_batch(), Threads::of(options.threads), progress,
                                !data.batch_loss && !shuffled_ && !chosen_ && options.order.empty())),
        batch_loss_(data.batch_loss != nullptr) {
    assert(!batch_loss_ || !options.together);
    assert(!shuffled_ || uint64_t(own_) <= UINT32_MAX);
    assert(!options.together || options.together->examples[options.together->process] == own_);
    kept_.runner.join(options.together);
    assert(options.learning_rates.empty() || options.learning_rates.size() >= size_t(options.epochs * batches_));
    kept_.runner.updater().start(/*keep=*/options.first_epoch > 0, progress);
    if (keeps_copy()) make_room_for_copy();
    operations_ = kept_.runner.operations(size_, Use::kSteps);
    if (network.compute == Compute::kBfloat16) operations_ /= kBfloat16Speed;
    // Processes replay the same steps, if any, so they copy before the same ones, however fast each is.
    steps_per_copy_ =
        options.together ? kStepsPerCopy
        : batch_loss_    ? 1  // nobody knows whether the caller's code would give the same bits when steps are replayed
                         : steps_per_copy(operations_, network.size + remembered().second);
  }

  /// Step number `step` of the whole run.
  typename BatchRunner<T>::Step step(index_t step) {
    if (keeps_copy() && (step == 0 || (step % steps_per_copy_ == 0 && parameters_are_finite()))) copy(step);
    return replay(step);
  }

  /// The same without a copy.
  typename BatchRunner<T>::Step replay(index_t step) {
    const index_t epoch = options_.first_epoch + step / batches_;
    const Part part = part_of(step % batches_);
    if (shuffled_ && epoch != ordered_epoch_) {
      ordered_epoch_ = -1;
      shuffle(
          std::span(order_.get(), size_t(own_)), options_.seed ^ mix(process()), static_cast<uint64_t>(epoch),
          [&](double operations) { progress_->did(operations); }, chosen_);
      ordered_epoch_ = epoch;
    }
    const std::span<const double> rates = options_.learning_rates;
    const uint32_t* order = !options_.order.empty() ? options_.order.data() + step / batches_ * own_
                            : shuffled_             ? order_.get()
                                                    : chosen_;
    const index_t ordered = !order ? 0 : options_.order.empty() ? own_ : (options_.epochs - step / batches_) * own_;
    return kept_.runner.step({order, part.first, part.count, ordered, part.in_batch},
                             rates.empty() ? options_.learning_rate : rates[size_t(step)], options_.seed,
                             uint64_t(options_.first_epoch * batches_ + step));
  }

  index_t batches() const { return batches_; }
  /// Per epoch, of all processes.
  index_t examples() const { return examples_; }
  /// Of step number `step`, of all processes.
  index_t examples(index_t step) const { return std::min(size_, examples_ - step % batches_ * size_); }

  /// Else the updater undoes an update that is not finite.
  bool keeps_copy() const { return !kept_.runner.updater().undoes_updates(); }
  bool parameters_are_finite() const {
    return std::all_of(network_.layers.begin(), network_.layers.end(), [](const Layer<T>& layer) {
      bool finite = all_finite(layer.b, layer.units);  // the padding of W, which no product reads, may be anything
      for (index_t i = 0; finite && i < layer.units; ++i) finite = all_finite(layer.W + i * layer.W_row, layer.inputs);
      return finite;
    });
  }

  /// After a loss that was not finite at step `failed`, finds the last finite parameters. False: there were none. If it
  /// is interrupted, the parameters are finite ones of an earlier step.
  bool recover(index_t failed) {
    if (!keeps_copy()) return parameters_are_finite();  // the updater has undone what was not finite
    // A penalty is known after its update only; if it was not finite, step `failed` has changed the parameters.
    const bool changed = network_.optimizer_state.updates - copied_updates_ > uint64_t(failed - copied_at_);
    if (!changed && parameters_are_finite()) return true;
    if (batch_loss_) {
      restore();
      return parameters_are_finite();
    }
    std::optional<Progress::Paused> paused;
    if (double(failed - copied_at_) * operations_ <= kShortReplay) paused.emplace(*progress_);
    try {
      // Almost always it was the last update.
      restore();
      for (index_t next = copied_at_; next < (changed ? failed : failed - 1); ++next) replay(next);
      if (parameters_are_finite()) return true;
      restore();
      for (index_t next = copied_at_; next < failed && parameters_are_finite(); ++next) {
        copy(next);
        replay(next);
      }
    } catch (const Interrupted&) {
      if (!parameters_are_finite()) restore();
      throw;
    }
    if (!parameters_are_finite()) restore();
    return parameters_are_finite();
  }

 private:
  static index_t all_of(const FitOptions& options, index_t own) {
    if (!options.together) return own;
    return std::accumulate(options.together->examples.begin(), options.together->examples.end(), index_t{0});
  }

  /// A batch's examples in this process: `count` from `first` on, of those of the epoch. Those of the processes before
  /// it are the first `in_batch` of the batch.
  struct Part {
    index_t first, count, in_batch;
  };
  Part part_of(index_t batch) const {
    if (!options_.together) return {batch * size_, std::min(size_, examples_ - batch * size_), 0};
    const std::vector<index_t>& all = options_.together->examples;
    const index_t before = std::accumulate(all.begin(), all.begin() + std::ptrdiff_t(process()), index_t{0});
    // In the batches before one, the first so many examples of an epoch have the same share as in the epoch.
    const auto taken = [&](index_t of_batch, index_t of_epoch) {
      __extension__ using Wide = __int128;
      return index_t(Wide(std::min(of_batch * size_, examples_)) * of_epoch / examples_);
    };
    const index_t others = taken(batch, before), others_after = taken(batch + 1, before);
    const index_t first = taken(batch, before + own_) - others, end = taken(batch + 1, before + own_) - others_after;
    return {first, end - first, others_after - others};
  }
  index_t most_of_batch() const {
    if (!options_.together) return size_;
    if (batches_ == 1) return own_;
    __extension__ using Wide = __int128;
    const index_t most = index_t(Wide(size_) * own_ / examples_) + 2;  // of a share of 2.1, up to 4
    return most == own_ ? most + 1 : most;                             // no batch has all of X
  }
  uint64_t process() const { return options_.together ? options_.together->process : 0; }

  std::pair<T*, index_t> remembered() {
    OptimizerState<T>& state = network_.optimizer_state;
    return {state.numbers(), state.count};
  }
  /// Touches the memory of copy(), which is not interrupted.
  void make_room_for_copy() {
    std::vector<T>& copy = kept_.copy;
    const index_t count = network_.size + remembered().second;
    if (index_t(copy.size()) == count) return;
    copy.reserve(size_t(count));
    in_parts(count, *progress_, [&](index_t first, index_t part) { copy.resize(size_t(first + part)); });
  }
  void copy(index_t step) {
    const auto [slots, count] = remembered();
    assert(index_t(kept_.copy.size()) == network_.size + count);
    std::copy_n(network_.parameters(), network_.size, kept_.copy.begin());
    std::copy_n(slots, count, kept_.copy.begin() + network_.size);
    copied_updates_ = network_.optimizer_state.updates;
    copied_at_ = step;
  }
  void restore() {
    const Progress::Paused paused(*progress_);
    const Writing writing(network_, *progress_);
    std::copy_n(kept_.copy.begin(), network_.size, network_.parameters());
    std::copy(kept_.copy.begin() + network_.size, kept_.copy.end(), remembered().first);
    network_.optimizer_state.updates = copied_updates_;
    kept_.runner.parameters_changed();
  }

  NetworkState<T>& network_;
  const FitOptions& options_;
  index_t own_;                        // examples of this process per epoch
  index_t examples_, size_, batches_;  // of all
  Progress* progress_;
  bool shuffled_;
  index_t ordered_epoch_ = -1;
  std::unique_ptr<uint32_t[]> order_;
  const uint32_t* chosen_;
  double operations_;  // of a step: as many of float32 as take as long
  index_t steps_per_copy_, copied_at_ = 0;
  uint64_t copied_updates_ = 0;
  KeptRunner<T>& kept_;
  bool batch_loss_;
};

}  // namespace

template <class T>
TrainingHold<T>::TrainingHold(const Network<T>& network) : network_(network.state_) {
  NetworkState<T>& state = network_.state();
  const bool reading = Reading::here(&state);
  state.after_fork(reading);
  token_ = reading ? 0 : state.training.take();
  if (token_ == 0) throw Busy{};
}

/// Of a run's memory, at most kSpareBytes are kept for the next.
template <class T>
void TrainingHold<T>::release() {
  NetworkState<T>& state = network_.state();
  if (!state.training.is_held_by(token_)) return;
  const auto* kept = static_cast<const KeptRunner<T>*>(state.kept.get());
  if (kept && kept->bytes() > kSpareBytes) state.kept.reset();
  state.training.release(token_);
  token_ = 0;
}

template <class T>
void TrainingHold<T>::free_memory() {
  const Call call(*this);
  network_.state().kept.reset();
}

template <class T>
TrainingHold<T>::Call::Call(TrainingHold& hold) : hold_(hold) {
  NetworkState<T>& state = hold.network_.state();
  const bool reading = Reading::here(&state);
  state.after_fork(reading);
  if (reading || !state.training.is_held_by(hold.token_) || hold.in_call_.exchange(true)) throw Busy{};
}

template <class T>
void fit(TrainingHold<T>& hold, const Data& data, const Plan& plan, const FitOptions& options, std::span<double> losses,
         std::span<double> seconds, Interrupt* interrupt) {
  const typename TrainingHold<T>::Call call(hold);
  assert(options.epochs >= 0 && options.batch_size > 0);
  assert(options.order.empty() || (options.epochs > 0 && options.order.size() % size_t(options.epochs) == 0));
  assert(losses.size() >= size_t(options.epochs) && seconds.size() >= size_t(options.epochs));
  NetworkState<T>& state = hold.network().state();
  Progress progress(interrupt);
  Run<T> run(state, data, plan, options, progress);
  using Clock = std::chrono::steady_clock;
  auto begin = Clock::now();
  index_t step = 0;
  const auto give_up = [&](index_t bad_step, double loss) {
    const bool recovered = run.recover(step);
    throw NonFinite(loss / double(run.examples(bad_step)), options.first_epoch + bad_step / run.batches(),
                    bad_step % run.batches(), false, recovered);
  };
  double last_loss = 0;
  try {
    for (index_t epoch = 0; epoch < options.epochs; ++epoch) {
      double total = 0;
      for (index_t batch = 0; batch < run.batches(); ++batch) {
        const auto [loss, updated] = run.step(step);
        if (!updated || !std::isfinite(loss)) give_up(step, loss);
        total += last_loss = loss;
        ++step;
        if (options.steps_done) options.steps_done->fetch_add(1, std::memory_order_relaxed);
        progress.step_done();
      }
      const auto end = Clock::now();
      losses[size_t(epoch)] = total / double(run.examples());
      seconds[size_t(epoch)] = std::chrono::duration<double>(end - begin).count();
      begin = end;
    }
  } catch (const Interrupted&) {
    if (run.keeps_copy()) run.recover(step);  // the loss after the last update might have shown that it was not finite
    throw;
  }
  // No loss after the last update would show that it is not finite.
  if (step > 0 && !run.parameters_are_finite()) give_up(step - 1, last_loss);
}

template <class T>
double train_on_batch(const Network<T>& network, const Data& data, const Plan& plan, double learning_rate,
                      uint64_t seed, int threads, Interrupt* interrupt) {
  NetworkState<T>& state = network.state();
  const TrainingHold<T> hold(network);
  Progress progress(interrupt);
  const index_t count = data.X.count;
  BatchRunner<T>& runner =
      KeptRunner<T>::of(state, data, plan, count, Threads::of(threads), progress, !data.chosen && !data.batch_loss)
          .runner;
  runner.updater().start(/*keep=*/true, progress);
  const auto [total, updated] =
      runner.step({data.chosen, 0, count}, learning_rate, seed, state.optimizer_state.updates);
  if (!updated || !std::isfinite(total)) throw NonFinite(total / double(count), 0, 0, updated, true);
  return total / double(count);
}

namespace {

/// A runner that does not train. One of no more than kRunnerBytes is kept for the next call, which makes a small
/// network's evaluation half as long.
template <class T>
class BorrowedRunner {
  static constexpr index_t kRunnerBytes = index_t{4} << 20;
  struct Kept final : KeptMemory::Content {
    Plan plan;
    Threads threads;
    BatchRunner<T> runner;
    Kept(NetworkState<T>& network, const Data& data, const Plan& plan_, Threads threads_, Use use, Progress& progress)
        : plan(plan_),
          threads(threads_),
          runner(network, data, plan_, data.X.count, threads_,
                 use == Use::kGradients && data.batch_loss ? Use::kPass : use, progress,
                 !data.chosen && !data.batch_loss) {}
  };

 public:
  BorrowedRunner(NetworkState<T>& network, const Data& data, const Plan& plan, int threads, Use use, Progress& progress)
      : memory_(use == Use::kLoss ? network.of_loss : network.of_gradients),
        kept_(static_cast<Kept*>(memory_.take().release())) {
    const auto chosen = Threads::of(threads);
    if (kept_ && kept_->threads == chosen && kept_->runner.suits(data) && kept_->plan == plan)
      kept_->runner.take(data, progress);
    else
      kept_ = std::make_unique<Kept>(network, data, plan, chosen, use, progress);
  }
  ~BorrowedRunner() {
    if (kept_->runner.bytes() <= kRunnerBytes) memory_.put(std::move(kept_));
  }
  BorrowedRunner(const BorrowedRunner&) = delete;
  BorrowedRunner& operator=(const BorrowedRunner&) = delete;
  BatchRunner<T>* operator->() { return &kept_->runner; }

 private:
  KeptMemory& memory_;
  std::unique_ptr<Kept> kept_;
};

}  // namespace

/// The loss and, unless `gradients` is empty, its gradients, with a batch loss; nothing if the parameters were updated
/// while that was computed. The network is not locked meanwhile: the caller's code may wait for what waits for the
/// lock.
template <class T>
std::optional<double> try_batch_loss(NetworkState<T>& state, const Data& data, const Plan& plan,
                                     std::span<const ParameterGradient<T>> gradients, int threads, Progress& progress) {
  const Batch batch{data.chosen, 0, data.X.count};
  const bool back = !gradients.empty();
  std::optional<BorrowedRunner<T>> borrowed;
  const auto out =
      row_major(static_cast<T*>(data.batch_loss->outputs(batch.count)), state.layers.back().units, batch.count);
  double penalty = 0;
  uint64_t version = 0;
  {
    const Reading reading(state, progress);
    BorrowedRunner<T>& runner =
        borrowed.emplace(state, data, plan, threads, back ? Use::kGradients : Use::kLoss, progress);
    runner->forward(batch, out);
    penalty = runner->penalty();
    version = state.version.load();
  }
  Examples slope;
  const double losses = data.batch_loss->compute(batch.order, 0, batch.count, back ? &slope : nullptr);
  BorrowedRunner<T>& runner = *borrowed;
  if (back) {
    const Reading reading(state, progress);
    if (state.version.load() != version) return std::nullopt;
    runner->back_from({nullptr, 0, batch.count}, slope, plan.batch_loss_of_Z, gradients, progress);
  }
  return runner->objective(losses, penalty, double(batch.count)) / double(batch.count);
}

template <class T>
double evaluate(const Network<T>& network, const Data& data, const Plan& plan, int threads, Interrupt* interrupt) {
  Progress progress(interrupt);
  if (data.batch_loss) {
    const auto value = try_batch_loss<T>(network.state(), data, plan, {}, threads, progress);
    assert(value);  // without gradients, no update can come between
    return *value;
  }
  const Reading reading(network.state(), progress);
  BorrowedRunner<T> runner(network.state(), data, plan, threads, Use::kLoss, progress);
  return runner->loss({data.chosen, 0, data.X.count}) / double(data.X.count);
}

template <class T>
double loss_and_gradients(const Network<T>& network, const Data& data, const Plan& plan,
                          std::span<const ParameterGradient<T>> gradients, int threads, Interrupt* interrupt) {
  NetworkState<T>& state = network.state();
  Progress progress(interrupt);
  if (data.batch_loss) {
    if (const auto value = try_batch_loss<T>(state, data, plan, gradients, threads, progress)) return *value;
    const Network<T> copy = copy_network(network, interrupt);
    const auto value = try_batch_loss<T>(copy.state(), data, plan, gradients, threads, progress);
    assert(value);  // nobody else has the copy
    return *value;
  }
  const Reading reading(state, progress);
  const index_t count = data.X.count;
  BorrowedRunner<T> runner(state, data, plan, threads, Use::kGradients, progress);
  const double total = runner->loss_and_gradients({data.chosen, 0, count}, gradients);
  return total / double(count);
}

template <class T>
void copy_parameters(const Network<T>& network, std::span<const ParameterGradient<T>> copies, Interrupt* interrupt) {
  Progress progress(interrupt);
  const Reading reading(network.state(), progress);
  for (size_t l = 0; l < copies.size(); ++l) {
    const Layer<T>& layer = network.state().layers[l];
    const auto& [W, b] = copies[l];
    for (index_t i = 0; i < layer.units; ++i) {
      copy_in_parts(layer.W + i * layer.W_row, layer.inputs, W.data + i * W.row, progress);
      b.data[i * b.row] = layer.b[i];
    }
  }
}

namespace {

/// Calls use(row of an array of `slots`, its place in the optimizer's state, count) for every row.
template <class T, class Use>
void each_row_of_slots(NetworkState<T>& state, std::span<const ParameterGradient<T>> slots, Use use) {
  const size_t layers = state.layers.size();
  for (size_t i = 0; i < slots.size(); ++i) {
    const Layer<T>& layer = state.layers[i % layers];
    T* slot = state.optimizer_state.numbers() + index_t(i / layers) * state.size;
    T *slot_of_W = slot + (layer.W - state.layers[0].W), *slot_of_b = slot + (layer.b - state.layers[0].W);
    const auto& [W, b] = slots[i];
    for (index_t unit = 0; unit < layer.units; ++unit) {
      use(W.data + unit * W.row, slot_of_W + unit * layer.W_row, layer.inputs);
      use(b.data + unit * b.row, slot_of_b + unit, index_t{1});
    }
  }
}

}  // namespace

index_t optimizer_slots(OptimizerId optimizer) { return kernels<float>().optimizers[optimizer].slots; }

template <class T>
uint64_t copy_optimizer_state(const Network<T>& network, OptimizerId optimizer,
                              std::span<const ParameterGradient<T>> slots, Interrupt* interrupt) {
  Progress progress(interrupt);
  NetworkState<T>& state = network.state();
  const Reading reading(state, progress);
  const OptimizerState<T>& kept = state.optimizer_state;
  assert(index_t(slots.size()) == optimizer_slots(optimizer) * network.layers());
  if (kept.optimizer != optimizer || kept.extra != 0) return 0;
  each_row_of_slots<T>(state, slots,
                       [&](T* copy, const T* slot, index_t count) { copy_in_parts(slot, count, copy, progress); });
  return kept.updates;
}

template <class T>
void set_optimizer_state(TrainingHold<T>& hold, OptimizerId optimizer, uint64_t updates,
                         std::span<const ParameterGradient<T>> slots, Interrupt* interrupt) {
  const typename TrainingHold<T>::Call call(hold);
  Progress progress(interrupt);
  NetworkState<T>& state = hold.network().state();
  const Writing<T> writing(state, progress);
  state.optimizer_state.start(optimizer, optimizer_slots(optimizer), state.size, 0, progress);
  assert(index_t(slots.size()) == optimizer_slots(optimizer) * hold.network().layers());
  each_row_of_slots<T>(state, slots, [&](const T* copy, T* slot, index_t count) { std::copy_n(copy, count, slot); });
  state.optimizer_state.updates = updates;
}

template class TrainingHold<float>;
template void fit(TrainingHold<float>&, const Data&, const Plan&, const FitOptions&, std::span<double>,
                  std::span<double>, Interrupt*);
template class TrainingHold<double>;
template void fit(TrainingHold<double>&, const Data&, const Plan&, const FitOptions&, std::span<double>,
                  std::span<double>, Interrupt*);
template double train_on_batch(const Network<float>&, const Data&, const Plan&, double, uint64_t, int, Interrupt*);
template double train_on_batch(const Network<double>&, const Data&, const Plan&, double, uint64_t, int, Interrupt*);
template double evaluate(const Network<float>&, const Data&, const Plan&, int, Interrupt*);
template double evaluate(const Network<double>&, const Data&, const Plan&, int, Interrupt*);
template double loss_and_gradients(const Network<float>&, const Data&, const Plan&,
                                   std::span<const ParameterGradient<float>>, int, Interrupt*);
template double loss_and_gradients(const Network<double>&, const Data&, const Plan&,
                                   std::span<const ParameterGradient<double>>, int, Interrupt*);
template uint64_t copy_optimizer_state(const Network<float>&, OptimizerId, std::span<const ParameterGradient<float>>,
                                       Interrupt*);
template uint64_t copy_optimizer_state(const Network<double>&, OptimizerId, std::span<const ParameterGradient<double>>,
                                       Interrupt*);
template void set_optimizer_state(TrainingHold<float>&, OptimizerId, uint64_t,
                                  std::span<const ParameterGradient<float>>, Interrupt*);
template void set_optimizer_state(TrainingHold<double>&, OptimizerId, uint64_t,
                                  std::span<const ParameterGradient<double>>, Interrupt*);
template void copy_parameters(const Network<float>&, std::span<const ParameterGradient<float>>, Interrupt*);
template void copy_parameters(const Network<double>&, std::span<const ParameterGradient<double>>, Interrupt*);

}  // namespace deepnet
