// Training by the public class, and fit_many: arguments are checked, and the engine called.
#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <utility>

#include "api/checks.h"
#include "deepnet/fit_many.h"
#include "nn/engine.h"
#include "nn/network.h"
#include "train/fit_many.h"

namespace deepnet {

namespace {

/// The loss and what training has of the network itself.
template <class T>
Plan plan_of(const Network<T>& network, const LossChoice& loss) {
  Plan plan;
  const index_t L = network.layers();
  set_loss(loss, network.activation_name(L), network.units(L), plan);
  plan.input_dropout = network.input_dropout();
  for (index_t l = 1; l <= L; ++l) plan.layers.push_back(network.regularization(l));
  if (std::all_of(plan.layers.begin(), plan.layers.end(), [](const LayerPlan& l) { return l == LayerPlan{}; }))
    plan.layers.clear();
  return plan;
}

template <class T>
Data checked(const Network<T>& network, const TrainingData& data, const Plan& plan, const CallOptions& options) {
  check_data<T>(data, network.units(0), network.units(network.layers()), plan, options);
  return {.X = scaled<T>(data.X, network.input_scale()), .Y = data.Y, .weights = data.weights};
}

/// A call of fit whose arguments are checked. It refers to the options, which must live as long.
template <class T>
class PreparedFit {
 public:
  PreparedFit(const Network<T>& network, const TrainingData& given, const Training& training,
              const CallOptions& options)
      : training_(training), plan_(plan_of(network, training.loss)), rate_(set_optimizer(training, plan_)) {
    require(training.epochs >= 0, "epochs is ", training.epochs, ", but must be a number from 0");
    require(training.batch_size >= 1, "batch_size is ", training.batch_size, ", but must be a number from 1");
    require(training.first_epoch >= 0, "first_epoch is ", training.first_epoch, ", but must be a number from 0");
    data_ = checked(network, given, plan_, options);
    check_apart(given, network);
    size_ = std::min(training.batch_size, data_.X.count);
    batches_ = (data_.X.count + size_ - 1) / size_;
    const std::vector<double>& rates = training.learning_rates;
    require(rates.empty() || index_t(rates.size()) == training.epochs * batches_, "learning_rates has ", rates.size(),
            " numbers, but must have one for each of the ", training.epochs, " x ", batches_, " steps");
    for (const double each : rates) require_size("a number of learning_rates", each);
  }

  /// About the work of the run: examples of all epochs, each as much as there are parameters.
  double work(const Network<T>& network) const {
    return double(training_.epochs) * double(data_.X.count) * double(network.state().size);
  }

  /// `history` gets the epochs that ended, whatever ends the run. `go_on` is called instead of after_epoch, if there is
  /// one.
  void run(TrainingHold<T>& hold, int threads, Interrupt* interrupt, History& history,
           const std::function<bool(const EpochResult&)>& go_on) const {
    FitOptions run{.batch_size = size_, .learning_rate = rate_, .shuffle = training_.shuffle, .seed = training_.seed};
    run.threads = threads;
    const auto resize = [&](index_t epochs) {
      history.loss.resize(size_t(epochs));
      history.seconds.resize(size_t(epochs));
    };
    resize(training_.epochs);
    const index_t at_once = training_.after_epoch ? 1 : training_.epochs;
    for (index_t done = 0; done < training_.epochs; done += at_once) {
      run.epochs = at_once;
      run.first_epoch = training_.first_epoch + done;
      if (!training_.learning_rates.empty())
        run.learning_rates =
            std::span(training_.learning_rates).subspan(size_t(done * batches_), size_t(at_once * batches_));
      const auto of = [&](std::vector<double>& all) { return std::span(all).subspan(size_t(done), size_t(at_once)); };
      try {
        deepnet::fit<T>(hold, data_, plan_, run, of(history.loss), of(history.seconds), interrupt);
      } catch (const NonFinite& bad) {
        resize(bad.epoch - training_.first_epoch);
        throw;
      }
      if (!training_.after_epoch) continue;
      if (go_on({run.first_epoch, history.loss[size_t(done)], history.seconds[size_t(done)]})) continue;
      resize(done + 1);
      break;
    }
  }

 private:
  const Training& training_;
  Plan plan_;
  double rate_;
  Data data_;
  index_t size_ = 0, batches_ = 0;
};

}  // namespace

template <class T>
History Network<T>::fit(const TrainingData& given, const Training& training, const CallOptions& options) {
  const PreparedFit<T> prepared(*this, given, training, options);
  TrainingHold<T> hold(*this);
  History history;
  prepared.run(hold, options.threads, options.interrupt, history, training.after_epoch);
  return history;
}

template <class T>
double Network<T>::train_on_batch(const TrainingData& given, const Training& training, const CallOptions& options) {
  Plan plan = plan_of(*this, training.loss);
  const double rate = set_optimizer(training, plan);
  const Data data = checked(*this, given, plan, options);
  check_apart(given, *this);
  return deepnet::train_on_batch<T>(*this, data, plan, rate, training.seed, options.threads, options.interrupt);
}

template <class T>
double Network<T>::evaluate(const TrainingData& given, const LossChoice& loss, const CallOptions& options) const {
  const Plan plan = plan_of(*this, loss);
  const Data data = checked(*this, given, plan, options);
  return deepnet::evaluate<T>(*this, data, plan, options.threads, options.interrupt);
}

template <class T>
LossAndGradients<T> Network<T>::loss_and_gradients(const TrainingData& given, const LossChoice& loss,
                                                   const CallOptions& options) const {
  const Plan plan = plan_of(*this, loss);
  const Data data = checked(*this, given, plan, options);
  LossAndGradients<T> result;
  std::vector<ParameterGradient<T>> gradients;
  gradients.reserve(size_t(layers()));
  for (index_t l = 1; l <= layers(); ++l) {
    result.dW.emplace_back(units(l), units(l - 1));
    result.db.emplace_back(units(l), 1);
  }
  for (size_t l = 0; l < result.dW.size(); ++l) gradients.push_back({result.dW[l].view(), result.db[l].view()});
  result.loss = deepnet::loss_and_gradients<T>(*this, data, plan, gradients, options.threads, options.interrupt);
  return result;
}

template <class T>
std::vector<ManyResult> v1::fit_many(const std::vector<ManyFit<T>>& fits, const CallOptions& options) {
  std::vector<PreparedFit<T>> prepared;
  prepared.reserve(fits.size());
  std::map<const NetworkState<T>*, size_t> seen;
  for (size_t i = 0; i < fits.size(); ++i) {
    const ManyFit<T>& one = fits[i];
    require(one.network != nullptr, "fits[", i, "] has no network");
    const auto [earlier, is_new] = seen.emplace(&one.network->state(), i);
    require(is_new, "fits[", i, "] has the network of fits[", earlier->second, "]: train a copy");
    try {
      prepared.emplace_back(*one.network, one.data, one.training, options);
    } catch (const std::invalid_argument& error) {
      reject("fits[", i, "]: ", error.what());
    }
  }
  std::vector<std::unique_ptr<TrainingHold<T>>> holds;
  holds.reserve(fits.size());
  for (const ManyFit<T>& each : fits) holds.push_back(std::make_unique<TrainingHold<T>>(*each.network));
  std::vector<size_t> longest_first(fits.size());
  std::iota(longest_first.begin(), longest_first.end(), size_t(0));
  const auto place_of = [&](size_t i) { return std::pair(-prepared[i].work(*fits[i].network), i); };
  std::sort(longest_first.begin(), longest_first.end(), [&](size_t a, size_t b) { return place_of(a) < place_of(b); });

  std::vector<ManyResult> results(fits.size());
  std::mutex calling;
  const int threads = fits.size() == 1 ? options.threads : 1;  // a single one has all threads
  side_by_side(index_t(fits.size()), options.threads, options.interrupt, [&](index_t place, Interrupt* interrupt) {
    const size_t i = longest_first[size_t(place)];
    const auto go_on = [&](const EpochResult& epoch) {
      const std::lock_guard one_at_a_time(calling);
      return fits[i].training.after_epoch(epoch);
    };
    try {
      prepared[i].run(*holds[i], threads, interrupt, results[i].history, go_on);
    } catch (const NonFinite& bad) {
      results[i].error = bad;
    }
    holds[i]->free_memory();  // so that only as many networks as there are threads have any
  });
  return results;
}

// The members that this file defines.
template History Network<float>::fit(const TrainingData&, const Training&, const CallOptions&);
template History Network<double>::fit(const TrainingData&, const Training&, const CallOptions&);
template double Network<float>::train_on_batch(const TrainingData&, const Training&, const CallOptions&);
template double Network<double>::train_on_batch(const TrainingData&, const Training&, const CallOptions&);
template double Network<float>::evaluate(const TrainingData&, const LossChoice&, const CallOptions&) const;
template double Network<double>::evaluate(const TrainingData&, const LossChoice&, const CallOptions&) const;
template LossAndGradients<float> Network<float>::loss_and_gradients(const TrainingData&, const LossChoice&,
                                                                    const CallOptions&) const;
template LossAndGradients<double> Network<double>::loss_and_gradients(const TrainingData&, const LossChoice&,
                                                                      const CallOptions&) const;
template std::vector<ManyResult> v1::fit_many(const std::vector<ManyFit<float>>&, const CallOptions&);
template std::vector<ManyResult> v1::fit_many(const std::vector<ManyFit<double>>&, const CallOptions&);

}  // namespace deepnet
