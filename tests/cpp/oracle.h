// What the C++ tests and benchmarks judge by: seeded data, fenced memory, naive sums in a wider type, and error bounds.
//
// Nothing here calls the code that it judges. Bounds are Higham's (Accuracy and Stability, 2002, section 3): a sum of k
// products is off by at most gamma_n |A||B|, where n counts the roundings of one element. With random data the errors
// partly cancel and stay below 16 u |A||B| (at most 5 u seen up to k = 4096), so that caps n where data are random.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "nn/course.h"
#include "pages.h"
#include "runtime/dispatch.h"

namespace oracle {

using deepnet::index_t;
using deepnet::Matrix;

/// Exact enough to judge T: double has 29 bits more than float, long double 11 (x86) or 60 (AArch64) more than double.
template <class T>
using Wide = std::conditional_t<sizeof(T) == 4, double, long double>;

/// Where that is computed in software (long double on AArch64), tests look at fewer elements.
template <class T>
constexpr bool kSlowOracle = std::numeric_limits<Wide<T>>::digits > 64;

/// The unit roundoff.
template <class T>
constexpr T u = std::numeric_limits<T>::epsilon() / 2;

/// gamma_n = n u / (1 - n u) of the roundings in one element; without a cap, it holds for any data.
template <class T>
Wide<T> gamma(index_t roundings, index_t cap = 16) {
  const Wide<T> nu = Wide<T>(std::min(roundings, cap)) * u<T>;
  return nu / (1 - nu);
}

/// Error over bound: 1 is the limit, nan counts as infinite.
template <class W>
double excess(W got, W expected, W bound) {
  if (std::isnan(got) || std::isnan(expected)) return std::numeric_limits<double>::infinity();
  if (got == expected) return 0;
  return double(std::abs(got - expected) / bound);
}

/// Training stores no smaller number but 0, see simd/vec.h.
template <class T>
constexpr T kFlushBelow = 128 * std::numeric_limits<T>::min();
template <class T>
T flushed(T x) {
  return std::abs(x) < kFlushBelow<T> ? T(0) : x;
}

// --- data -----------------------------------------------------------------------------------------------------

/// Number i of stream `seed`, 64 random bits (SplitMix64): the same on every platform.
inline uint64_t random_bits(uint64_t seed, uint64_t i) {
  uint64_t x = seed * 0xd1342543de82ef95u + (i + 1) * 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// Uniform in [low, high).
inline double random_number(uint64_t seed, uint64_t i, double low = -1, double high = 1) {
  return low + (high - low) * double(random_bits(seed, i) >> 11) * 0x1p-53;
}

template <class T>
std::vector<T> random_values(index_t count, uint64_t seed, double low = -1, double high = 1) {
  std::vector<T> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = T(random_number(seed, i, low, high));
  return values;
}

/// Numbers of which most are 0: some rows are empty, and one is full.
template <class T>
std::vector<T> mostly_zeros(index_t rows, index_t columns, uint64_t seed) {
  std::vector<T> x = random_values<T>(rows * columns, seed, -1.5, 1.5);
  for (index_t i = 0; i < rows; ++i)
    for (index_t j = 0; j < columns; ++j) {
      const bool keeps = random_number(seed + 1, uint64_t(i * columns + j), 0, 1) < 0.1;
      if (i != 1 && (i % 5 == 3 || !keeps)) x[size_t(i * columns + j)] = T(0);
    }
  return x;
}

/// The same value in every bit, or both not a number.
template <class T>
bool same_bits(T x, T y) {
  return std::memcmp(&x, &y, sizeof(T)) == 0 || (std::isnan(x) && std::isnan(y));
}

template <class T>
bool same_bits(const std::vector<T>& x, const std::vector<T>& y) {
  return std::equal(x.begin(), x.end(), y.begin(), y.end(), [](T a, T b) { return same_bits(a, b); });
}

// --- memory ---------------------------------------------------------------------------------------------------

enum class Fence { kBefore, kBehind };

/// `count` elements with an inaccessible page right before or right behind them: a step over it is a fault in
/// every build. All start as kUntouched.
template <class T>
class Fenced {
 public:
  static constexpr T kUntouched = std::is_floating_point_v<T> ? T(-12345.678) : T(85);

  explicit Fenced(index_t count, Fence fence = Fence::kBehind) : pages_(size_t(count) * sizeof(T)), count_(count) {
    data_ = reinterpret_cast<T*>(fence == Fence::kBehind ? pages_.end() - size_t(count) * sizeof(T) : pages_.begin());
    std::fill(data_, data_ + count, kUntouched);
  }

  T* data() const { return data_; }
  index_t size() const { return count_; }
  T& operator[](index_t i) const { return data_[i]; }

 private:
  FencedPages pages_;
  T* data_ = nullptr;
  index_t count_;
};

/// The ways in which a matrix may lie in memory.
enum class Layout {
  kRows,
  kPaddedRows,
  kColumns,
  kPaddedColumns,
  kReversed,
  kReversedColumns,
  kSpread,
  kSameRow,
  kSameColumn
};
constexpr Layout kLayouts[] = {Layout::kRows,          Layout::kPaddedRows, Layout::kColumns,
                               Layout::kPaddedColumns, Layout::kReversed,   Layout::kReversedColumns,
                               Layout::kSpread,        Layout::kSameRow,    Layout::kSameColumn};

/// A matrix in exactly the memory that its strides span, fenced.
template <class T>
struct Laid {
  Fenced<T> memory;
  Matrix<T> view;

  operator Matrix<const T>() const { return view; }
};

template <class T>
Laid<T> lay_out(index_t rows, index_t cols, Layout layout, Fence fence = Fence::kBehind) {
  index_t row = cols, col = 1;
  switch (layout) {
    case Layout::kRows: break;
    case Layout::kPaddedRows: row = cols + 3; break;
    case Layout::kColumns: row = 1, col = rows; break;
    case Layout::kPaddedColumns: row = 1, col = rows + 5; break;
    case Layout::kReversed: row = -cols, col = -1; break;
    case Layout::kReversedColumns: row = -1, col = -rows; break;
    case Layout::kSpread: row = 2 * cols + 1, col = 2; break;
    case Layout::kSameRow: row = 0, col = 1; break;
    case Layout::kSameColumn: row = 1, col = 0; break;
  }
  const index_t down = (rows - 1) * row, across = (cols - 1) * col;
  const index_t first = std::min<index_t>(down, 0) + std::min<index_t>(across, 0);
  const index_t last = std::max<index_t>(down, 0) + std::max<index_t>(across, 0);
  Fenced<T> memory(last - first + 1, fence);
  T* data = memory.data() - first;
  return {std::move(memory), {data, rows, cols, row, col}};
}

template <class T>
Laid<T> random_matrix(index_t rows, index_t cols, uint64_t seed, Layout layout = Layout::kRows,
                      Fence fence = Fence::kBehind) {
  Laid<T> laid = lay_out<T>(rows, cols, layout, fence);
  for (index_t i = 0; i < laid.memory.size(); ++i) laid.memory[i] = T(random_number(seed, static_cast<uint64_t>(i)));
  return laid;
}

template <class T>
T at(const Matrix<T>& m, index_t i, index_t j) {
  return m.data[i * m.row + j * m.col];
}

/// Whether all that lies between the rows of an output of unit column stride is as it was.
template <class T>
bool gaps_untouched(const Laid<T>& output) {
  for (index_t i = 0; i < output.memory.size(); ++i)
    if (i % output.view.row >= output.view.cols && !same_bits(output.memory[i], Fenced<T>::kUntouched)) return false;
  return true;
}

// --- products -------------------------------------------------------------------------------------------------

/// A sum of products and the sum of their magnitudes.
template <class T>
struct Sum {
  Wide<T> value = 0, size = 0;

  void add(Wide<T> x) {
    value += x;
    size += std::abs(x);
  }
};

/// Element (i, j) of a b.
template <class T>
Sum<T> dot(Matrix<const T> a, Matrix<const T> b, index_t i, index_t j) {
  Sum<T> sum;
  for (index_t p = 0; p < a.cols; ++p) sum.add(Wide<T>(at(a, i, p)) * Wide<T>(at(b, p, j)));
  return sum;
}

/// Calls check(i, j) for every element of rows x cols, or for some spread over all of it where each costs so much
/// (`cost`: multiplications) that all of them would take seconds.
template <class T, class Check>
void for_elements(index_t rows, index_t cols, index_t cost, Check check) {
  constexpr double kBudget = kSlowOracle<T> ? 5e4 : 3e6;
  const double work = double(rows) * double(cols) * double(cost);
  index_t step = std::max<index_t>(1, index_t(work / kBudget));
  while (step > 1 && (rows % step == 0 || cols % step == 0)) ++step;  // not always the same column
  for (index_t e = 0; e < rows * cols; e += step) check(e / cols, e % cols);
}

// --- numbers -------------------------------------------------------------------------------------------------

/// The distance between neighbours of T around x.
template <class T>
Wide<T> ulp(Wide<T> x) {
  using Limits = std::numeric_limits<T>;
  int exponent = Limits::min_exponent;
  if (x != 0 && std::isfinite(x)) std::frexp(x, &exponent);
  return std::ldexp(Wide<T>(1), std::max(exponent, Limits::min_exponent) - Limits::digits);
}

/// a b + c, rounded once: what std::fma promises, but mingw-w64's does not keep. Boldo and Melquiond (Emulation of a
/// FMA and correctly rounded sums, 2008): the errors of the product and of the sum, added with rounding to odd, decide
/// how the sum is rounded. For numbers whose products neither overflow nor are below 2^53 times the smallest normal
/// one.
template <class T>
T fused(T a, T b, T c) {
  const auto two_sum = [](T x, T y) {
    const T sum = x + y, part = sum - x;
    return std::pair(sum, (x - (sum - part)) + (y - part));
  };
  const auto halves = [](T x) {  // each of half the digits
    const T scaled = x * T(int64_t{1} << (std::numeric_limits<T>::digits + 1) / 2 | 1), upper = scaled - (scaled - x);
    return std::pair(upper, x - upper);
  };
  const auto [a_upper, a_lower] = halves(a);
  const auto [b_upper, b_lower] = halves(b);
  const T product = a * b;
  const T rest = ((a_upper * b_upper - product) + a_upper * b_lower + a_lower * b_upper) + a_lower * b_lower;
  const auto [lower, lowest] = two_sum(c, rest);
  const auto [upper, middle] = two_sum(product, lower);
  auto [odd, error] = two_sum(lowest, middle);
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  if (error != 0 && std::bit_cast<Bits>(odd) % 2 == 0)
    odd = std::nextafter(odd, error > 0 ? T(INFINITY) : T(-INFINITY));
  return upper + odd;
}

// --- instruction sets -----------------------------------------------------------------------------------------

template <class T>
struct Table {
  std::string_view isa;
  const deepnet::Kernels<T>& kernels;
};

/// The tables in this binary that this CPU can run, best first.
template <class T>
std::vector<Table<T>> supported_tables() {
  std::vector<Table<T>> tables;
  for (const deepnet::Isa& isa : deepnet::built_isas())
    if (isa.cpu_has()) tables.push_back({isa.name, deepnet::kernels_of<T>(isa)});
  return tables;
}

/// Whether a table has fused multiply-adds, asked of the one with the smallest answer: p - rate g = -eps^2 or 0.
template <class T>
bool fuses(const deepnet::Kernels<T>& kernels) {
  const T eps = std::numeric_limits<T>::epsilon(), p = 1, g = 1 + eps, rate = 1 - eps;
  T out = 0;
  kernels.gradient_step(1, &p, &g, rate, &out);
  return out != 0;
}

/// The tables that must agree in every bit.
template <class T>
std::vector<Table<T>> fusing_tables() {
  std::vector<Table<T>> tables;
  for (const Table<T>& table : supported_tables<T>())
    if (fuses(table.kernels)) tables.push_back(table);
  return tables;
}

}  // namespace oracle
