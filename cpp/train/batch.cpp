// The schedule of a batch: its chunks or parts, the threads that take groups and blocks of them, and what follows all.
#include "train/batch.h"

#include <cassert>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "runtime/fork.h"
#include "runtime/random.h"

namespace deepnet {

template <class T>
template <class Task>
void BatchRunner<T>::each_block(Task task) {
  ThreadPool::run(index_t(blocks_.size()), workers_, [&](index_t i) { task(blocks_[size_t(i)]); });
}

/// The sum of task over all blocks, always in the same order.
template <class T>
template <class Task>
double BatchRunner<T>::sum_of_blocks(Task task) {
  ThreadPool::run(index_t(blocks_.size()), workers_,
                  [&](index_t i) { block_sums_[size_t(i)] = task(blocks_[size_t(i)]); });
  return std::accumulate(block_sums_.begin(), block_sums_.end(), 0.0);
}

/// True if the examples are all of a batch, in order and of type T, with those of a unit side by side, and the first
/// layer has so few units that packing a large X would dominate a step.
template <class T>
bool BatchRunner<T>::can_read_in_place(const Data& data, bool in_order) const {
  const Examples& X = data.X;
  constexpr index_t size = sizeof(T);
  return in_order && !bf16_ && !X.is_sparse() && X.element == (size == 4 ? Element::kF32 : Element::kF64) &&
         X.scale == 1 && X.count > 1 && X.count == largest_ && X.count <= chunk_ && X.example_stride == size &&
         X.unit_stride >= X.count * size && X.unit_stride % size == 0 &&
         reinterpret_cast<uintptr_t>(X.data) % size == 0 && X.units * X.count * size > kCachedBytes &&
         network_.layers[0].units <= kFewRows && dropout_of(0) == 0;
}

/// Cuts the gradients into parts whose sums over all processes begin as soon as their blocks are done: several whole
/// layers, or some rows of a large one. The last part of a layer has its b as well.
template <class T>
void BatchRunner<T>::make_buckets() {
  buckets_.clear();
  const std::vector<Layer<T>>& layers = network_.layers;
  const auto place = [&](const T* parameter) { return index_t(parameter - layers[0].W); };
  const index_t least = together_->bucket;
  index_t end = place(layers.back().b + layers.back().units), first = 0;  // of what is not in a bucket yet
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    const Layer<T>& layer = layers[block.layer];
    const index_t begin = place(layer.W), behind = block.layer + 1 < layers.size() ? place((&layer + 1)->W) : end;
    const bool is_large = least > 0 && behind - begin >= 2 * least;
    if (block.row == 0 && block.column == 0) {
      first = begin;
      if (is_large && end > behind) {  // its rows do not wait for the small layers after it
        buckets_.push_back({i, behind, end - behind});
        end = behind;
      }
    }
    const bool last = i + 1 == blocks_.size();
    if (!last && blocks_[i + 1].column > 0) continue;  // its rows have more columns
    const index_t rows = begin + (block.row + block.rows) * layer.W_row;
    if (block.row + block.rows < layer.units) {
      if (!is_large || rows - first < least || behind - rows < least) continue;
      buckets_.push_back({i + 1, first, rows - first});
      first = rows;
    } else if (last || (least > 0 && end - first >= least)) {
      buckets_.push_back({i + 1, first, end - first});
      end = begin;
    }
  }
}

template <class T>
void BatchRunner<T>::take(const Data& data, Progress& progress) {
  assert(data.X.units == data_.X.units && data.Y.units == data_.Y.units);
  assert(data.X.is_sparse() == is_sparse());
  data_ = data;
  if (is_sparse()) nonzeros_ = nonzeros_per_example(data.X, data.chosen);
  progress_ = &progress;
  has_X_ = false;
  parameters_changed();
}

template <class T>
void BatchRunner<T>::parameters_changed(bool kept) {
  each_block([&](const Block& block) { transpose_weights(block, kept); });
}

/// X of a chunk of sparse examples, and the columns of W of layer 1 that it uses.
template <class T>
void BatchRunner<T>::list_sparse(const Batch& chunk, bool gathers, bool back) {
  constexpr index_t kAtOnce = 256;  // columns of a task
  const Layer<T>& layer = network_.layers[0];
  if (gathers) {
    sparse_.gather(kernels_, layer, data_.X, chunk.order, chunk.first, chunk.count, back ? masks_[0] : DropoutMask{},
                   chunk.in_batch, back, bf16_);
    progress_->did(10 * nonzeros_ * double(chunk.count));
  }
  ThreadPool::run((sparse_.used() + kAtOnce - 1) / kAtOnce, workers_, [&](index_t i) {
    const index_t count = std::min(kAtOnce, sparse_.used() - i * kAtOnce);
    sparse_.copy_columns(layer, i * kAtOnce, count, bf16_);
    progress_->wrote(count * layer.units);
  });
}

/// Groups of group_panels_ each, as many as all threads take in full rounds; then of what is left, so that each thread
/// gets about as much.
template <class T>
index_t BatchRunner<T>::groups(index_t panels) const {
  const index_t whole = panels / (group_panels_ * workers_) * workers_, left = panels - whole * group_panels_;
  const index_t each = std::max<index_t>(left / workers_, 1);
  return whole + (left + each - 1) / each;
}

template <class T>
index_t BatchRunner<T>::first_of_group(index_t group, index_t panels) const {
  const index_t whole = panels / (group_panels_ * workers_) * workers_, left = panels - whole * group_panels_;
  const index_t each = std::max<index_t>(left / workers_, 1);
  return group <= whole ? group * group_panels_ : std::min(whole * group_panels_ + (group - whole) * each, panels);
}

template <class T>
typename BatchRunner<T>::Group BatchRunner<T>::group_of(const Batch& chunk, index_t number) const {
  const index_t of_chunk = panels_for<T>(chunk.count), first_panel = first_of_group(number, of_chunk);
  return group_at(chunk, first_panel, first_of_group(number + 1, of_chunk) - first_panel, workers_);
}

/// `between`: the groups that other threads probably gather before this thread's next one, and this.
template <class T>
typename BatchRunner<T>::Group BatchRunner<T>::group_at(const Batch& chunk, index_t first_panel, index_t panels,
                                                        index_t between) const {
  const index_t all = panels * kPanel<T>;
  const index_t columns = std::min(all, columns_for<T>(chunk.count - first_panel * kPanel<T>));
  return {first_panel, panels,      chunk.in_batch + first_panel * kPanel<T>, columns,
          all,         chunk.count, group_panels_ * between * kPanel<T>};
}

template <class T>
void BatchRunner<T>::forward(const Batch& batch, Matrix<T> out) {
  const bool back = passes_;
  assert(batch.count <= largest_ && (!back || batch.count <= chunk_));
  SharedWork work = begin_work(batch.count, back ? network_.choices.forward : network_.choices.loss,
                               operations(batch.count, Use::kLoss), true);
  double weight = 0;
  for (index_t begin = 0; begin < batch.count; begin += chunk_) {
    const Batch chunk{batch.order, batch.first + begin, std::min(chunk_, batch.count - begin), batch.ordered, begin};
    if (is_sparse()) list_sparse(chunk, true, back);
    ThreadPool::run(groups(panels_for<T>(chunk.count)), workers_, [&](index_t number) {
      const Group group = group_of(chunk, number);
      const BorrowedWorkspace borrowed;
      T* scratch = borrowed.get().activations[0].template reserve<T>(group.panels * widest_scratch_ * kPanel<T>);
      group_forward(chunk, group, true, back, scratch);
      const index_t units = network_.layers.back().units, first = group.first_panel * kPanel<T>,
                    end = std::min(first + group.all, chunk.count);
      for (index_t i = 0; i < out.rows; ++i)
        for (index_t j = first; j < end; ++j)
          out.data[i * out.row + (begin + j) * out.col] =
              A_.back()[(j / kPanel<T> * units + i) * kPanel<T> + j % kPanel<T>];
    });
    for (index_t p = 0; p < panels_for<T>(chunk.count); ++p) weight += weight_of_panel(p, chunk.count);
  }
  divide_by_sum(batch.count, weight);
  work.done();
}

template <class T>
void BatchRunner<T>::back_from(const Batch& batch, const Examples& slope, bool of_Z,
                               std::span<const ParameterGradient<T>> gradients, Progress& progress) {
  progress_ = &progress;
  SharedWork work = begin_work(batch.count, network_.choices.backward, 2 * operations(batch.count, Use::kLoss), true);
  ThreadPool::run(groups(panels_for<T>(batch.count)), workers_, [&](index_t number) {
    const Group group = group_of(batch, number);
    const BorrowedWorkspace borrowed;
    T* scratch = borrowed.get().activations[0].template reserve<T>(group.panels * widest_scratch_ * kPanel<T>);
    for (index_t p = group.first_panel; p < group.first_panel + group.panels; ++p)
      slope_of_panel(batch, slope, of_Z, p, scratch);
    group_back(group, scratch);
  });
  each_block([&](const Block& block) {
    if (gradients.empty())
      sum_gradients(block, 0, batch.count, false, true, kept_gradient(block), false, 0);
    else
      write_gradient(block, batch.count, false, gradients[block.layer]);
    progress_->did(2 * double(batch.count) * double(block.rows) * double(block.columns));
  });
  work.done();
}

/// A step with a batch loss.
template <class T>
double BatchRunner<T>::batch_loss_step(const Batch& batch, double rate) {
  BatchLoss& loss = *data_.batch_loss;
  forward(batch, row_major(static_cast<T*>(loss.outputs(batch.count)), network_.layers.back().units, batch.count));
  Examples slope;
  const double losses = loss.compute(batch.order, batch.first, batch.count, &slope);
  if (!std::isfinite(losses)) return losses;
  back_from({nullptr, 0, batch.count}, slope, updater_.plan().batch_loss_of_Z, {}, *progress_);
  return finish(double(batch.count), Use::kSteps, losses, 0, false, rate);
}

/// Returns false if the norm of the kept gradients is not finite.
template <class T>
bool BatchRunner<T>::clip_to_norm() {
  const double squares = sum_of_blocks([&](const Block& block) {
    progress_->did(double(block.rows) * double(block.columns));
    return updater_.norm(block, block.layer, kept_gradient(block));
  });
  if (!std::isfinite(squares)) return false;
  updater_.clip_to(squares);
  return true;
}

/// Undoes an update of a large network if it made parameters that are not finite, or found that the former ones have an
/// infinite penalty. The optimizer's state, which has been updated as well, is cleared.
template <class T>
void BatchRunner<T>::undo_if_not_finite(double penalty) {
  if (!updater_.undoes_updates() || (!non_finite_ && std::isfinite(penalty))) return;
  non_finite_ = true;
  each_block([&](const Block& block) {
    updater_.undo(block, block.layer, kept_gradient(block));
    transpose_weights(block);
  });
  updater_.forget();
}

template <class T>
double BatchRunner<T>::operations(index_t examples, Use use) const {
  const bool back = use != Use::kLoss;
  const double products = back ? 6 : 2, count = double(examples), all = double(network_.size);
  if (!is_sparse()) return products * all * count;
  const Layer<T>& first = network_.layers[0];
  const double of_first = double(first.units) * double(first.W_row);
  // Of the first layer, the update dominates: it is the only one that takes every weight, from memory.
  constexpr double kUpdate = 64;
  return products * (all - of_first + nonzeros_ * double(first.units)) * count + (back ? kUpdate * of_first : 0);
}

/// Decides how many threads work for a batch, and cuts it into groups for them.
template <class T>
SharedWork BatchRunner<T>::begin_work(index_t examples, ThreadChoices& choices, double operations,
                                      bool shared_at_first) {
  const SharedWork work(choices, threads_, operations, shared_at_first);
  workers_ = work.threads();
  const index_t each = (panels_for<T>(std::min(chunk_, examples)) + workers_ - 1) / workers_;
  group_panels_ = in_place_ ? each : std::clamp<index_t>(each, 1, most_in_group());
  return work;
}

template <class T>
SharedWork BatchRunner<T>::begin_work(index_t examples, Use use) {
  auto& choices = network_.choices;
  const bool back = use != Use::kLoss;
  const double operations = this->operations(examples, use);
  const index_t per_thread = panels_for<T>(std::min(chunk_, examples)) / threads_.most;
  // Until measured: weights travel twice in a training step, which pays from some 64 examples a thread on.
  return begin_work(examples,
                    !back                    ? choices.loss
                    : use == Use::kGradients ? choices.gradients
                                             : choices.step,
                    operations, back ? (per_thread >= 2 || is_sparse()) && operations > 2e7 : per_thread >= 1);
}

/// Takes part in a step without examples.
template <class T>
void BatchRunner<T>::add_nothing() {
  std::fill_n(gradient_, in_gradient(network_.layers.back().b) - gradient_ + network_.layers.back().units, T(0));
  for (const Bucket& bucket : buckets_) together_->begin(bucket.first, bucket.count);
}

/// Adds up the losses and weights of a batch's panels, in order.
template <class T>
typename BatchRunner<T>::PanelSums BatchRunner<T>::add_panels(index_t examples) {
  PanelSums all{0, 0};
  for (index_t p = 0; p < panels_for<T>(examples); ++p) {
    all.loss += sums_[size_t(p)].loss;
    all.weight += sums_[size_t(p)].weight;
  }
  divide_by_sum(double(examples), all.weight);
  return all;
}

/// True if run_in_parts() is for a batch of so many examples.
template <class T>
bool BatchRunner<T>::goes_in_parts(index_t examples, Use use) const {
  return examples > chunk_ && workers_ > 1 && workers_ <= lanes_ && use == Use::kSteps && !together_;
}

/// Each thread takes parts of the batch through both phases by itself, so that their activations stay in its caches,
/// and only sums of gradients pass from thread to thread. The sums of a block take part after part, in order, so they
/// are the same chains. The last part makes the update, if that follows at once. Returns the penalty, and in `all` the
/// sums over the batch's panels.
template <class T>
double BatchRunner<T>::run_in_parts(const Batch& batch, double rate, PanelSums& all) {
  const index_t room = chunk_ / kPanel<T>, panels = panels_for<T>(batch.count);
  const index_t rounds = (panels + workers_ * room - 1) / (workers_ * room),
                parts = std::min(rounds * workers_, panels);
  const bool at_once = updates_at_once();
  assert(!at_once || network_.size <= kSlowUpdate);  // which run() would ask the interrupt before
  const int forks_before = forks();
  std::atomic<index_t> through{0};  // parts that are through phase 1
  std::atomic<bool> stopped{false};
  double penalty = 0;
  const auto wait = [&](const std::atomic<index_t>& done, index_t wanted) {
    ThreadPool::wait([&] {
      if (forks() != forks_before) throw std::runtime_error(kForkedInside);
      return done.load(std::memory_order_acquire) == wanted || stopped.load(std::memory_order_relaxed);
    });
    return !stopped.load(std::memory_order_relaxed);
  };
  for (size_t b = 0; b < blocks_.size(); ++b) turns_[b].store(0, std::memory_order_relaxed);

  ThreadPool::run(parts, workers_, [&](index_t part) {
    if (stopped.load()) return;
    // Parts end in order, and a thread has one at a time: the one that had this place in memory before has ended.
    const index_t first = panels * part / parts, count = panels * (part + 1) / parts - first,
                  place = part % workers_ * room, skipped = (place - first) * kPanel<T>,
                  examples = std::min(count * kPanel<T>, batch.count - first * kPanel<T>);
    const Batch chunk{batch.order, batch.first - skipped, place * kPanel<T> + examples, batch.ordered,
                      batch.in_batch - skipped};  // as if it began with the panels that are before it in memory
    const bool last = part + 1 == parts;
    try {
      for (index_t done = 0, some; done < count; done += some) {
        some = std::min(count - done, most_in_group());
        forward_and_back(chunk, group_at(chunk, place + done, some, 1), true, Use::kSteps, sums_.data() + first + done);
      }
      through.fetch_add(1, std::memory_order_release);
      std::optional<Writing<T>> writing;
      if (last && at_once) {
        if (!wait(through, parts)) return;
        all = add_panels(batch.count);
        if (!std::isfinite(all.loss)) {
          stopped.store(true);
          return;
        }
        writing.emplace(network_, *progress_);
      }
      // If the last part updates, nothing may ask the interrupt any more: a handler that predicts would wait for it.
      for (size_t b = 0; b < blocks_.size(); ++b) {
        const Block& block = blocks_[b];
        if (!wait(turns_[b], part)) return;
        if (last && at_once)
          penalty += finish_block(block, place, examples, part > 0, rate / divisor_);
        else
          sum_gradients(block, place, examples, part > 0, last, kept_gradient(block), false, 0);
        if (!at_once) {
          progress_->did(2 * double(examples) * double(block.rows) * double(block.columns));
          progress_->wrote(block.rows * block.columns);
        }
        turns_[b].store(part + 1, std::memory_order_release);
      }
    } catch (...) {
      stopped.store(true);
      throw;
    }
  });
  if (!at_once) all = add_panels(batch.count);
  return penalty;
}

template <class T>
double BatchRunner<T>::run(const Batch& batch, Use use, double rate, std::span<const ParameterGradient<T>> gradients) {
  assert(batch.count <= largest_ && (batch.count > 0 || together_));
  SharedWork work = begin_work(std::max<index_t>(batch.count, 1), use);
  const bool at_once = updates_at_once();
  PanelSums all{0, 0};
  double penalty = 0;
  const bool in_parts = goes_in_parts(batch.count, use);
  if (batch.count == 0) add_nothing();
  if (in_parts) {
    penalty = run_in_parts(batch, rate, all);
    if (!std::isfinite(all.loss)) return all.loss;
  }
  for (index_t begin = 0; begin < batch.count && !in_parts; begin += chunk_) {
    const Batch chunk{batch.order, batch.first + begin, std::min(chunk_, batch.count - begin), batch.ordered,
                      batch.in_batch + begin};
    const index_t panels = panels_for<T>(chunk.count);
    const bool gathers = !has_X_;
    if (is_sparse()) list_sparse(chunk, gathers, use != Use::kLoss);
    PanelSums* const sums = sums_.data() + begin / kPanel<T>;
    ThreadPool::run(groups(panels), workers_, [&](index_t number) {
      const Group group = group_of(chunk, number);
      forward_and_back(chunk, group, gathers, use, sums + group.first_panel);
    });
    has_X_ = keeps_X(batch);
    const bool first = begin == 0, last = begin + chunk_ >= batch.count;
    if (last) all = add_panels(batch.count);
    if (use == Use::kLoss) continue;
    if (use == Use::kSteps && last && !std::isfinite(all.loss) && !together_) return all.loss;
    if (use == Use::kSteps && last && at_once) {
      if (network_.size > kSlowUpdate) progress_->ask_before_long_work();
      const Writing writing(network_, *progress_);
      penalty = sum_of_blocks(
          [&](const Block& block) { return finish_block(block, 0, chunk.count, !first, rate / divisor_); });
      undo_if_not_finite(penalty);
    } else {
      const auto sum = [&](const Block& block) {
        if (use == Use::kGradients && last)
          write_gradient(block, chunk.count, !first, gradients[block.layer]);
        else
          sum_gradients(block, 0, chunk.count, !first, last, kept_gradient(block), false, 0);
        const double per_weight = is_sparse(block) ? 1 : 2 * double(chunk.count);
        progress_->did(per_weight * double(block.rows) * double(block.columns));
        progress_->wrote(block.rows * block.columns);
      };
      if (!(use == Use::kSteps && last && together_)) {
        each_block(sum);
        continue;
      }
      size_t begin = 0;
      for (const Bucket& bucket : buckets_) {
        ThreadPool::run(index_t(bucket.end - begin), workers_, [&](index_t i) { sum(blocks_[begin + size_t(i)]); });
        together_->begin(bucket.first, bucket.count);
        begin = bucket.end;
      }
    }
  }
  auto examples = double(batch.count);
  if (use == Use::kSteps && together_) {
    const Together::Sums sums = together_->add_up({all.loss, examples, all.weight});
    all.loss = sums.loss;
    examples = sums.examples;
    divide_by_sum(examples, sums.weight);
    if (!std::isfinite(all.loss)) return all.loss;
  }
  const double result = finish(examples, use, all.loss, penalty, at_once, rate);
  work.done();
  return result;
}

template <class T>
void BatchRunner<T>::divide_by_sum(double examples, double weight) {
  divisor_ = !updater_.plan().normalized ? examples : weight > 0 ? weight : HUGE_VAL;
  updater_.divide_by(divisor_);
}

template <class T>
double BatchRunner<T>::penalty() {
  if (!updater_.has_penalty()) return 0;
  return sum_of_blocks([&](const Block& block) {
    progress_->did(double(block.rows) * double(block.columns));
    return updater_.penalty(block, block.layer);
  });
}

/// Adds the penalties, and of a step makes the update from the sums of its gradients, unless it was `updated` at once.
template <class T>
double BatchRunner<T>::finish(double examples, Use use, double losses, double penalty, bool updated, double rate) {
  // The update of a block computes its penalty as well.
  if (use != Use::kSteps || updater_.needs_norm()) penalty = this->penalty();
  if (use == Use::kSteps && !updated) {
    if (updater_.needs_norm() && !clip_to_norm()) return objective(losses, penalty, examples);
    if (network_.size > kSlowUpdate) progress_->ask_before_long_work();
    const Writing writing(network_, *progress_);
    if (updater_.scales_features()) updater_.update_feature_scales(in_gradient(network_.layers[0].W));
    penalty += sum_of_blocks([&](const Block& block) { return update_block(block, rate / divisor_); });
    undo_if_not_finite(penalty);
  }
  updated_ = use == Use::kSteps && !non_finite_;
  if (updated_) updater_.did_update();
  return objective(losses, penalty, examples);
}

template <class T>
typename BatchRunner<T>::Step BatchRunner<T>::step(const Batch& batch, double rate, uint64_t seed, uint64_t step) {
  for (size_t l = 0; l < masks_.size(); ++l)
    masks_[l] = {1 - dropout_of(l), mix(random_bits(seed ^ kDropoutStream, step) + l)};
  if (!updater_.is_fused()) updater_.begin(rate);
  updated_ = non_finite_ = false;
  const double loss = passes_ ? batch_loss_step(batch, rate) : run(batch, Use::kSteps, rate);
  return {loss, updated_};
}

template class BatchRunner<float>;
template class BatchRunner<double>;

}  // namespace deepnet
