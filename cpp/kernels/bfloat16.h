// Products whose operands are rounded to bfloat16 and whose sums are float32, for every way to compute them.
//
// A Way is a struct that stores squares of operands (see kernels.h) and multiplies them:
//   Number                               of an operand
//   begin(), end()                       around the products of a kernel
//   rows(get, rows, part)                a square of rows of what get(i, j) returns: a vector of row i from column j on
//   pairs, turned_pairs, turned_rows     other forms of a square of rows
//   where_positive(pairs, i, j, v)       v where the vector at (i, j) of a square of pairs is not 0, else 0
//   rounded(x)                           a vector of float32 numbers as its operands hold them
//   begin_few(), end_few()               around few_units
//   few_units(f, first, sums)            a vector of units from `first` on, few examples; with the bits of multiply
//   multiply(count, a, b, resume, c, ahead)   c = a b, or c += a b: the sum over `count` squares of a and of b;
//                                        calls ahead() up to `count` times
// This file has all that they share, which works on one square of c in L1: bias, relu, its derivative, sums and the
// update of W. The portable way, Rounded, keeps operands as float32 numbers that bfloat16 could hold, and multiplies
// them with the float32 kernel.
#pragma once

#include "kernels/few.h"
#include "kernels/gemm.h"
#include "kernels/kernels.h"
#include "kernels/sums.h"

namespace deepnet::DEEPNET_ISA {

constexpr index_t kNumbers = kSquare * kSquare;

DEEPNET_INLINE index_t squares_of(index_t n) { return (n + kSquare - 1) / kSquare; }

/// x rounded to the nearest bfloat16, ties to even; nan stays nan.
DEEPNET_INLINE Vec<float> nearest_bfloat16(Vec<float> x) {
  typedef uint32_t Bits __attribute__((vector_size(kVectorBytes)));
  const Bits bits = reinterpret_cast<Bits>(x);
  const Bits nearest = bits + 0x7fffu + ((bits >> 16) & 1u), quiet = bits | 0x00400000u;
  const Bits chosen = x == x ? nearest : quiet;
  return reinterpret_cast<Vec<float>>(chosen & 0xffff0000u);
}

/// A product that prefetches nothing.
struct Nothing {
  void operator()() {}
};

/// Some rows of a square: an even number, or if it is turned 16.
struct Part {
  index_t first = 0, count = kSquare;
};

struct Rounded {
  using Number = float;
  static void begin() {}
  static void end() {}
  static void begin_few() {}
  static void end_few() {}

  static Vec<float> rounded(Vec<float> x) { return nearest_bfloat16(x); }

  template <int kExamples>
  static void few_units(const FewColumns<float>& f, index_t first, Vec<float> (&sums)[kExamples]) {
    deepnet::DEEPNET_ISA::few_units<float>(f, first, &rounded, sums);
  }

  template <class Get>
  static void rows(Get get, float* to, Part part = {}) {
    for (index_t i = part.first; i < part.first + part.count; ++i)
      for (index_t j = 0; j < kSquare; j += kLanes<float>) store(to + i * kSquare + j, rounded(get(i, j)));
  }
  static void pairs(const float* rows, float* to, Part part = {}) {
    memcpy(to + part.first * kSquare, rows + part.first * kSquare, size_t(part.count * kSquare) * sizeof(float));
  }
  static void turned_pairs(const float* rows, float* to, Part part = {}) { turn(rows, to, part); }
  static void turned_rows(const float* rows, float* to, Part part = {}) { turn(rows, to, part); }
  static Vec<float> where_positive(const float* pairs, index_t i, index_t j, Vec<float> v) {
    return load(pairs + i * kSquare + j) == 0.0f ? Vec<float>{} : v;
  }
  template <class Ahead>
  static void multiply(index_t count, const float* a, const float* b, bool resume, float* c, Ahead&&) {
    gemm<float>({.m = kSquare,
                 .n = kSquare,
                 .k = count * kSquare,
                 .a = {.data = a, .row = kSquare, .col = 1, .run = kSquare, .jump = kNumbers - kSquare},
                 .b = {.data = b, .row = kSquare, .panel = kSquare},
                 .c = {.data = c, .row = kSquare},
                 .start = {.accumulate = resume}});
  }

 private:
  static void turn(const float* from, float* to, Part part) {
    constexpr index_t lanes = kLanes<float>;
    for (index_t i = part.first; i < part.first + part.count; i += lanes)
      for (index_t j = 0; j < kSquare; j += lanes) {
        Vec<float> tile[lanes];
        for (index_t r = 0; r < lanes; ++r) tile[r] = load(from + (i + r) * kSquare + j);
        transpose<float>(tile);
        for (index_t r = 0; r < lanes; ++r) store(to + (j + r) * kSquare + i, tile[r]);
      }
  }
};

/// sums[i]: of row i of a square.
DEEPNET_INLINE void sum_square(const float* c, float* sums, Part part = {}) {
  constexpr index_t lanes = kLanes<float>, vectors = kSquare / lanes;
  for (index_t first = part.first; first < part.first + part.count; first += lanes) {
    Vec<float> rows[lanes];
    for (index_t r = 0; r < lanes; ++r) {
      Vec<float> v[vectors];
      for (index_t j = 0; j < vectors; ++j) v[j] = load(c + (first + r) * kSquare + j * lanes);
      rows[r] = fold_panel<float>(v);
    }
    store(sums + first, sums_of_rows<float>(rows));
  }
}

/// A square of W as rows, of which `rows` x `columns` numbers, or more, are there.
template <class Way>
DEEPNET_INLINE void round_rows(const float* W, index_t W_row, index_t rows, index_t columns, typename Way::Number* to) {
  if (rows >= kSquare && columns >= kSquare) {
    Way::rows([&](index_t i, index_t j) { return load(W + i * W_row + j); }, to);
    return;
  }
  Way::rows(
      [&](index_t i, index_t j) {
        if (i >= rows || j >= columns) return Vec<float>{};
        const float* from = W + i * W_row + j;
        return columns - j < kLanes<float> ? load_first(from, columns - j) : load(from);
      },
      to);
}

/// W that is rounded on the way takes so many squares (16 KB) at a time, which stay in L1 for so many panels.
constexpr index_t kRoundedSquares = 8, kRoundedPanels = 8;

/// c[p] = W b for rows s of squares and `panels` panels from `first` on. `rounded` keeps what was rounded last.
template <class Way>
void multiply_rounded(const Bfloat16Product& f, index_t s, index_t first, index_t panels, typename Way::Number* rounded,
                      float (*c)[kNumbers]) {
  const index_t depth = squares_of(f.k);
  const auto* b = static_cast<const typename Way::Number*>(f.b) + first * depth * kNumbers;
  for (index_t at = 0; at < depth; at += kRoundedSquares) {
    const index_t count = depth - at < kRoundedSquares ? depth - at : kRoundedSquares;
    const bool is_kept = first > 0 && depth <= kRoundedSquares;
    for (index_t i = at; !is_kept && i < at + count; ++i)
      round_rows<Way>(f.W + (s * f.W_row + i) * kSquare, f.W_row, f.m - s * kSquare, f.k - i * kSquare,
                      rounded + (i - at) * kNumbers);
    for (index_t p = 0; p < panels; ++p)
      Way::multiply(count, rounded, b + (p * depth + at) * kNumbers, at > 0, c[p], Nothing{});
  }
}

/// What is done with a square of sums, at once or in steps that take place while the next square is multiplied, since
/// tiles leave most of the processor idle: two rows each, then 16 turned or summed rows each.
struct Steps {
  static constexpr index_t kRows = kSquare / 2, kAll = kRows + 2;
  index_t next = kAll;  // nothing is left to do

  template <class Rows, class Halves>
  DEEPNET_INLINE void some(index_t count, Rows rows, Halves halves) {
    if (count == kAll && next == 0) {
      rows(Part{});
      halves(Part{});
      next = kAll;
    }
    for (index_t end = next + count < kAll ? next + count : kAll; next < end; ++next)
      if (next < kRows)
        rows(Part{2 * next, 2});
      else
        halves(Part{(next - kRows) * 16, 16});
  }
};

/// Products of so many steps leave time for what is done with the square before.
constexpr index_t kOverlapped = 16;

/// What is done with the squares of a product.
template <class Way>
struct ProductSquare : Steps {
  using Number = typename Way::Number;
  const Bfloat16Product& f;
  float bias[kSquare], *c = nullptr;
  index_t s = 0, p = 0;
  alignas(64) Number square[kNumbers];

  explicit ProductSquare(const Bfloat16Product& product) : f(product) {}

  index_t rows_there() const { return f.m - s * kSquare < kSquare ? f.m - s * kSquare : kSquare; }

  void begin(index_t s_, index_t p_, float* c_) {
    if (p_ == 0)
      for (index_t i = 0; i < kSquare; ++i) bias[i] = f.bias && s_ * kSquare + i < f.m ? f.bias[s_ * kSquare + i] : 0;
    s = s_;
    p = p_;
    c = c_;
    next = 0;
  }

  DEEPNET_INLINE void some(index_t count) {
    const index_t at = (p * f.m_squares + s) * kNumbers, beside = (s * f.between + p) * kNumbers;
    auto *pairs = static_cast<Number*>(f.pairs), *rows = static_cast<Number*>(f.rows),
         *turned = static_cast<Number*>(f.turned);
    if (f.finish == Finish::kScale) {
      float* to = f.c + p * f.c_panel + s * kNumbers;
      Steps::some(
          count,
          [&](Part part) {
            for (index_t i = part.first; i < part.first + part.count && i < rows_there(); ++i)
              for (index_t j = 0; j < kSquare; j += kLanes<float>)
                store(to + i * kSquare + j, load(c + i * kSquare + j) * f.scale + broadcast(bias[i]));
          },
          [](Part) {});
    } else if (f.finish == Finish::kRelu) {
      Steps::some(
          count,
          [&](Part part) {
            Way::rows(
                [&](index_t i, index_t j) {
                  const Vec<float> z = load(c + i * kSquare + j) + broadcast(bias[i]);
                  return z < kFlushBelow<float> ? Vec<float>{} : z;
                },
                square, part);
            Way::pairs(square, pairs + at, part);
          },
          [&](Part part) {
            if (turned) Way::turned_pairs(square, turned + beside, part);
          });
    } else {
      const auto* other = static_cast<const Number*>(f.other) + at;
      Steps::some(
          count,
          [&](Part part) {
            Way::rows(
                [&](index_t i, index_t j) {
                  const Vec<float> d =
                      Way::where_positive(other, i, j, flush<float>(load(c + i * kSquare + j) * f.scale));
                  store(c + i * kSquare + j, d);
                  return d;
                },
                rows + beside, part);
            if (pairs) Way::pairs(rows + beside, pairs + at, part);
          },
          [&](Part part) { sum_square(c, f.sums + (p * f.m_squares + s) * kSquare, part); });
    }
  }

  void finish() {
    if (next < kAll) some(kAll);
  }
};

/// Prefetches, some lines with each step of a product, the squares that will be made of it and a part of the rows of a
/// that come next. A prefetch never faults.
template <class Way>
struct AheadOfProduct {
  static constexpr index_t kLine = 64, kLines = kNumbers * index_t(sizeof(typename Way::Number)) / kLine;

  AheadOfProduct(const Bfloat16Product& f, index_t s, index_t p, index_t depth)
      : each((kLines + depth - 1) / depth), each_of_a((kLines + f.panels - 1) / f.panels) {
    const auto square = [](void* memory, index_t at) {
      return memory ? static_cast<char*>(memory) + at * kLines * kLine : nullptr;
    };
    made[0] = square(f.pairs, p * f.m_squares + s);
    made[1] = square(f.rows ? f.rows : f.turned, s * f.between + p);
    next_a = static_cast<const char*>(f.a) + ((s + 1) * depth * kLines + p * depth * each_of_a) * kLine;
  }

  DEEPNET_INLINE void operator()() {
    for (index_t i = 0; i < each_of_a; ++i, next_a += kLine) __builtin_prefetch(next_a, 0, 2);
    for (index_t end = next + each; next < end && next < kLines; ++next) {
      if (made[0]) __builtin_prefetch(made[0] + next * kLine, 1);
      if (made[1]) __builtin_prefetch(made[1] + next * kLine, 1);
    }
  }

  const char *made[2], *next_a;
  index_t each, each_of_a, next = 0;
};

template <class Way>
void bfloat16_product(const Bfloat16Product& f) {
  using Number = typename Way::Number;
  assert(f.a || f.W);
  assert(f.m > 0 && f.k > 0 && f.panels > 0 && f.m_squares >= squares_of(f.m));
  assert(f.finish != Finish::kScale || (f.c && f.c_panel >= f.m * kSquare));
  assert(f.finish != Finish::kRelu || f.pairs);
  assert(f.finish != Finish::kReluBackward || (f.rows && f.sums && f.other && !f.bias));
  assert(f.finish != Finish::kDescend);
  Way::begin();
  const index_t depth = squares_of(f.k);
  const auto *a = static_cast<const Number*>(f.a), *b = static_cast<const Number*>(f.b);
  const bool overlaps = a && depth >= kOverlapped;
  const index_t together = overlaps ? 2 : a || depth <= kRoundedSquares ? 1 : kRoundedPanels;
  const index_t each = (Steps::kAll + depth - 1) / depth;
  alignas(64) float sums[kRoundedPanels][kNumbers];
  alignas(64) Number rounded[kRoundedSquares * kNumbers];
  ProductSquare<Way> before(f);
  index_t number = 0;
  for (index_t s = 0; s < squares_of(f.m); ++s)
    for (index_t p = 0; p < f.panels; ++p, ++number) {
      float* c = sums[(overlaps ? number : p) % together];
      const Number *rows = a ? a + s * depth * kNumbers : nullptr, *column = b + p * depth * kNumbers;
      if (overlaps)
        Way::multiply(depth, rows, column, false, c, [&, ahead = AheadOfProduct<Way>(f, s, p, depth)]() mutable {
          ahead();
          before.some(each);
        });
      else if (a)
        Way::multiply(depth, rows, column, false, c, Nothing{});
      else if (p % together == 0)
        multiply_rounded<Way>(f, s, p, f.panels - p < together ? f.panels - p : together, rounded, sums);
      before.finish();
      before.begin(s, p, c);
      if (!overlaps) before.finish();
    }
  before.finish();
  Way::end();
}

/// True if two squares have the same bits.
template <class Number>
DEEPNET_INLINE bool are_equal(const Number* x, const Number* y) {
  typedef uint32_t Bits __attribute__((vector_size(kVectorBytes), may_alias));
  constexpr index_t words = sizeof(Bits) / sizeof(Number);
  Bits different{};
  for (index_t i = 0; i < kNumbers; i += words)
    different |= *reinterpret_cast<const Bits*>(x + i) ^ *reinterpret_cast<const Bits*>(y + i);
  uint32_t any = 0;
  for (index_t i = 0; i < index_t(sizeof(Bits) / sizeof any); ++i) any |= different[i];
  return any == 0;
}

/// The operands made of one square of W.
template <class Way>
DEEPNET_INLINE void round_square(const Bfloat16Weights& f, index_t row, index_t column) {
  using Number = typename Way::Number;
  const index_t r = row / kSquare, s = column / kSquare;
  Number* to = static_cast<Number*>(f.rows) + (r * f.rows_between + s) * kNumbers;
  const float* W = f.W + row * f.W_row + column;
  if (f.kept) {
    alignas(64) Number now[kNumbers];
    round_rows<Way>(W, f.W_row, f.rows_count - row, f.columns - column, now);
    if (are_equal(now, to)) return;
    memcpy(to, now, sizeof now);
  } else {
    round_rows<Way>(W, f.W_row, f.rows_count - row, f.columns - column, to);
  }
  if (f.turned) Way::turned_rows(to, static_cast<Number*>(f.turned) + (s * f.turned_between + r) * kNumbers);
}

/// Prefetches a square of c and the operands that will be made of it, some lines with each step of a product: all at
/// once would wait for one another. A prefetch never faults.
template <class Way>
struct Ahead {
  static constexpr index_t kLine = 64, kOperandLines = kNumbers * index_t(sizeof(typename Way::Number)) / kLine;

  Ahead(const Bfloat16Gradient& f, index_t row, index_t column, index_t steps)
      : c_row(f.c_row), each(f.prefetch ? 2 * kSquare / steps + 1 : 0) {
    c = f.c + row * f.c_row + column;
    if (!f.weights.rows) return;
    const index_t r = row / kSquare, s = column / kSquare;
    operands[0] = static_cast<const char*>(f.weights.rows) + (r * f.weights.rows_between + s) * kOperandLines * kLine;
    if (f.weights.turned)
      operands[1] =
          static_cast<const char*>(f.weights.turned) + (s * f.weights.turned_between + r) * kOperandLines * kLine;
  }

  DEEPNET_INLINE void operator()() {
    for (index_t end = next + each; next < end && next < 2 * kSquare; ++next) {
      __builtin_prefetch(c + next / 2 * c_row + next % 2 * kSquare / 2, 1);
      if (next < kOperandLines && operands[0]) __builtin_prefetch(operands[0] + next * kLine, 1);
      if (next < kOperandLines && operands[1]) __builtin_prefetch(operands[1] + next * kLine, 1);
    }
  }

  const float* c;
  const char* operands[2] = {};
  index_t c_row, each, next = 0;
};

template <class Way>
void bfloat16_gradient(const Bfloat16Gradient& f) {
  using Number = typename Way::Number;
  assert(f.m > 0 && f.n > 0 && f.panels > 0 && f.between >= f.panels);
  assert(f.finish == Finish::kScale || f.finish == Finish::kDescend);
  assert(!f.weights.rows || (f.weights.W == f.c && f.weights.rows_count == f.m && f.weights.columns == f.n));
  Way::begin();
  const auto *a = static_cast<const Number*>(f.a), *b = static_cast<const Number*>(f.b);
  alignas(64) float c[kNumbers];
  for (index_t row = 0; row < f.m; row += kSquare) {
    const index_t rows = f.m - row < kSquare ? f.m - row : kSquare;
    for (index_t column = 0; column < f.n; column += kSquare) {
      const index_t columns = f.n - column < kSquare ? f.n - column : kSquare;
      if (f.before)
        for (index_t i = 0; i < kSquare; ++i)
          for (index_t j = 0; j < kSquare; ++j)
            c[i * kSquare + j] = i < rows && j < columns ? f.before[(row + i) * f.before_row + column + j] : 0;
      const bool more = column + kSquare < f.n;
      Ahead<Way> ahead(f, more ? row : row + kSquare, more ? column + kSquare : 0, f.panels);
      Way::multiply(f.panels, a + row / kSquare * f.between * kNumbers, b + column / kSquare * f.between * kNumbers,
                    f.before != nullptr, c, ahead);
      float* to = f.c + row * f.c_row + column;
      const bool descends = f.finish == Finish::kDescend;
      const Vec<float> scale = broadcast(descends ? -f.scale : f.scale);
      for (index_t i = 0; i < rows; ++i, to += f.c_row)
        for (index_t j = 0; j < columns; j += kLanes<float>) {
          const Vec<float> sum = load(c + i * kSquare + j);
          if (columns - j >= kLanes<float>) {
            store(to + j, descends ? fma(scale, sum, load(to + j)) : scale * sum);
          } else {
            const Vec<float> before = load_first(to + j, columns - j);
            store_first(to + j, descends ? fma(scale, sum, before) : scale * sum, columns - j);
          }
        }
      if (f.weights.rows) round_square<Way>(f.weights, row, column);
    }
  }
  Way::end();
}

template <class Way>
void bfloat16_operands(const Bfloat16Operands& f) {
  using Number = typename Way::Number;
  assert(f.units > 0 && 0 < f.examples && f.examples <= kSquare);
  auto *pairs = static_cast<Number*>(f.pairs), *rows = static_cast<Number*>(f.rows),
       *turned = static_cast<Number*>(f.turned);
  alignas(64) float c[kNumbers];
  alignas(64) Number square[kNumbers];
  for (index_t s = 0; s < squares_of(f.units); ++s) {
    const index_t count = f.units - s * kSquare < kSquare ? f.units - s * kSquare : kSquare;
    const float* x = f.x + s * kNumbers;
    if (count < kSquare || f.examples < kSquare) {
      for (index_t i = 0; i < kSquare; ++i)
        for (index_t j = 0; j < kSquare; ++j) c[i * kSquare + j] = i < count && j < f.examples ? x[i * kSquare + j] : 0;
      x = c;
    }
    Number* to = rows ? rows + s * f.between * kNumbers : square;
    Way::rows([&](index_t i, index_t j) { return load(x + i * kSquare + j); }, to);
    if (pairs) Way::pairs(to, pairs + s * kNumbers);
    if (turned) Way::turned_pairs(to, turned + s * f.between * kNumbers);
    if (f.sums) sum_square(x, f.sums + s * kSquare);
  }
}

template <class Way>
void bfloat16_weights(const Bfloat16Weights& f) {
  assert(f.rows_count > 0 && f.columns > 0 && f.rows);
  for (index_t row = 0; row < f.rows_count; row += kSquare)
    for (index_t column = 0; column < f.columns; column += kSquare) round_square<Way>(f, row, column);
}

template <class Way>
void bfloat16_round(index_t count, const float* x, float* y) {
  constexpr index_t lanes = kLanes<float>;
  index_t i = 0;
  for (; i + lanes <= count; i += lanes) store(y + i, Way::rounded(load(x + i)));
  if (i < count) store_first(y + i, Way::rounded(load_first(x + i, count - i)), count - i);
}

template <class Way, int kExamples>
void bfloat16_few_of(const FewColumns<float>& f) {
  constexpr index_t lanes = kLanes<float>;
  Way::begin_few();
  for (index_t first = 0; first < f.m; first += lanes) {
    Vec<float> sums[kExamples] = {};
    Way::few_units(f, first, sums);
    for (int e = 0; e < kExamples; ++e) store(f.z + e * f.z_row + first, sums[e]);
  }
  Way::end_few();
  for (int e = 0; e < kExamples; ++e)
    for (index_t i = 0; i < f.m; i += lanes) {
      float* z = f.z + e * f.z_row + i;
      store(z, load(z) + load(f.bias + i));
    }
}

template <class Way>
void bfloat16_few(const FewColumns<float>& f) {
  assert(0 < f.n && f.n <= kFewColumns && f.bias);
  switch (f.n) {
    case 1: return bfloat16_few_of<Way, 1>(f);
    case 2: return bfloat16_few_of<Way, 2>(f);
    case 3: return bfloat16_few_of<Way, 3>(f);
    default: return bfloat16_few_of<Way, 4>(f);
  }
}

template <class Way>
constexpr Bfloat16Kernels bfloat16_kernels = {
    .number = sizeof(typename Way::Number),
    .product = &bfloat16_product<Way>,
    .gradient = &bfloat16_gradient<Way>,
    .operands = &bfloat16_operands<Way>,
    .weights = &bfloat16_weights<Way>,
    .round = &bfloat16_round<Way>,
    .few_columns = &bfloat16_few<Way>,
};

}  // namespace deepnet::DEEPNET_ISA
