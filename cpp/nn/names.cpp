// Activations, losses and optimizers by name. The lists are the same in every table of kernels; the last table is the
// one that every CPU can read them from.
#include "deepnet/names.h"

#include <algorithm>

#include "nn/labels.h"
#include "nn/require.h"
#include "runtime/dispatch.h"

namespace deepnet {

namespace {

const Kernels<float>& any_kernels() { return *built_isas().back().f32; }

template <class Entry>
std::vector<std::string_view> names_of(const Entry* entries, index_t count) {
  std::vector<std::string_view> names;
  names.reserve(size_t(count));
  for (index_t i = 0; i < count; ++i) names.emplace_back(entries[i].name);
  return names;
}

template <class Entry>
int place_of(std::string_view name, const Entry* entries, index_t count) {
  const Entry* found = std::find_if(entries, entries + count, [&](const Entry& entry) { return entry.name == name; });
  return found == entries + count ? -1 : int(found - entries);
}

const Loss<float>& entry_of(LossId loss) {
  const Kernels<float>& kernels = any_kernels();
  require(loss >= 0 && loss < kernels.loss_count, "unknown loss id ", loss, ": they are from 0 to ",
          kernels.loss_count - 1);
  return kernels.losses[loss];
}

}  // namespace

std::vector<std::string_view> v1::activation_names() {
  return names_of(any_kernels().activations, any_kernels().activation_count);
}

ActivationId v1::find_activation(std::string_view name) {
  return place_of(name, any_kernels().activations, any_kernels().activation_count);
}

bool v1::takes_whole_columns(ActivationId activation) {
  const Kernels<float>& kernels = any_kernels();
  require(activation >= 0 && activation < kernels.activation_count, "unknown activation id ", activation,
          ": they are from 0 to ", kernels.activation_count - 1);
  return kernels.activations[activation].whole_columns;
}

std::vector<std::string_view> v1::loss_names() { return names_of(any_kernels().losses, any_kernels().loss_count); }

LossId v1::find_loss(std::string_view name) { return place_of(name, any_kernels().losses, any_kernels().loss_count); }

std::string_view v1::loss_activation(LossId loss) {
  const char* name = entry_of(loss).activation;
  return name ? name : "";
}

LabelRule label_rule(LossId loss) { return entry_of(loss).labels; }

bool v1::loss_takes_classes(LossId loss) { return label_rule(loss) == LabelRule::kClasses; }

std::vector<std::string_view> v1::optimizer_names() {
  return names_of(any_kernels().optimizers, any_kernels().optimizer_count);
}

OptimizerId v1::find_optimizer(std::string_view name) {
  return place_of(name, any_kernels().optimizers, any_kernels().optimizer_count);
}

}  // namespace deepnet
