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
    : state_(copy_network(other, nullptr).state_),
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
    const Layer<T>& layer = state_->layers[size_t(l - 1)];
    const Matrix<T> to_W = layer.weights(), to_b = layer.biases();
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
  const Examples inputs = scaled<T>(X, input_scale_);
  DenseMatrix<T> out(units(layers()), X.count);
  deepnet::predict<T>(*this, inputs, out.view(), options.threads, options.interrupt);
  return out;
}

template <class T>
void Network<T>::predict(const Examples& X, Matrix<T> out, const CallOptions& options) const {
  check_inputs(X, units(0), options);
  const Examples inputs = scaled<T>(X, input_scale_);
  check_output(out, X, *this);
  deepnet::predict<T>(*this, inputs, out, options.threads, options.interrupt);
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
    for (const Layer<T>& layer : network->state().layers)
      for (const Matrix<T>& to : {layer.weights(), layer.biases()})
        rows.push_back({to.data, to.rows, to.cols * index_t(sizeof(T)), to.row * index_t(sizeof(T))});
    return rows;
  });
  return std::move(*network);
}

// The members that this file defines; those of nn/network.cpp and api/training.cpp are instantiated there.
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
template void Network<float>::save(const std::string&) const;
template void Network<double>::save(const std::string&) const;
template Network<float> Network<float>::load(const std::string&);
template Network<double> Network<double>::load(const std::string&);

}  // namespace deepnet
