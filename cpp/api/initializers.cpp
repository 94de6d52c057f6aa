#include "api/initializers.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "api/checks.h"
#include "runtime/random.h"

namespace deepnet {

namespace {

struct Initializer {
  const char* name;
  double (*variance)(double n, double n_prev);
  enum { kNormal, kUniform, kOrthogonal } kind;
};

/// Those of python/deepnet/initializers.py, which says where they come from.
constexpr Initializer kInitializers[] = {
    {"zeros", [](double, double) { return 0.0; }, Initializer::kNormal},
    {"he_normal", [](double, double n_prev) { return 2 / n_prev; }, Initializer::kNormal},
    {"he_uniform", [](double, double n_prev) { return 2 / n_prev; }, Initializer::kUniform},
    {"glorot_normal", [](double n, double n_prev) { return 2 / (n + n_prev); }, Initializer::kNormal},
    {"glorot_uniform", [](double n, double n_prev) { return 2 / (n + n_prev); }, Initializer::kUniform},
    {"lecun_normal", [](double, double n_prev) { return 1 / n_prev; }, Initializer::kNormal},
    {"lecun_uniform", [](double, double n_prev) { return 1 / n_prev; }, Initializer::kUniform},
    {"normal", [](double, double) { return 1e-4; }, Initializer::kNormal},
    {"orthogonal", [](double, double) { return 1.0; }, Initializer::kOrthogonal},
};

const Initializer& find_initializer(std::string_view name) {
  int place = -1;
  for (size_t i = 0; i < std::size(kInitializers); ++i)
    if (kInitializers[i].name == name) place = int(i);
  return kInitializers[known("initializer", name, place, initializer_names())];
}

/// Above 0 and at most 1, which only rounding of the largest number reaches.
double uniform(uint64_t stream, uint64_t counter) {
  return (double(random_bits(stream, counter) >> 11) + 0.5) * 0x1p-53;
}

/// By Box and Muller's method.
double normal(uint64_t stream, uint64_t counter) {
  const double radius = std::sqrt(-2 * std::log(uniform(stream, 2 * counter)));
  return radius * std::cos(2 * std::numbers::pi * uniform(stream, 2 * counter + 1));
}

/// Makes the rows of a matrix that has no more rows than columns orthonormal, by Gram and Schmidt's method. Each row is
/// projected twice, after which it is orthogonal to the others to rounding error.
void orthonormalize_rows(DenseMatrix<double>& A) {
  const auto row = [&](index_t i) { return A.numbers.data() + i * A.cols; };
  for (index_t i = 0; i < A.rows; ++i) {
    for (int pass = 0; pass < 2; ++pass)
      for (index_t k = 0; k < i; ++k) {
        const double product = std::inner_product(row(i), row(i) + A.cols, row(k), 0.0);
        for (index_t j = 0; j < A.cols; ++j) A(i, j) -= product * A(k, j);
      }
    const double length = std::sqrt(std::inner_product(row(i), row(i) + A.cols, row(i), 0.0));
    for (index_t j = 0; j < A.cols; ++j) A(i, j) /= length;
  }
}

}  // namespace

std::vector<std::string_view> v1::initializer_names() {
  std::vector<std::string_view> names;
  for (const Initializer& each : kInitializers) names.emplace_back(each.name);
  return names;
}

void check_initializer(std::string_view initializer) { find_initializer(initializer); }

void draw_weights(std::string_view initializer, uint64_t seed, index_t layer, DenseMatrix<double>& W) {
  const Initializer& chosen = find_initializer(initializer);
  const uint64_t stream = mix(random_bits(seed, uint64_t(layer)));
  const double deviation = std::sqrt(chosen.variance(double(W.rows), double(W.cols))),
               limit = std::sqrt(3.0) * deviation;
  const bool turned = chosen.kind == Initializer::kOrthogonal && W.rows > W.cols;
  if (turned) std::swap(W.rows, W.cols);
  for (size_t i = 0; i < W.numbers.size(); ++i)
    W.numbers[i] =
        chosen.kind == Initializer::kUniform ? limit * (2 * uniform(stream, i) - 1) : deviation * normal(stream, i);
  if (chosen.kind == Initializer::kOrthogonal) orthonormalize_rows(W);
  if (!turned) return;
  DenseMatrix<double> transposed(W.cols, W.rows);
  for (index_t i = 0; i < W.rows; ++i)
    for (index_t j = 0; j < W.cols; ++j) transposed(j, i) = W(i, j);
  W = std::move(transposed);
}

}  // namespace deepnet
