#include "api/checks.h"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#include "nn/labels.h"
#include "nn/network.h"

namespace deepnet {

namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

constexpr index_t kMostExamples = std::numeric_limits<uint32_t>::max();

void check_element(std::string_view name, const Examples& given) {
  const auto element = static_cast<int>(given.element);
  require(element >= 0 && element <= static_cast<int>(Element::kI64), name, " has an unknown type of numbers");
}

void check_dense(std::string_view name, const Examples& given, index_t units, index_t count) {
  require(!given.is_sparse(), name, " is sparse, but only X may be");
  require(given.units == units && given.count == count, name, " is ", given.units, " x ", given.count, ", but must be ",
          units, " x ", count);
  require(given.data != nullptr, name, " has no data");
  check_element(name, given);
  require(std::isfinite(given.scale), name, " has the scale ", given.scale, ", but must have a finite one");
}

struct Range {
  const char *begin, *end;
  bool overlaps(const Range& other) const { return begin < other.end && other.begin < end; }
};

template <class T>
Range range_of(const T* numbers, index_t count) {
  const auto* begin = reinterpret_cast<const char*>(numbers);
  return {begin, begin + count * index_t(sizeof(T))};
}

/// The addresses of all that a call reads of examples: of sparse ones values, indices and begins.
std::vector<Range> ranges_of(const Examples& X) {
  static constexpr index_t kBytes[] = {2, 4, 8, 1, 1, 4, 8};
  const index_t bytes = kBytes[static_cast<int>(X.element)];
  const auto* data = static_cast<const char*>(X.data);
  if (X.is_sparse()) {
    const index_t count = X.begins[X.count];
    return {range_of(data, count * bytes), range_of(X.indices, count), range_of(X.begins, X.count + 1)};
  }
  Range range{data, data + bytes};
  for (const index_t span : {(X.units - 1) * X.unit_stride, (X.count - 1) * X.example_stride})
    (span < 0 ? range.begin : range.end) += span;
  return {range};
}

template <class T>
Range range_of(const Network<T>& network) {
  return range_of(network.state().parameters(), network.state().size);
}

bool overlap(const Range& written, const Examples& read) {
  const std::vector<Range> ranges = ranges_of(read);
  return std::any_of(ranges.begin(), ranges.end(), [&](const Range& each) { return each.overlaps(written); });
}

const char* rule_in_words(LabelRule rule) {
  switch (rule) {
    case LabelRule::kNumbers: return "numbers";
    case LabelRule::kFinite: return "finite numbers";
    case LabelRule::kCounts: return "finite numbers from 0";
    case LabelRule::kProbabilities: return "numbers from 0 to 1";
    case LabelRule::kShares: return "numbers from 0 to 1 that sum to 1 for each example";
    case LabelRule::kClasses: return "whole numbers from 0 to less than the number of outputs";
  }
  return "";
}

}  // namespace

void check_inputs(const Examples& X, index_t units, const CallOptions& options) {
  require(options.threads >= 0, "threads is ", options.threads, ", but must be a number from 1, or 0 for any");
  require(X.units == units, "X has ", X.units, " rows, but the network has ", units, " inputs: examples are columns");
  require(X.count >= 1 && X.count <= kMostExamples, "X has ", X.count, " examples, but must have 1 to ", kMostExamples);
  require(std::isfinite(X.scale), "X has the scale ", X.scale, ", but must have a finite one");
  check_element("X", X);
  if (!X.is_sparse()) {
    require(X.data != nullptr, "X has no data");
    return;
  }
  require(X.element <= Element::kU8, "X is sparse with integers, but must have float, double or uint8_t");
  const std::span<const int64_t> begins(X.begins, size_t(X.count) + 1);
  require(begins.front() == 0 && std::is_sorted(begins.begin(), begins.end()),
          "begins of the sparse X must start with 0 and not decrease");
  require(begins.back() == 0 || (X.indices && X.data), "the sparse X has no indices or no data");
  require(indices_increase(begins, X.indices, units, options.interrupt),
          "indices of the sparse X must increase within each example and be from 0 to ", units - 1);
}

template <class T>
Examples scaled(Examples X, double input_scale) {
  const double scale = X.scale * input_scale;
  require(std::abs(scale) <= std::numeric_limits<T>::max(), "X has the scale ", X.scale,
          ", which is too large for the input_scale ", input_scale);
  require(T(scale) != 0 || X.scale == 0, "X has the scale ", X.scale, ", which is too small for the input_scale ",
          input_scale);
  X.scale = scale;
  return X;
}

template <class T>
void check_data(const TrainingData& data, index_t inputs, index_t outputs, const Plan& plan,
                const CallOptions& options) {
  check_inputs(data.X, inputs, options);
  const index_t count = data.X.count;
  check_dense("Y", data.Y, label_rows(plan, outputs), count);
  const LabelRule rule = label_rule(plan.loss);
  const auto loss = loss_names()[size_t(plan.loss)];
  require(data.Y.scale == 1 || rule == LabelRule::kNumbers, "Y has the scale ", data.Y.scale, ", but labels of ", loss,
          " are taken as they are");
  require(labels_follow(rule, outputs, data.Y, options.interrupt), "Y has labels that ", loss,
          " can't take: they must be ", rule_in_words(rule));
  if (!data.weights.data && data.weights.count == 0) return;
  check_dense("weights", data.weights, 1, count);
  require(data.weights.scale == 1, "weights has the scale ", data.weights.scale, ", but weights are taken as they are");
  require(weights_are_good<T>(data.weights, plan.signed_weights, options.interrupt),
          plan.signed_weights ? "weights must be finite" : "weights must be finite and not negative");
}

template <class T>
void check_apart(const TrainingData& data, const Network<T>& network) {
  const Range parameters = range_of(network);
  for (const auto& [name, each] : {std::pair("X", &data.X), {"Y", &data.Y}, {"weights", &data.weights}})
    require(each->data == nullptr || !overlap(parameters, *each), name,
            " overlaps the parameters, which training changes");
}

template <class T>
void check_output(const Matrix<T>& out, const Examples& X, const Network<T>& network) {
  const index_t rows = network.units(network.layers()), cols = X.count;
  require(out.rows == rows && out.cols == cols, "out is ", out.rows, " x ", out.cols, ", but must be ", rows, " x ",
          cols);
  require(out.data != nullptr, "out has no data");
  const index_t row = std::abs(out.row), col = std::abs(out.col);
  const bool apart = rows == 1 || cols == 1 ? (rows == 1 || row > 0) && (cols == 1 || col > 0)
                     : row > col            ? col > 0 && row > (cols - 1) * col
                                            : row > 0 && col > (rows - 1) * row;
  require(apart, "out has the strides ", out.row, " and ", out.col, ", with which its elements share memory");
  const Range written = ranges_of(examples(out)).front();
  require(!overlap(written, X), "out overlaps X");
  require(!written.overlaps(range_of(network)), "out overlaps the parameters");
}

void set_loss(const LossChoice& loss, std::string_view activation, index_t outputs, Plan& plan) {
  plan.signed_weights = loss.signed_weights;
  if (loss.own) {
    require(loss.name.empty(), "own_loss has the name ", loss.name, ", but must have none");
    require(loss.label_smoothing == 0, "label_smoothing is for losses of classes, not for own_loss");
    require(loss.label_rows >= 0, "label_rows is ", loss.label_rows,
            ", but must be a number from 1, or 0 for one row for each output");
    plan.loss = find_loss("mean_squared_error");  // which takes any numbers, too
    plan.own_loss = &loss.own;
    plan.own_label_rows = loss.label_rows > 0 ? loss.label_rows : outputs;
    return;
  }
  const std::string_view of_output = activation == "sigmoid"   ? "binary_cross_entropy"
                                     : activation == "softmax" ? "categorical_cross_entropy"
                                                               : "mean_squared_error";
  const std::string_view name = loss.name.empty() ? of_output : std::string_view(loss.name);
  plan.loss = known("loss", name, find_loss(name), loss_names());
  const std::string_view needed = loss_activation(plan.loss);
  require(needed.empty() || needed == activation, "the loss ", name, " needs the output activation ", needed,
          ", but this network has ", activation);
  require(!needed.empty() || !takes_whole_columns(find_activation(activation)), "the loss ", name,
          " can't follow the output activation ", activation);
  require_positive("delta", loss.delta);
  require(loss.q > 0 && loss.q < 1, "q is ", loss.q, ", but must be between 0 and 1");
  plan.loss_parameters[0] = name == "quantile" ? loss.q : loss.delta;
  require_share("label_smoothing", loss.label_smoothing);
  require(loss.label_smoothing == 0 || (!needed.empty() && needed != "identity"),
          "label_smoothing is for losses of classes, but ", name, " takes numbers");
  plan.label_smoothing = loss.label_smoothing;
}

double set_optimizer(const Training& training, Plan& plan) {
  const auto choose = [&](std::string_view name) {
    plan.optimizer = known("optimizer", name, find_optimizer(name), optimizer_names());
  };
  const auto hyper = [&](int slot, std::string_view name, double value) {
    require_share(name, value);
    plan.hyper[slot] = value;
  };
  const auto epsilon = [&](double value) {
    require_positive("epsilon", value);
    plan.epsilon = value;
  };
  const auto of_momentum = [&](std::string_view name, const auto& chosen) {
    choose(name);
    hyper(0, "momentum", chosen.momentum);
    plan.rate_inside = chosen.rate_inside;
  };
  std::visit(Overloaded{
                 [&](const Sgd&) { choose("sgd"); },
                 [&](const Momentum& chosen) { of_momentum("momentum", chosen); },
                 [&](const Nesterov& chosen) { of_momentum("nesterov", chosen); },
                 [&](const RmsProp& chosen) {
                   choose("rmsprop");
                   hyper(0, "rho", chosen.rho);
                   epsilon(chosen.epsilon);
                 },
                 [&](const Adagrad& chosen) {
                   choose("adagrad");
                   epsilon(chosen.epsilon);
                 },
                 [&](const Adam& chosen) {
                   choose("adam");
                   hyper(0, "beta1", chosen.beta1);
                   hyper(1, "beta2", chosen.beta2);
                   epsilon(chosen.epsilon);
                   plan.epsilon_hat = chosen.epsilon_hat;
                 },
             },
             training.optimizer);
  require_size("weight_decay", training.weight_decay);
  require_size("clip_value", training.clip_value);
  require_size("clip_norm", training.clip_norm);
  plan.weight_decay = training.weight_decay;
  plan.clip_value = training.clip_value;
  plan.clip_norm = training.clip_norm;
  const double rate = std::visit([](const auto& chosen) { return chosen.learning_rate; }, training.optimizer);
  require_size("learning_rate", rate);
  return rate;
}

template void check_data<float>(const TrainingData&, index_t, index_t, const Plan&, const CallOptions&);
template void check_data<double>(const TrainingData&, index_t, index_t, const Plan&, const CallOptions&);
template Examples scaled<float>(Examples, double);
template Examples scaled<double>(Examples, double);
template void check_apart(const TrainingData&, const Network<float>&);
template void check_apart(const TrainingData&, const Network<double>&);
template void check_output(const Matrix<float>&, const Examples&, const Network<float>&);
template void check_output(const Matrix<double>&, const Examples&, const Network<double>&);

}  // namespace deepnet
