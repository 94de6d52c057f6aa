// The public class: it checks arguments, and calls the engine.
#include "deepnet/network.h"

#include <algorithm>
#include <memory>
#include <set>

#include "api/checks.h"
#include "api/initializers.h"
#include "api/model_file.h"
#include "nn/engine.h"
#include "nn/network.h"
#include "nn/progress.h"

namespace deepnet {

namespace {

std::vector<ActivationId> ids_of(std::span<const std::string_view> names) {
  std::vector<ActivationId> ids;
  for (const std::string_view name : names)
    ids.push_back(known("activation", name, find_activation(name), activation_names()));
  return ids;
}

/// The loss and what training has of the network itself.
template <class T>
Plan plan_of(const Network<T>& network, const LossChoice& loss) {
  Plan plan;
  set_loss(loss, network.activation_name(network.layers()), plan);
  plan.input_dropout = network.input_dropout();
  for (index_t l = 1; l <= network.layers(); ++l) plan.layers.push_back(network.regularization(l));
  if (std::all_of(plan.layers.begin(), plan.layers.end(), [](const LayerPlan& l) { return l == LayerPlan{}; }))
    plan.layers.clear();
  return plan;
}

Examples scaled(Examples X, double scale) {
  X.scale *= scale;
  return X;
}

template <class T>
Data checked(const Network<T>& network, const TrainingData& data, const Plan& plan, const CallOptions& options) {
  check_data<T>(data, network.units(0), network.units(network.layers()), plan, options);
  return {.X = scaled(data.X, network.input_scale()), .Y = data.Y, .weights = data.weights};
}

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const int more = first < 0x80                    ? 0
                     : first >= 0xc2 && first < 0xe0 ? 1
                     : first >= 0xe0 && first < 0xf0 ? 2
                     : first >= 0xf0 && first < 0xf5 ? 3
                                                     : -1;
    if (more < 0 || i + size_t(more) >= text.size()) return false;
    unsigned code = more == 0 ? first : first & (0x3f >> more);
    for (int k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + size_t(k)]);
      if ((next & 0xc0) != 0x80) return false;
      code = code << 6 | (next & 0x3f);
    }
    const bool too_long = (more == 2 && code < 0x800) || (more == 3 && code < 0x10000);
    if (too_long || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff) return false;
    i += size_t(more) + 1;
  }
  return true;
}

}  // namespace

template <class T>
Network<T>::Network(std::initializer_list<index_t> units, std::initializer_list<std::string_view> activations,
                    const NetworkOptions& options)
    : Network(std::span(units.begin(), units.size()), std::span(activations.begin(), activations.size()), options) {}

template <class T>
Network<T>::Network(std::span<const index_t> units, std::span<const std::string_view> activations,
                    const NetworkOptions& options)
    : Network(units, ids_of(activations), options.compute) {
  set_input_scale(options.input_scale);
  initialize(options.initializer, options.seed);
}

template <class T>
Network<T>::Network(const Network& other)
    : state_(copy_network(other).state_),
      input_scale_(other.input_scale_),
      input_dropout_(other.input_dropout_),
      regularization_(other.regularization_),
      class_names_(other.class_names_) {}

template <class T>
Network<T>& Network<T>::operator=(const Network& other) {
  if (this != &other) *this = Network(other);
  return *this;
}

template <class T>
std::string_view Network<T>::activation_name(index_t layer) const {
  return activation_names()[size_t(activation(layer))];
}

template <class T>
Compute Network<T>::compute() const {
  return state_->compute;
}

template <class T>
void Network<T>::initialize(std::string_view initializer, uint64_t seed) {
  check_initializer(initializer);
  const TrainingHold<T> hold(*this);
  for (index_t l = 1; l <= layers(); ++l) {
    DenseMatrix<double> drawn(units(l), units(l - 1));
    draw_weights(initializer, seed, l, drawn);
    Progress progress(nullptr);
    const Writing writing(*state_, progress);
    const Matrix<T> to_W = W(l), to_b = b(l);
    for (index_t i = 0; i < drawn.rows; ++i) {
      for (index_t j = 0; j < drawn.cols; ++j) to_W(i, j) = T(drawn(i, j));
      to_b(i, 0) = 0;
    }
  }
}

template <class T>
void Network<T>::set_input_scale(double scale) {
  require(std::isfinite(scale) && scale != 0, "input_scale is ", scale, ", but must be a finite number other than 0");
  input_scale_ = scale;
}

template <class T>
Regularization Network<T>::regularization(index_t layer) const {
  static_cast<void>(activation(layer));  // checks the layer
  return regularization_.empty() ? Regularization{} : regularization_[size_t(layer - 1)];
}

template <class T>
void Network<T>::set_regularization(index_t layer, const Regularization& regularization) {
  static_cast<void>(activation(layer));  // checks the layer
  require_share("dropout", regularization.dropout);
  require(regularization.dropout == 0 || layer < layers(), "dropout is ", regularization.dropout,
          ", but must be 0 in the last layer");
  require_size("l2", regularization.l2);
  require_size("l1", regularization.l1);
  if (regularization_.empty()) regularization_.resize(size_t(layers()));
  regularization_[size_t(layer - 1)] = regularization;
}

template <class T>
void Network<T>::set_input_dropout(double share) {
  require_share("input_dropout", share);
  input_dropout_ = share;
}

template <class T>
void Network<T>::set_class_names(std::vector<std::string> names) {
  const auto count = size_t(std::max<index_t>(units(layers()), 2));
  const std::set<std::string_view> different(names.begin(), names.end());
  require(names.empty() || (names.size() == count && different.size() == count), "class_names has ", names.size(),
          " names, ", different.size(), " of them different, but must have ", count, " different ones, or none");
  for (const std::string& name : names) require(is_utf8(name), "class_names has text that is not UTF-8");
  class_names_ = std::move(names);
}

template <class T>
DenseMatrix<T> Network<T>::predict(const Examples& X, const CallOptions& options) const {
  check_inputs(X, units(0), options);
  DenseMatrix<T> out(units(layers()), X.count);
  deepnet::predict<T>(*this, scaled(X, input_scale_), out.view(), options.threads, options.interrupt);
  return out;
}

template <class T>
void Network<T>::predict(const Examples& X, Matrix<T> out, const CallOptions& options) const {
  check_inputs(X, units(0), options);
  check_output(out, units(layers()), X.count, X);
  deepnet::predict<T>(*this, scaled(X, input_scale_), out, options.threads, options.interrupt);
}

template <class T>
History Network<T>::fit(const TrainingData& given, const Training& training, const CallOptions& options) {
  Plan plan = plan_of(*this, training.loss);
  const double rate = set_optimizer(training, plan);
  require(training.epochs >= 0, "epochs is ", training.epochs, ", but must be a number from 0");
  require(training.batch_size >= 1, "batch_size is ", training.batch_size, ", but must be a number from 1");
  require(training.first_epoch >= 0, "first_epoch is ", training.first_epoch, ", but must be a number from 0");
  const Data data = checked(*this, given, plan, options);
  const index_t size = std::min(training.batch_size, data.X.count), batches = (data.X.count + size - 1) / size;
  const std::vector<double>& rates = training.learning_rates;
  require(rates.empty() || index_t(rates.size()) == training.epochs * batches, "learning_rates has ", rates.size(),
          " numbers, but must have one for each of the ", training.epochs, " x ", batches, " steps");
  for (const double each : rates) require_size("a number of learning_rates", each);

  FitOptions run{.batch_size = size, .learning_rate = rate, .shuffle = training.shuffle, .seed = training.seed};
  run.threads = options.threads;
  TrainingHold<T> hold(*this);
  History history;
  history.loss.resize(size_t(training.epochs));
  history.seconds.resize(size_t(training.epochs));
  const index_t at_once = training.after_epoch ? 1 : training.epochs;
  for (index_t done = 0; done < training.epochs; done += at_once) {
    run.epochs = at_once;
    run.first_epoch = training.first_epoch + done;
    if (!rates.empty())
      run.learning_rates = std::span(rates).subspan(size_t(done * batches), size_t(at_once * batches));
    const auto of = [&](std::vector<double>& all) { return std::span(all).subspan(size_t(done), size_t(at_once)); };
    deepnet::fit<T>(hold, data, plan, run, of(history.loss), of(history.seconds), options.interrupt);
    if (!training.after_epoch) continue;
    if (training.after_epoch({run.first_epoch, history.loss[size_t(done)], history.seconds[size_t(done)]})) continue;
    history.loss.resize(size_t(done + 1));
    history.seconds.resize(size_t(done + 1));
    break;
  }
  return history;
}

template <class T>
double Network<T>::train_on_batch(const TrainingData& given, const Training& training, const CallOptions& options) {
  Plan plan = plan_of(*this, training.loss);
  const double rate = set_optimizer(training, plan);
  const Data data = checked(*this, given, plan, options);
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
void Network<T>::save(const std::string& path) const {
  ModelFile model;
  std::vector<ParameterGradient<T>> copies;  // W and b in place of dW and db
  std::vector<DenseMatrix<T>> numbers;
  model.units.push_back(units(0));
  for (index_t l = 1; l <= layers(); ++l) {
    model.units.push_back(units(l));
    model.activations.emplace_back(activation_name(l));
    numbers.emplace_back(units(l), units(l - 1));
    numbers.emplace_back(units(l), 1);
  }
  for (size_t i = 0; i < numbers.size(); i += 2) copies.push_back({numbers[i].view(), numbers[i + 1].view()});
  copy_parameters<T>(*this, copies);
  for (const DenseMatrix<T>& each : numbers) model.parameters.push_back(each.numbers.data());
  model.bytes = sizeof(T);
  model.is_bfloat16 = compute() == Compute::kBfloat16;
  model.regularization = regularization_;
  model.input_dropout = input_dropout_;
  model.input_scale = input_scale_;
  model.class_names = class_names_;
  write_model(path, model);
}

template <class T>
Network<T> Network<T>::load(const std::string& path) {
  std::unique_ptr<Network> network;
  read_model(path, sizeof(T), [&](const ModelFile& model) {
    std::vector<std::string_view> names(model.activations.begin(), model.activations.end());
    network = std::make_unique<Network>(model.units, ids_of(names),
                                        model.is_bfloat16 ? Compute::kBfloat16 : Compute::kOwnType);
    network->set_input_scale(model.input_scale);
    network->set_input_dropout(model.input_dropout);
    network->set_class_names(model.class_names);
    for (size_t l = 0; l < model.regularization.size(); ++l)
      network->set_regularization(index_t(l) + 1, model.regularization[l]);
    std::vector<MatrixToRead> rows;
    for (index_t l = 1; l <= network->layers(); ++l)
      for (const Matrix<T>& to : {network->W(l), network->b(l)})
        rows.push_back({to.data, to.rows, to.cols * index_t(sizeof(T)), to.row * index_t(sizeof(T))});
    return rows;
  });
  return std::move(*network);
}

// The members that this file defines; those of nn/network.cpp are instantiated there.
template Network<float>::Network(std::initializer_list<index_t>, std::initializer_list<std::string_view>,
                                 const NetworkOptions&);
template Network<double>::Network(std::initializer_list<index_t>, std::initializer_list<std::string_view>,
                                  const NetworkOptions&);
template Network<float>::Network(std::span<const index_t>, std::span<const std::string_view>, const NetworkOptions&);
template Network<double>::Network(std::span<const index_t>, std::span<const std::string_view>, const NetworkOptions&);
template Network<float>::Network(const Network&);
template Network<double>::Network(const Network&);
template Network<float>& Network<float>::operator=(const Network&);
template Network<double>& Network<double>::operator=(const Network&);
template std::string_view Network<float>::activation_name(index_t) const;
template std::string_view Network<double>::activation_name(index_t) const;
template Compute Network<float>::compute() const;
template Compute Network<double>::compute() const;
template void Network<float>::initialize(std::string_view, uint64_t);
template void Network<double>::initialize(std::string_view, uint64_t);
template void Network<float>::set_input_scale(double);
template void Network<double>::set_input_scale(double);
template Regularization Network<float>::regularization(index_t) const;
template Regularization Network<double>::regularization(index_t) const;
template void Network<float>::set_regularization(index_t, const Regularization&);
template void Network<double>::set_regularization(index_t, const Regularization&);
template void Network<float>::set_input_dropout(double);
template void Network<double>::set_input_dropout(double);
template void Network<float>::set_class_names(std::vector<std::string>);
template void Network<double>::set_class_names(std::vector<std::string>);
template DenseMatrix<float> Network<float>::predict(const Examples&, const CallOptions&) const;
template DenseMatrix<double> Network<double>::predict(const Examples&, const CallOptions&) const;
template void Network<float>::predict(const Examples&, Matrix<float>, const CallOptions&) const;
template void Network<double>::predict(const Examples&, Matrix<double>, const CallOptions&) const;
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
template void Network<float>::save(const std::string&) const;
template void Network<double>::save(const std::string&) const;
template Network<float> Network<float>::load(const std::string&);
template Network<double> Network<double>::load(const std::string&);

}  // namespace deepnet
