// gemm of every instruction set: error bound, bits, and which memory it touches.
#include <ostream>

#include "doctest/doctest.h"
#include "oracle.h"

namespace {

using namespace oracle;
using deepnet::Gemm;
using deepnet::kDepth;
using deepnet::kPanel;

struct Shape {
  index_t m, n, k;
  friend std::ostream& operator<<(std::ostream& out, const Shape& s) {
    return out << s.m << " x " << s.n << " x " << s.k;
  }
};

// Every row count of a tile, columns on both sides of each panel and half panel, one step of k to the most.
constexpr Shape kShapes[] = {{1, 1, 1},      {6, 16, 1},     {7, 17, 33}, {12, 32, 512}, {13, 33, 257}, {64, 1, 64},
                             {129, 65, 257}, {20, 209, 512}, {11, 48, 7}, {5, 15, 100},  {23, 47, 3},   {1, 130, 9},
                             {8, 63, 31},    {2, 31, 256},   {3, 8, 2},   {9, 100, 10},  {10, 24, 1},   {4, 7, 5}};

enum class Start { kZero, kBias, kItself };

/// How b is given: in panels, as a row-major matrix whose last panel is padded, or as one that ends at column n, with
/// a packed last panel beside it.
enum class B { kPacked, kInPlace, kLastApart };

/// A gemm of random numbers, in one of the ways in which it may lie in memory, and what it gave.
template <class T>
struct Problem {
  Shape shape;
  bool w_transposed = false, fetch = false;
  B layout = B::kPacked;
  Start start = Start::kZero;
  T scale = 1;
  Fence fence = Fence::kBehind;

  index_t k() const { return std::min(shape.k, kDepth<T>); }
  T a(index_t i, index_t p) const { return T(random_number(1, static_cast<uint64_t>(i * kDepth<T> + p))); }
  T b(index_t p, index_t j) const { return T(random_number(2, static_cast<uint64_t>(j * kDepth<T> + p))); }
  T start_value(index_t i, index_t j) const {
    if (start == Start::kBias) return T(random_number(3, static_cast<uint64_t>(i)));
    return start == Start::kItself ? T(random_number(4, static_cast<uint64_t>(i * 1000 + j))) : T(0);
  }

  /// Columns from `first` to n of b, panel by panel. What lies behind column n must not matter: it is nan.
  Fenced<T> panels_of_b(index_t first) const {
    const index_t panels = (shape.n - first + kPanel<T> - 1) / kPanel<T>;
    Fenced<T> packed(std::max<index_t>(1, panels * k() * kPanel<T>), fence);
    std::fill(packed.data(), packed.data() + packed.size(), std::numeric_limits<T>::quiet_NaN());
    for (index_t p = 0; p < k(); ++p)
      for (index_t j = first; j < shape.n; ++j)
        packed[((j - first) / kPanel<T> * k() + p) * kPanel<T> + j % kPanel<T>] = b(p, j);
    return packed;
  }

  /// b row by row, `width` columns of which n hold numbers.
  Fenced<T> rows_of_b(index_t width, index_t row) const {
    Fenced<T> rows((k() - 1) * row + width, fence);
    std::fill(rows.data(), rows.data() + rows.size(), std::numeric_limits<T>::quiet_NaN());
    for (index_t p = 0; p < k(); ++p)
      for (index_t j = 0; j < shape.n; ++j) rows[p * row + j] = b(p, j);
    return rows;
  }

  /// c, row by row; empty if anything around it was written.
  std::vector<T> run(const deepnet::Kernels<T>& kernels) const {
    const index_t m = shape.m, n = shape.n, depth = k();
    const Laid<T> W = lay_out<T>(m, depth, w_transposed ? Layout::kPaddedColumns : Layout::kPaddedRows, fence);
    for (index_t i = 0; i < m; ++i)
      for (index_t p = 0; p < depth; ++p) W.view.data[i * W.view.row + p * W.view.col] = a(i, p);

    const index_t last_panel = (n - 1) / kPanel<T> * kPanel<T>;
    const index_t width = layout == B::kLastApart ? n : last_panel + kPanel<T>;
    const Fenced<T> panels = panels_of_b(layout == B::kPacked ? 0 : last_panel);
    const Fenced<T> rows = rows_of_b(width, width + 3);

    const Fenced<T> bias(m, fence);
    for (index_t i = 0; i < m; ++i) bias[i] = start_value(i, 0);
    const Laid<T> c = lay_out<T>(m, n, Layout::kPaddedRows, fence);
    if (start == Start::kItself)
      for (index_t i = 0; i < m; ++i)
        for (index_t j = 0; j < n; ++j) c.view.data[i * c.view.row + j] = start_value(i, j);

    kernels.gemm(
        {.m = m,
         .n = n,
         .k = depth,
         .a = {.data = W.view.data, .row = W.view.row, .col = W.view.col},
         .b = {.data = layout == B::kPacked ? panels.data() : rows.data(),
               .row = layout == B::kPacked ? kPanel<T> : width + 3,
               .panel = layout == B::kPacked ? depth * kPanel<T> : kPanel<T>,
               .last = layout == B::kLastApart ? panels.data() : nullptr},
         .c = {.data = c.view.data, .row = c.view.row},
         .start = {.bias = start == Start::kBias ? bias.data() : nullptr, .accumulate = start == Start::kItself},
         .epilogue = {.scale = scale},
         .prefetch = {.c = fetch,
                      .next = fetch ? rows.data() : nullptr,
                      .bytes = fetch ? index_t(rows.size() * sizeof(T)) : 0}});
    std::vector<T> result;
    if (!gaps_untouched(c)) return result;
    for (index_t i = 0; i < m; ++i)
      for (index_t j = 0; j < n; ++j) result.push_back(at(c.view, i, j));
    return result;
  }

  /// One chain of fused multiply-adds in the order of k for each element.
  std::vector<T> chains() const {
    std::vector<T> result;
    for (index_t i = 0; i < shape.m; ++i)
      for (index_t j = 0; j < shape.n; ++j) {
        T c = start_value(i, j);
        for (index_t p = 0; p < k(); ++p) c = fused(a(i, p), b(p, j), c);
        result.push_back(c);
      }
    return result;
  }

  /// The largest error over its bound.
  double worst(const std::vector<T>& result, const std::vector<Sum<T>>& products) const {
    if (result.size() != products.size()) return std::numeric_limits<double>::infinity();
    double worst = 0;
    for (index_t i = 0, e = 0; i < shape.m; ++i)
      for (index_t j = 0; j < shape.n; ++j, ++e) {
        Sum<T> sum = products[static_cast<size_t>(e)];
        sum.add(start_value(i, j));
        worst = std::max(worst, excess<Wide<T>>(result[static_cast<size_t>(e)], sum.value * scale,
                                                gamma<T>(k() + 2) * sum.size * scale));
      }
    return worst;
  }

  std::vector<Sum<T>> products() const {
    std::vector<Sum<T>> sums;
    for (index_t i = 0; i < shape.m; ++i)
      for (index_t j = 0; j < shape.n; ++j) {
        Sum<T> sum;
        for (index_t p = 0; p < k(); ++p) sum.add(Wide<T>(a(i, p)) * Wide<T>(b(p, j)));
        sums.push_back(sum);
      }
    return sums;
  }
};

}  // namespace

TEST_SUITE_BEGIN("kernels");

TEST_CASE("instruction sets with fused multiply-adds use them") {
  for (const auto& [isa, kernels] : supported_tables<float>())
    if (isa == "avx512" || isa == "avx2") CHECK_MESSAGE(fuses(kernels), isa);
#ifdef __aarch64__
  CHECK(fusing_tables<float>().size() == supported_tables<float>().size());
#endif
}

TEST_CASE_TEMPLATE("gemm meets its error bound, or a chain of fused multiply-adds bit for bit", T, float, double) {
  for (const Shape& shape : kShapes) {
    Problem<T> problem{shape};
    const std::vector<Sum<T>> products = problem.products();
    for (const Start start : {Start::kZero, Start::kBias, Start::kItself}) {
      problem.start = start;
      const std::vector<T> chains = problem.chains();
      for (const T scale : {T(1), T(1) / 7}) {
        problem.scale = scale;
        std::vector<T> scaled = chains;
        for (T& c : scaled) c *= scale;
        for (const bool w_transposed : {false, true})
          for (const B layout : {B::kPacked, B::kInPlace, B::kLastApart})
            for (const auto& [isa, kernels] : supported_tables<T>()) {
              problem.w_transposed = w_transposed;
              problem.layout = layout;
              problem.fetch = w_transposed == (scale == 1);
              problem.fence = w_transposed == (layout == B::kPacked) ? Fence::kBehind : Fence::kBefore;
              CAPTURE(isa);
              CAPTURE(shape);
              CAPTURE(int(start));
              CAPTURE(w_transposed);
              CAPTURE(int(layout));
              CAPTURE(scale);
              const std::vector<T> result = problem.run(kernels);
              CHECK(problem.worst(result, products) <= 1);
              if (fuses(kernels)) CHECK(same_bits(result, scaled));
            }
      }
    }
  }
}

TEST_CASE_TEMPLATE("a column of gemm has the same bits alone and in a batch", T, float, double) {
  constexpr index_t n = 2 * kPanel<T> + 7;  // past the two panels from which W^T is copied
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (const bool w_transposed : {false, true}) {
      CAPTURE(isa);
      CAPTURE(w_transposed);
      Problem<T> batch{{13, n, 100}};
      batch.start = Start::kBias;
      batch.w_transposed = w_transposed;
      const std::vector<T> whole = batch.run(kernels);
      REQUIRE(whole.size() == size_t(13 * n));
      for (const index_t count : {index_t(1), index_t(5), kPanel<T>}) {  // the first columns of the same numbers
        Problem<T> few = batch;
        few.shape.n = count;
        const std::vector<T> part = few.run(kernels);
        REQUIRE(part.size() == size_t(13 * count));
        for (index_t i = 0; i < 13; ++i)
          for (index_t j = 0; j < count; ++j) CHECK(same_bits(part[size_t(i * count + j)], whole[size_t(i * n + j)]));
      }
    }
}

TEST_SUITE_END();
