#include "nn/labels.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace deepnet {

namespace {

/// Half precision as a double.
double number_of(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double fraction = bits & 1023, sign = bits & 0x8000 ? -1 : 1;
  if (exponent == 31) return fraction ? std::nan("") : sign * HUGE_VAL;
  return sign * (exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24));
}
template <class S>
double number_of(S x) {
  return double(x);
}

}  // namespace

double number_at(const Examples& from, index_t unit, index_t example) {
  const char* at = static_cast<const char*>(from.data) + unit * from.unit_stride + example * from.example_stride;
  const auto as = [at]<class S>(S bits) {
    std::memcpy(&bits, at, sizeof bits);
    return number_of(bits);
  };
  switch (from.element) {
    case Element::kF16: return as(uint16_t{});
    case Element::kF32: return as(float{});
    case Element::kF64: return as(double{});
    case Element::kU8: return as(uint8_t{});
    case Element::kI8: return as(int8_t{});
    case Element::kI32: return as(int32_t{});
    case Element::kI64: return as(int64_t{});
  }
  return 0;
}

namespace {

constexpr index_t kLabelsPerPart = index_t{1} << 12;  // in L1 while rows, then columns are read

/// True if good(label) is, for `count` labels of type S at this distance in bytes. Without a branch per label, since
/// a run with callbacks checks the labels in every epoch: 0.5 to 2 ns per label.
template <class S, class Good>
bool all_good(const char* at, index_t stride, index_t count, Good good) {
  bool are_good = true;
  const auto look = [&](index_t distance) {
    for (index_t j = 0; j < count; ++j) {
      S bits;
      std::memcpy(&bits, at + j * distance, sizeof bits);
      are_good &= good(number_of(bits));
    }
  };
  stride == sizeof(S) ? look(sizeof(S)) : look(stride);  // the first in vectors
  return are_good;
}

template <class S>
bool sum_to_one(const Examples& Y, index_t first, index_t end) {
  for (index_t j = first; j < end; ++j) {
    double sum = 0;
    for (index_t i = 0; i < Y.units; ++i) {
      S bits;
      std::memcpy(&bits, static_cast<const char*>(Y.data) + i * Y.unit_stride + j * Y.example_stride, sizeof bits);
      sum += number_of(bits);
    }
    if (!(std::abs(sum - 1) <= kShareTolerance)) return false;
  }
  return true;
}

/// True if good(label) is, for every label of type S, and `of_shares` implies that every column sums to 1.
template <class S, class Good>
bool all_labels(const Examples& Y, bool of_shares, Interrupt* interrupt, Good good) {
  const index_t step = std::max<index_t>(1, kLabelsPerPart / Y.units);
  index_t unchecked = 0;
  for (index_t first = 0; first < Y.count; first += step) {
    const index_t end = std::min(first + step, Y.count);
    for (index_t i = 0; i < Y.units; ++i) {
      const char* at = static_cast<const char*>(Y.data) + i * Y.unit_stride + first * Y.example_stride;
      if (!all_good<S>(at, Y.example_stride, end - first, good)) return false;
    }
    if (of_shares && !sum_to_one<S>(Y, first, end)) return false;
    unchecked += Y.units * (end - first);
    if (unchecked < kLabelsPerCheck) continue;
    unchecked = 0;
    if (interrupt && interrupt->requested()) throw Interrupted{};
  }
  return true;
}

template <class Good>
bool all_labels(const Examples& Y, bool of_shares, Interrupt* interrupt, Good good) {
  switch (Y.element) {
    case Element::kF16: return all_labels<uint16_t>(Y, of_shares, interrupt, good);
    case Element::kF32: return all_labels<float>(Y, of_shares, interrupt, good);
    case Element::kF64: return all_labels<double>(Y, of_shares, interrupt, good);
    case Element::kU8: return all_labels<uint8_t>(Y, of_shares, interrupt, good);
    case Element::kI8: return all_labels<int8_t>(Y, of_shares, interrupt, good);
    case Element::kI32: return all_labels<int32_t>(Y, of_shares, interrupt, good);
    case Element::kI64: return all_labels<int64_t>(Y, of_shares, interrupt, good);
  }
  return false;
}

}  // namespace

bool labels_follow(LabelRule rule, index_t outputs, const Examples& Y, Interrupt* interrupt) {
  const auto limit = double(outputs);
  const auto all = [&](auto good) { return all_labels(Y, rule == LabelRule::kShares, interrupt, good); };
  switch (rule) {
    case LabelRule::kNumbers: return true;
    case LabelRule::kFinite: return all([](double y) { return std::abs(y) < HUGE_VAL; });
    case LabelRule::kCounts: return all([](double y) { return (y >= 0) & (y < HUGE_VAL); });
    case LabelRule::kProbabilities:
    case LabelRule::kShares: return all([](double y) { return (y >= 0) & (y <= 1); });
    case LabelRule::kClasses:
      return all([limit](double y) {
        const double bounded = y >= 0 && y < limit ? y : -0.5;
        return bounded == double(index_t(bounded));
      });
  }
  return false;
}

template <class T>
bool weights_are_good(const Examples& weights, bool signed_weights, Interrupt* interrupt) {
  return all_labels(weights, false, interrupt, [signed_weights](double w) {
    return (signed_weights | (w >= 0)) & (std::abs(T(w)) < T(HUGE_VAL));
  });
}

template bool weights_are_good<float>(const Examples&, bool, Interrupt*);
template bool weights_are_good<double>(const Examples&, bool, Interrupt*);

bool indices_increase(std::span<const int64_t> begins, const int32_t* indices, index_t units, Interrupt* interrupt) {
  index_t unchecked = 0;
  for (size_t j = 0; j + 1 < begins.size(); ++j) {
    index_t last = -1;
    bool good = true;
    for (int64_t p = begins[j]; p < begins[j + 1]; last = indices[p++]) good &= indices[p] > last;
    if (!good || last >= units) return false;
    unchecked += begins[j + 1] - begins[j] + 1;
    if (unchecked < kLabelsPerCheck) continue;
    unchecked = 0;
    if (interrupt && interrupt->requested()) throw Interrupted{};
  }
  return true;
}

}  // namespace deepnet
