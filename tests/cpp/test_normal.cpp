// The pieces of gelu, compiled for this test alone: the density of the normal distribution and its tail beside it.
#include "curves.h"
#include "doctest/doctest.h"

// The kernels' elementary functions, in a namespace of this file and for whatever this compiler targets by default.
#define DEEPNET_ISA in_this_test_of_the_normal_distribution
#include "simd/math.h"

using namespace oracle;
namespace tested = deepnet::in_this_test_of_the_normal_distribution;

TEST_SUITE_BEGIN("kernels");

TEST_CASE_TEMPLATE("e^(-t^2 / 2), and the normal tail divided by it, are within their ulp bounds", T, float, double) {
  using W = Wide<T>;
  double worst_gaussian = 0, worst_mills = 0;
  const double end = double(tested::kNormalTail<T>);
  for (uint64_t i = 0; i < (kSlowOracle<T> ? 2000u : 300000u); ++i) {
    const T t = T(i % 3 == 0   ? random_number(1, i, 0, 1)
                  : i % 3 == 1 ? random_number(2, i, 0, end)
                               : std::exp2(random_number(3, i, -60, 3)));
    const W high = float(t), density = std::exp(-high * high / 2) * std::exp(-(W(t) - high) * (W(t) + high) / 2);
    const T gaussian = tested::gaussian<T>(tested::broadcast(t)).value()[0];
    worst_gaussian = std::max(worst_gaussian, double(std::abs(gaussian - density) / ulp<T>(density)));
    if (density < std::numeric_limits<T>::min()) continue;
    const W mills = Curves<T>::tail(t) / density;
    const T got = tested::mills<T>(tested::broadcast(t))[0];
    worst_mills = std::max(worst_mills, double(std::abs(got - mills) / ulp<T>(mills)));
  }
  MESSAGE(worst_gaussian << " and " << worst_mills << " ulp at most");
  CHECK(worst_gaussian <= Curves<T>::kGaussianUlps);
  CHECK(worst_mills <= Curves<T>::kMillsUlps);
}

TEST_SUITE_END();
