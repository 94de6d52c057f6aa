// Dropout of one panel: which numbers are kept, and what becomes of them.
#include "doctest/doctest.h"
#include "oracle.h"
#include "runtime/random.h"

using namespace oracle;
using deepnet::kPanel;

namespace {

/// Number e * units + i of the stream, written down a second time.
bool kept(index_t units, index_t i, index_t e, uint64_t stream, uint32_t threshold) {
  uint32_t x = (uint32_t(e) * uint32_t(units) + uint32_t(i)) * 0x9e3779b9u + uint32_t(stream & 0xffffffffu);
  x = (x ^ (x >> 16)) * 0x85ebca6bu;
  x ^= uint32_t(stream >> 32);
  x = (x ^ (x >> 13)) * 0xc2b2ae35u;
  return (x ^ (x >> 16)) < threshold;
}

constexpr uint64_t kStream = 0x0123'4567'89ab'cdef;

template <class T>
std::vector<T> dropped(const deepnet::Kernels<T>& kernels, index_t units, index_t first, double keep,
                       const std::vector<T>& x, uint64_t stream = kStream) {
  const Fenced<T> memory(units * kPanel<T>);
  std::copy(x.begin(), x.end(), memory.data());
  kernels.dropout({.units = units,
                   .first = first,
                   .stream = stream,
                   .threshold = uint32_t(keep * 0x1p32),
                   .scale = T(1 / keep),
                   .x = memory.data()});
  return {memory.data(), memory.data() + memory.size()};
}

}  // namespace

TEST_SUITE_BEGIN("kernels");

TEST_CASE_TEMPLATE("a value is set to 0 or scaled, by the formula for its unit and example", T, float, double) {
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (const index_t units : {1, 2, 7, 100})
      for (const index_t first : {index_t{0}, kPanel<T>, index_t{1000}, index_t{1} << 31})
        for (const double keep : {0.999, 0.8, 0.5, 0.1, 0.001}) {
          CAPTURE(isa);
          CAPTURE(units);
          CAPTURE(first);
          CAPTURE(keep);
          std::vector<T> x = random_values<T>(units * kPanel<T>, 1);
          x[0] = std::numeric_limits<T>::infinity();
          const std::vector<T> out = dropped(kernels, units, first, keep, x);
          index_t wrong = 0;
          for (index_t i = 0; i < units; ++i)
            for (index_t e = 0; e < kPanel<T>; ++e) {
              const auto at = size_t(i * kPanel<T> + e);
              const bool keeps = kept(units, i, first + e, kStream, uint32_t(keep * 0x1p32));
              wrong += !same_bits(out[at], keeps ? x[at] * T(1 / keep) : T(0));
            }
          CHECK(wrong == 0);
        }
}

TEST_CASE("float and double keep the same units, in whatever panel an example is") {
  constexpr index_t units = 9, examples = 160;
  const auto kept_from = [&]<class T>(const deepnet::Kernels<T>& kernels, index_t shift) {
    std::vector<bool> all(size_t(units * examples));  // of the examples from 32 to 127 that count
    for (index_t first = shift; first + kPanel<T> <= examples; first += kPanel<T>) {
      const std::vector<T> out = dropped(kernels, units, first, 0.7, std::vector<T>(size_t(units * kPanel<T>), T(1)));
      for (size_t at = 0; at < out.size(); ++at) {
        const index_t i = index_t(at) / kPanel<T>, e = first + index_t(at) % kPanel<T>;
        if (e >= 32 && e < 128) all[size_t(i * examples + e)] = out[at] != 0;
      }
    }
    return all;
  };
  const std::vector<bool> expected = kept_from(deepnet::kernels<float>(), 0);
  CHECK(std::count(expected.begin(), expected.end(), true) > 0);
  for (const index_t shift : {0, 1, 5, 16, 31}) {
    CHECK(kept_from(deepnet::kernels<float>(), shift) == expected);
    CHECK(kept_from(deepnet::kernels<double>(), shift) == expected);
  }
}

TEST_CASE("the fraction kept is the one requested, for every stream, unit and example, and streams differ") {
  constexpr index_t units = 200, panels = 50, examples = panels * kPanel<float>;
  const deepnet::Kernels<float>& kernels = deepnet::kernels<float>();
  // Six standard deviations of a binomial: one in 5e8 is further off, and this looks at some 7000 of them.
  const auto off = [](index_t count, index_t n, double keep) {
    return std::abs(double(count) - double(n) * keep) / std::sqrt(double(n) * keep * (1 - keep));
  };
  for (const double keep : {0.9, 0.5, 0.2}) {
    CAPTURE(keep);
    std::vector<std::vector<bool>> masks;
    for (const uint64_t seed : {0, 1, 2, 3}) {  // streams are hashes of seed, step and layer
      const uint64_t stream = deepnet::mix(deepnet::random_bits(seed, 0) + seed % 2);
      std::vector<index_t> of_unit(units), of_example(examples);
      std::vector<bool> mask;
      index_t all = 0, with_next = 0;  // neighbours are independent, too
      for (index_t p = 0; p < panels; ++p) {
        const index_t first = p * kPanel<float>;
        const std::vector<float> ones(size_t(units * kPanel<float>), 1.0f),
            out = dropped(kernels, units, first, keep, ones, stream);
        for (size_t at = 0; at < out.size(); ++at) {
          const bool keeps = out[at] != 0;
          mask.push_back(keeps);
          all += keeps;
          of_unit[at / size_t(kPanel<float>)] += keeps;
          of_example[size_t(first) + at % size_t(kPanel<float>)] += keeps;
          with_next += at % 2 == 0 && keeps && out[at + 1] != 0;
        }
      }
      CHECK(off(all, units * examples, keep) < 6);
      CHECK(off(with_next, units * examples / 2, keep * keep) < 6);
      for (const index_t count : of_unit) CHECK(off(count, examples, keep) < 6);
      for (const index_t count : of_example) CHECK(off(count, units, keep) < 6);
      masks.push_back(std::move(mask));
    }
    for (size_t s = 1; s < masks.size(); ++s) {
      index_t equal = 0;
      for (size_t at = 0; at < masks[s].size(); ++at) equal += masks[s][at] == masks[0][at];
      CHECK(off(equal, units * examples, keep * keep + (1 - keep) * (1 - keep)) < 6);
    }
  }
}

TEST_SUITE_END();
