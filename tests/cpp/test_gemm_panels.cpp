// gemm as training uses it: c in panels, a in panels of steps, a start that lies apart, and what becomes of the sum.
#include <map>
#include <ostream>
#include <utility>

#include "doctest/doctest.h"
#include "oracle.h"

namespace {

using namespace oracle;
using deepnet::Finish;
using deepnet::kPanel;

template <class T>
constexpr index_t kLine = 64 / index_t(sizeof(T));  // what n must be a multiple of

struct Shape {
  index_t m, lines, k;  // n is so many cache lines
  friend std::ostream& operator<<(std::ostream& out, const Shape& s) {
    return out << s.m << " x " << s.lines << " lines x " << s.k;
  }
};

// Every row count of a tile; one panel, several, and half a panel at the end; steps of k on both sides of a panel.
constexpr Shape kShapes[] = {{1, 1, 1},  {2, 2, 7},   {3, 3, 31},  {4, 4, 32}, {5, 5, 33},  {6, 2, 64},
                             {7, 7, 65}, {8, 1, 100}, {9, 4, 3},   {10, 6, 5}, {11, 3, 9},  {12, 8, 40},
                             {13, 5, 2}, {25, 2, 50}, {40, 4, 70}, {33, 9, 8}, {70, 5, 34}, {101, 6, 19}};

/// Element (i, p) of a: row by row; column by column; in panels of kPanel steps of k.
enum class A { kRows, kColumns, kPanelsOfSteps };
enum class Start { kZero, kBias, kItself, kApart };
/// Whether c is row-major or in panels, with gaps between its rows or panels; kPadded: row-major, with rows that end
/// within a cache line, of which the rest may be written.
enum class C { kRows, kPanels, kPadded };

/// The places of an m x n matrix in panels of columns that lie `panel` apart, and memory just for them.
template <class T>
struct Panels {
  index_t m, n, row, panel;
  Fenced<T> memory;

  Panels(index_t m_, index_t n_, index_t row_, index_t panel_, Fence fence)
      : m(m_), n(n_), row(row_), panel(panel_), memory(place(m - 1, n - 1) + 1, fence) {}
  index_t place(index_t i, index_t j) const { return j / kPanel<T> * panel + i * row + j % kPanel<T>; }
  T& operator()(index_t i, index_t j) const { return memory[place(i, j)]; }

  template <class Value>
  void fill(Value value) const {
    for (index_t i = 0; i < m; ++i)
      for (index_t j = 0; j < n; ++j) (*this)(i, j) = value(i, j);
  }
  bool gaps_untouched() const {
    std::vector<bool> used(size_t(memory.size()));
    for (index_t i = 0; i < m; ++i)
      for (index_t j = 0; j < n; ++j) used[size_t(place(i, j))] = true;
    for (index_t e = 0; e < memory.size(); ++e)
      if (!used[size_t(e)] && !same_bits(memory[e], Fenced<T>::kUntouched)) return false;
    return true;
  }
};

template <class T>
struct Problem {
  Shape shape;
  A a_layout = A::kRows;
  C c_layout = C::kPanels;
  Start start = Start::kZero;
  Finish finish = Finish::kScale;
  bool other_is_c = false;
  Fence fence = Fence::kBehind;

  static constexpr T kScale = T(1) / 7;
  index_t m() const { return shape.m; }
  index_t n() const { return padded_n() - (c_layout == C::kPadded ? 1 + shape.m % (kLine<T> - 1) : 0); }
  index_t padded_n() const { return shape.lines * kLine<T>; }
  index_t k() const { return shape.k; }
  static T number(uint64_t seed, index_t i, index_t j) {
    return T(random_number(seed, static_cast<uint64_t>(i * 1000 + j)));
  }
  T a(index_t i, index_t p) const { return number(1, i, p); }
  T b(index_t p, index_t j) const { return number(2, p, j); }
  T start_value(index_t i, index_t j) const {
    if (start == Start::kZero) return 0;
    return start == Start::kBias ? number(3, i, 0) : number(4, i, j);
  }
  /// What lies in c before, where that is not the start.
  T c_before(index_t i, index_t j) const { return start == Start::kItself ? start_value(i, j) : number(5, i, j); }
  T other(index_t i, index_t j) const {
    const T x = other_is_c ? c_before(i, j) : number(6, i, j);
    return (i + j) % 5 || other_is_c ? x : T(0);
  }

  /// What becomes of a sum; `Number` is T, or wider.
  template <class Number>
  Number finished(Number sum, index_t i, index_t j) const {
    switch (finish) {
      case Finish::kScale: return sum * kScale;
      case Finish::kRelu: return sum <= 0 ? Number(0) : sum;
      case Finish::kReluBackward: return other(i, j) <= 0 ? Number(0) : sum * kScale;
      case Finish::kDescend: break;
    }
    if constexpr (std::is_same_v<Number, T>) return fused(-kScale, sum, c_before(i, j));
    return -kScale * sum + c_before(i, j);
  }

  /// c, row by row; empty if anything around it was written.
  std::vector<T> run(const deepnet::Kernels<T>& kernels) const {
    index_t a_row = 1, a_col = 1, a_run = PTRDIFF_MAX, a_jump = 0;
    const index_t panel = (m() + 2) * kPanel<T>;  // two rows between panels
    switch (a_layout) {
      case A::kRows: a_row = k() + 3; break;
      case A::kColumns: a_col = m() + 5; break;
      case A::kPanelsOfSteps: a_row = kPanel<T>, a_run = kPanel<T>, a_jump = panel - kPanel<T>; break;
    }
    const auto place_of_a = [&](index_t i, index_t p) { return i * a_row + p * a_col + p / a_run * a_jump; };
    const Fenced<T> left(place_of_a(m() - 1, k() - 1) + 1, fence);
    for (index_t i = 0; i < m(); ++i)
      for (index_t p = 0; p < k(); ++p) left[place_of_a(i, p)] = a(i, p);

    // b: whole panels, nan where no number belongs.
    const index_t b_panel = (k() + 1) * kPanel<T>, panels = (n() + kPanel<T> - 1) / kPanel<T>;
    const Fenced<T> right((panels - 1) * b_panel + k() * kPanel<T>, fence);
    std::fill(right.data(), right.data() + right.size(), std::numeric_limits<T>::quiet_NaN());
    for (index_t p = 0; p < k(); ++p)
      for (index_t j = 0; j < n(); ++j) right[j / kPanel<T> * b_panel + p * kPanel<T> + j % kPanel<T>] = b(p, j);

    const bool in_panels = c_layout == C::kPanels;
    const index_t c_row = in_panels ? kPanel<T> : padded_n() + kLine<T>;
    const index_t c_panel = in_panels ? (m() + 1) * kPanel<T> : kPanel<T>;
    const auto like_c = [&] { return Panels<T>(m(), padded_n(), c_row, c_panel, fence); };
    const Panels<T> c = like_c(), apart = like_c(), mask = like_c();
    c.fill([&](index_t i, index_t j) { return c_before(i, j); });
    apart.fill([&](index_t i, index_t j) { return start_value(i, j); });
    mask.fill([&](index_t i, index_t j) { return other(i, j); });
    const Fenced<T> bias(m(), fence);
    for (index_t i = 0; i < m(); ++i) bias[i] = start_value(i, 0);

    kernels.gemm(
        {.m = m(),
         .n = n(),
         .k = k(),
         .a = {.data = left.data(), .row = a_row, .col = a_col, .run = a_run, .jump = a_jump},
         .b = {.data = right.data(), .row = kPanel<T>, .panel = b_panel},
         .c = {.data = c.memory.data(), .row = c_row, .panel = c_panel, .padded = c_layout == C::kPadded},
         .start = {.bias = start == Start::kBias ? bias.data() : nullptr,
                   .accumulate = start == Start::kItself || start == Start::kApart,
                   .sums = start == Start::kApart ? apart.memory.data() : nullptr},
         .epilogue = {.finish = finish, .scale = kScale, .other = other_is_c ? c.memory.data() : mask.memory.data()},
         .prefetch = {.a = start == Start::kBias && a_layout != A::kPanelsOfSteps,
                      .b = start == Start::kItself,
                      .next = start == Start::kApart ? right.data() : nullptr,  // changes no bit
                      .bytes = start == Start::kApart ? n() * k() : 0,
                      .run = k() * kPanel<T> * index_t(sizeof(T)),
                      .jump = kPanel<T> * index_t(sizeof(T))}});
    std::vector<T> result;
    if (!c.gaps_untouched()) return result;
    for (index_t i = 0; i < m(); ++i)
      for (index_t j = 0; j < n(); ++j) result.push_back(c(i, j));
    return result;
  }

  /// Whether the result is that of one chain of fused multiply-adds for each element, bit for bit.
  bool is_chains(const std::vector<T>& result, const std::vector<T>& chains) const {
    for (index_t i = 0; i < m(); ++i)
      for (index_t j = 0; j < n(); ++j) {
        const auto e = size_t(i * n() + j);
        if (!same_bits(result[e], finished(chains[e], i, j))) return false;
      }
    return true;
  }
  std::vector<T> chains() const {
    std::vector<T> result;
    for (index_t i = 0; i < m(); ++i)
      for (index_t j = 0; j < n(); ++j) {
        T sum = start_value(i, j);
        for (index_t p = 0; p < k(); ++p) sum = fused(a(i, p), b(p, j), sum);
        result.push_back(sum);
      }
    return result;
  }

  /// The largest error over its bound: that of the sum, and a rounding or two of what is made of it.
  double worst(const std::vector<T>& result, const std::vector<Sum<T>>& sums) const {
    using W = Wide<T>;
    double worst = 0;
    for (index_t i = 0; i < m(); ++i)
      for (index_t j = 0; j < n(); ++j) {
        const auto e = size_t(i * n() + j);
        const bool scaled = finish == Finish::kScale || finish == Finish::kDescend;
        W bound = gamma<T>(k() + 2) * sums[e].size * (scaled ? W(kScale) : W(1));
        if (finish == Finish::kDescend) bound += 2 * u<T> * (W(kScale) * sums[e].size + std::abs(W(c_before(i, j))));
        worst = std::max(worst, excess<W>(result[e], finished(sums[e].value, i, j), bound));
      }
    return worst;
  }
  std::vector<Sum<T>> sums() const {
    std::vector<Sum<T>> result;
    for (index_t i = 0; i < m(); ++i)
      for (index_t j = 0; j < n(); ++j) {
        Sum<T> sum;
        sum.add(start_value(i, j));
        for (index_t p = 0; p < k(); ++p) sum.add(Wide<T>(a(i, p)) * Wide<T>(b(p, j)));
        result.push_back(sum);
      }
    return result;
  }
};

/// finish of single sums: a is 1, so that the sums are the numbers of b.
template <class T>
std::vector<T> finishes(const deepnet::Kernels<T>& kernels, Finish finish, const std::vector<T>& sums,
                        const std::vector<T>& other, const std::vector<T>& before) {
  const T one = 1;
  std::vector<T> c = before;
  std::vector<T> b = sums;
  b.resize(size_t((index_t(b.size()) + kPanel<T> - 1) / kPanel<T> * kPanel<T>));
  kernels.gemm({.m = 1,
                .n = index_t(sums.size()),
                .k = 1,
                .a = {.data = &one, .row = 1, .col = 1},
                .b = {.data = b.data(), .row = kPanel<T>, .panel = kPanel<T>},
                .c = {.data = c.data(), .row = kPanel<T>},
                .epilogue = {.finish = finish, .scale = 2, .other = other.data()}});
  return c;
}

}  // namespace

TEST_SUITE_BEGIN("kernels");

TEST_CASE_TEMPLATE(
    "gemm in panels, every start and finish: within its bound, or the bits of a chain of fused multiply-adds", T, float,
    double) {
  for (const Shape& shape : kShapes)
    for (const Start start : {Start::kZero, Start::kBias, Start::kItself, Start::kApart}) {
      Problem<T> problem{shape};
      problem.start = start;
      std::map<C, std::pair<std::vector<T>, std::vector<Sum<T>>>> by_layout;
      for (const C c : {C::kRows, C::kPanels, C::kPadded}) {
        problem.c_layout = c;
        by_layout[c] = {problem.chains(), problem.sums()};
      }
      for (const Finish finish : {Finish::kScale, Finish::kRelu, Finish::kReluBackward, Finish::kDescend})
        for (const bool other_is_c : {false, true}) {
          if (other_is_c && finish != Finish::kReluBackward) continue;
          problem.finish = finish;
          problem.other_is_c = other_is_c;
          for (const A a : {A::kRows, A::kColumns, A::kPanelsOfSteps})
            for (const auto& [c, expected] : by_layout)
              for (const auto& [isa, kernels] : supported_tables<T>()) {
                const auto& [chains, sums] = expected;
                problem.a_layout = a;
                problem.c_layout = c;
                problem.fence = (int(a) + int(c)) % 2 ? Fence::kBehind : Fence::kBefore;
                CAPTURE(isa);
                CAPTURE(shape);
                CAPTURE(int(start));
                CAPTURE(int(finish));
                CAPTURE(other_is_c);
                CAPTURE(int(a));
                CAPTURE(int(c));
                const std::vector<T> result = problem.run(kernels);
                REQUIRE(result.size() == chains.size());
                if (fuses(kernels)) CHECK(problem.is_chains(result, chains));
                CHECK(problem.worst(result, sums) <= 1);
              }
        }
    }
}

TEST_CASE_TEMPLATE("infinities, zeros and nan: each finish gives the bits of its formula", T, float, double) {
  using Limits = std::numeric_limits<T>;
  const T inf = Limits::infinity(), nan = Limits::quiet_NaN(), tiny = Limits::denorm_min();
  const T odd[] = {nan, inf, -inf, T(0), -T(0), tiny, -tiny, T(2)};
  std::vector<T> sums, other;
  for (const T sum : odd)
    for (const T o : odd) {
      sums.push_back(sum);
      other.push_back(o);
    }
  for (const auto& [isa, kernels] : supported_tables<T>()) {
    CAPTURE(isa);
    const std::vector<T> scaled = finishes(kernels, Finish::kScale, sums, other, other);
    const std::vector<T> relu = finishes(kernels, Finish::kRelu, sums, other, other);
    const std::vector<T> back = finishes(kernels, Finish::kReluBackward, sums, other, other);
    const std::vector<T> descended = finishes(kernels, Finish::kDescend, sums, other, other);
    for (size_t i = 0; i < sums.size(); ++i) {
      CAPTURE(sums[i]);
      CAPTURE(other[i]);
      const T sum = sums[i] + T(0);  // the chain starts with 0, and 0 + -0 is 0
      CHECK(same_bits(scaled[i], sum * 2));
      CHECK(same_bits(relu[i], sum <= 0 ? T(0) : flushed(sum)));  // nan stays nan
      CHECK(same_bits(back[i],
                      other[i] <= 0 ? T(0) : flushed(sum * 2)));  // as relu's derivative elsewhere: nan lets pass
      CHECK(same_bits(descended[i], other[i] + T(-2) * sum));
    }
  }
}

TEST_SUITE_END();
