// Examples of every element type into panels, and panels transposed, on every instruction set: values, padding, and
// what memory is read and written.
#include "doctest/doctest.h"
#include "oracle.h"

using namespace oracle;
using deepnet::Gather;
using deepnet::Kernels;
using deepnet::kPanel;

namespace {

/// The value of half-precision bits, by the definition of IEEE 754.
double half_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double sign = bits >> 15 ? -1 : 1;
  if (exponent == 31) return fraction ? std::numeric_limits<double>::quiet_NaN() : sign * HUGE_VAL;
  return sign * (exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24));
}

struct Half {
  uint16_t bits;
};
template <class T, class S>
T converted(S x) {
  return T(x);
}
template <class T>
T converted(Half x) {
  return T(half_value(x.bits));
}

/// Random bits for whole numbers; for floats numbers of any size, and some that are none.
template <class S>
S random_element(uint64_t i) {
  if constexpr (std::is_floating_point_v<S>) {
    if (i % 50 == 7) return i % 100 == 7 ? std::numeric_limits<S>::quiet_NaN() : std::numeric_limits<S>::infinity();
    return S(std::ldexp(random_number(1, i), int(random_bits(2, i) % 80) - 40));
  } else {
    const uint64_t bits = random_bits(1, i);
    S x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
  }
}

/// units x examples of S, with gaps of 0 or more bytes, fenced at both ends; transposed and in panels by one reader.
template <class T, class S>
class Data {
 public:
  Data(index_t units, index_t examples, index_t unit_stride, index_t example_stride, Fence fence)
      : units_(units), unit_stride_(unit_stride), example_stride_(example_stride), bytes_(span(examples), fence) {
    first_ = -(std::min<index_t>(0, unit_stride * (units - 1)) + std::min<index_t>(0, example_stride * (examples - 1)));
    for (index_t i = 0; i < units; ++i)
      for (index_t e = 0; e < examples; ++e) {
        const S x = random_element<S>(uint64_t(i * 1000 + e));
        std::memcpy(bytes_.data() + place(i, e), &x, sizeof x);
      }
  }
  T value(index_t i, index_t e, T scale) const {
    S x;
    std::memcpy(&x, bytes_.data() + place(i, e), sizeof x);
    return converted<T>(x) * scale;
  }
  Gather<T> gather(const std::vector<uint32_t>* order, index_t first, index_t count, T scale, T* panel, T* transposed,
                   index_t transposed_examples) const {
    return {.data = bytes_.data() + first_,
            .unit_stride = unit_stride_,
            .example_stride = example_stride_,
            .order = order ? order->data() + first : nullptr,
            .first = order ? 0 : first,
            .count = count,
            .units = units_,
            .scale = scale,
            .panel = panel,
            .transposed = transposed,
            .transposed_examples = transposed_examples};
  }

 private:
  index_t span(index_t examples) const {
    return std::abs(unit_stride_) * (units_ - 1) + std::abs(example_stride_) * (examples - 1) + index_t(sizeof(S));
  }
  index_t place(index_t i, index_t e) const { return first_ + i * unit_stride_ + e * example_stride_; }
  index_t units_, unit_stride_, example_stride_, first_ = 0;
  Fenced<signed char> bytes_;
};

constexpr index_t kExamples = 70;

/// Both readers of one type: rows into a transposed panel within larger memory, columns into a panel.
template <class T, class S>
void check_readers(int type) {
  constexpr auto size = index_t(sizeof(S));
  std::vector<uint32_t> order;
  for (uint32_t e = 0; e < kExamples; ++e) order.push_back(uint32_t(random_bits(9, e) % kExamples));
  struct Strides {
    index_t units, unit, example;
  };
  for (const Strides s : {Strides{1, size, size},
                          {3, size, 3 * size},
                          {33, size, 33 * size + 1},
                          {70, size, -70 * size},
                          {5, kExamples * size, size},
                          {35, kExamples * size + 3, size},
                          {4, -size, 4 * size},
                          {4, size, 0},
                          {6, 3 * size, 20 * size},
                          {2, 200 * size, -2 * size}})
    for (const T scale : {T(1), T(1) / 255})
      for (const index_t count : {index_t(1), index_t(5), kPanel<T> - 1, kPanel<T>})
        for (const std::vector<uint32_t>* given :
             {static_cast<const std::vector<uint32_t>*>(nullptr), &std::as_const(order)})
          for (const Fence fence : {Fence::kBefore, Fence::kBehind}) {
            const Data<T, S> data(s.units, kExamples, s.unit, s.example, fence);
            const index_t first = 11, panels = 2, blocks = (s.units + kPanel<T> - 1) / kPanel<T>;
            const index_t transposed_examples = panels * kPanel<T>;
            const auto expected = [&](index_t i, index_t e) {
              if (i >= s.units || e >= count) return T(0);
              return data.value(i, given ? index_t((*given)[size_t(first + e)]) : first + e, scale);
            };
            for (const auto& [isa, kernels] : supported_tables<T>()) {
              CAPTURE(isa);
              CAPTURE(type);
              CAPTURE(s.units);
              CAPTURE(s.unit);
              CAPTURE(s.example);
              CAPTURE(count);
              const Fenced<T> panel(s.units * kPanel<T>, fence),
                  transposed(blocks * transposed_examples * kPanel<T>, fence);
              T* second = transposed.data() + kPanel<T> * kPanel<T>;  // the first panel's rows must stay as they are
              index_t wrong = 0;
              kernels.readers[type].columns(data.gather(given, first, count, scale, panel.data(), nullptr, 0));
              for (index_t i = 0; i < s.units; ++i)
                for (index_t e = 0; e < kPanel<T>; ++e) wrong += !same_bits(panel[i * kPanel<T> + e], expected(i, e));
              CHECK(wrong == 0);
              if (s.unit != size) continue;  // rows are for units side by side
              kernels.readers[type].rows(data.gather(given, first, count, scale, nullptr, second, transposed_examples));
              for (index_t q = 0; q < blocks; ++q)
                for (index_t e = 0; e < transposed_examples; ++e)
                  for (index_t i = 0; i < kPanel<T>; ++i) {
                    const T got = transposed[(q * transposed_examples + e) * kPanel<T> + i];
                    wrong += !same_bits(
                        got, e < kPanel<T> ? Fenced<T>::kUntouched : expected(q * kPanel<T> + i, e - kPanel<T>));
                  }
              CHECK(wrong == 0);
            }
          }
}

}  // namespace

TEST_SUITE_BEGIN("kernels");

TEST_CASE_TEMPLATE("every element type is converted once and scaled, at any position", T, float, double) {
  check_readers<T, Half>(0);
  check_readers<T, float>(1);
  check_readers<T, double>(2);
  check_readers<T, uint8_t>(3);
  check_readers<T, int8_t>(4);
  check_readers<T, int32_t>(5);
  check_readers<T, int64_t>(6);
}

TEST_CASE_TEMPLATE("all 65,536 values of float16 are converted exactly", T, float, double) {
  std::vector<Half> all(65536);
  for (size_t bits = 0; bits < all.size(); ++bits) all[bits].bits = uint16_t(bits);
  for (const auto& [isa, kernels] : supported_tables<T>()) {
    CAPTURE(isa);
    std::vector<T> panel(size_t(kPanel<T>)), transposed(65536);
    index_t wrong = 0;
    const index_t examples = 65536 / kPanel<T>;
    for (index_t e = 0; e < examples; e += kPanel<T>) {  // kPanel units and examples at a time
      kernels.readers[0].rows({.data = all.data(),
                               .unit_stride = 2,
                               .example_stride = 2 * kPanel<T>,
                               .order = nullptr,
                               .first = e,
                               .count = kPanel<T>,
                               .units = kPanel<T>,
                               .scale = 1,
                               .panel = nullptr,
                               .transposed = transposed.data() + e * kPanel<T>,
                               .transposed_examples = kPanel<T>});
    }
    for (size_t bits = 0; bits < all.size(); ++bits)
      wrong += !same_bits(transposed[bits], T(half_value(uint16_t(bits))));
    for (index_t first = 0; first < 65536; first += kPanel<T>) {
      kernels.readers[0].columns({.data = all.data(),
                                  .unit_stride = 2,
                                  .example_stride = 2,
                                  .order = nullptr,
                                  .first = first,
                                  .count = kPanel<T>,
                                  .units = 1,
                                  .scale = 1,
                                  .panel = panel.data(),
                                  .transposed = nullptr,
                                  .transposed_examples = 0});
      for (index_t e = 0; e < kPanel<T>; ++e) wrong += !same_bits(panel[size_t(e)], T(half_value(uint16_t(first + e))));
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE_TEMPLATE("transpose_matrix takes any shape and writes at most whole cache lines", T, float, double) {
  // Rows of `to` may be written up to the next multiple of 64 bytes, rows behind the last not at all.
  constexpr index_t line = 64 / index_t(sizeof(T));
  const auto whole = [](index_t x) { return (x + line - 1) / line * line; };
  for (const auto& [isa, kernels] : supported_tables<T>()) {
    CAPTURE(isa);
    index_t wrong = 0, touched = 0;
    for (index_t m = 1; m <= 70; ++m)
      for (index_t n = 1; n <= 70; ++n) {
        const Fence fence = (m + n) % 2 ? Fence::kBefore : Fence::kBehind;
        const index_t from_row = whole(n) + (m % 3) * line, to_row = whole(m) + (n % 3) * line;
        const Fenced<T> from((m - 1) * from_row + whole(n), fence), to((n - 1) * to_row + whole(m), fence);
        for (index_t i = 0; i < m; ++i)
          for (index_t j = 0; j < n; ++j) from[i * from_row + j] = T(i * 100 + j);
        kernels.transpose_matrix(m, n, from.data(), from_row, to.data(), to_row);
        for (index_t j = 0; j < n; ++j)
          for (index_t i = 0; i < m; ++i) wrong += to[j * to_row + i] != T(i * 100 + j);
        for (index_t e = 0; e < to.size(); ++e)
          touched += e % to_row >= whole(m) && !same_bits(to[e], Fenced<T>::kUntouched);
      }
    CHECK(wrong == 0);
    CHECK(touched == 0);
  }
}

TEST_SUITE_END();
