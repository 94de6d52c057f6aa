// The two ways of x86 to multiply bfloat16: AMX tiles, and dot products of pairs in AVX-512 registers.
//
// A square of rows is 32 rows of 32 numbers (64 bytes each): two tiles. A square of pairs is 16 rows of 32 pairs, the
// numbers of two steps of k side by side (128 bytes each): two tiles beside each other.
#pragma once

#include "kernels/bfloat16.h"

namespace deepnet::DEEPNET_ISA {

/// How both store squares. Denormal numbers are rounded to 0.
struct Pairs {
  using Number = uint16_t;
  typedef uint32_t Bits __attribute__((vector_size(64)));

  template <class Get>
  DEEPNET_INLINE static void rows(Get get, uint16_t* to, Part part = {}) {
#pragma GCC unroll 4
    for (index_t i = part.first; i < part.first + part.count; ++i)
      _mm512_store_si512(to + i * kSquare, __m512i(_mm512_cvtne2ps_pbh(get(i, 16), get(i, 0))));
  }

  static void pairs(const uint16_t* rows, uint16_t* to, Part part = {}) {
    const __m512i low = interleaved(0), high = interleaved(16);
    to += part.first * kSquare;
    for (index_t i = part.first; i < part.first + part.count; i += 2, to += 2 * kSquare) {
      const __m512i even = _mm512_load_si512(rows + i * kSquare), odd = _mm512_load_si512(rows + (i + 1) * kSquare);
      _mm512_store_si512(to, _mm512_permutex2var_epi16(even, low, odd));
      _mm512_store_si512(to + kSquare, _mm512_permutex2var_epi16(even, high, odd));
    }
  }

  /// A transposition of pairs of numbers, which are as large as floats.
  static void turned_pairs(const uint16_t* rows, uint16_t* to, Part part = {}) {
    for (index_t half = part.first / 16; half < (part.first + part.count) / 16; ++half) {
      Vec<float> tile[16];
      for (index_t r = 0; r < 16; ++r) tile[r] = _mm512_load_ps(rows + (16 * half + r) * kSquare);
      transpose<float>(tile);
      for (index_t r = 0; r < 16; ++r) _mm512_store_ps(to + r * 2 * kSquare + half * kSquare, tile[r]);
    }
  }

  static void turned_rows(const uint16_t* rows, uint16_t* to, Part part = {}) {
    for (index_t half = part.first / 16; half < (part.first + part.count) / 16; ++half) {
      const __m512i order = interleaved(16 * half);
      Vec<float> tile[16];
      for (index_t r = 0; r < 16; ++r)
        tile[r] = reinterpret_cast<Vec<float>>(_mm512_permutex2var_epi16(
            _mm512_load_si512(rows + 2 * r * kSquare), order, _mm512_load_si512(rows + (2 * r + 1) * kSquare)));
      transpose<float>(tile);
      for (index_t r = 0; r < 16; ++r) _mm512_store_ps(to + (16 * half + r) * kSquare, tile[r]);
    }
  }

  static Vec<float> rounded(Vec<float> x) {
    return reinterpret_cast<Vec<float>>(
        reinterpret_cast<Bits>(_mm512_maskz_cvtepu16_epi32(0xffff, __m256i(_mm512_cvtneps_pbh(x)))) << 16);
  }

  static Vec<float> where_positive(const uint16_t* pairs, index_t i, index_t j, Vec<float> v) {
    const __m512i both = _mm512_load_si512(pairs + i / 2 * 2 * kSquare + 2 * j);
    return _mm512_maskz_mov_ps(_mm512_test_epi32_mask(both, _mm512_set1_epi32(i % 2 ? int(0xffff0000) : 0xffff)), v);
  }

 protected:
  /// kSquare columns of W from p on for 16 units from `first` on, as rows of operands; zeros behind the last.
  DEEPNET_INLINE static void unit_rows(const FewColumns<float>& f, index_t first, index_t p, Vec<float> (&rows)[16]) {
    const float* a = f.a + first * f.a_row + p;
    const index_t units = f.m - first, columns = f.k - p;
    if (units >= 16 && columns >= kSquare) {
      for (index_t r = 0; r < 16; ++r) rows[r] = pair_up(load(a + r * f.a_row), load(a + r * f.a_row + 16));
    } else {
      for (index_t r = 0; r < 16; ++r)
        rows[r] = r < units ? pair_up(up_to(a + r * f.a_row, columns), up_to(a + r * f.a_row + 16, columns - 16))
                            : Vec<float>{};
    }
  }

  /// So many numbers of an example from p on.
  DEEPNET_INLINE static Vec<float> example_row(const FewColumns<float>& f, int e, index_t p) {
    const float* x = f.x + e * f.x_row + p;
    return pair_up(up_to(x, f.k - p), up_to(x + 16, f.k - p - 16));
  }

  DEEPNET_INLINE static Vec<float> pair_up(Vec<float> low, Vec<float> high) {
    return reinterpret_cast<Vec<float>>(_mm512_cvtne2ps_pbh(high, low));
  }

 private:
  /// The first `count` numbers, if there are any and not more than fill a vector; zeros behind them.
  DEEPNET_INLINE static Vec<float> up_to(const float* from, index_t count) {
    return count <= 0 ? Vec<float>{} : count < 16 ? load_first(from, count) : load(from);
  }

  /// Numbers from `first` on of two rows in turn, for _mm512_permutex2var_epi16.
  static __m512i interleaved(index_t first) {
    alignas(64) uint16_t order[32];
    for (index_t i = 0; i < 32; ++i) order[i] = uint16_t(first + i / 2 + (i % 2) * 32);
    return _mm512_load_si512(order);
  }
};

#if defined(__AMX_BF16__)
/// The shapes of tiles. Constants in memory, since _tile_loadconfig does not tell the compiler that it reads all of
/// them.
struct alignas(64) TileShapes {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileShapes) == 64);
constexpr TileShapes kSquares, kColumns{.row_bytes = {4, 4, 4, 4, 64, 4, 4, 64}};

struct Tiles : Pairs {
  /// The state of the tiles exists only while a kernel runs: saving 8 KB with every change of threads is slow.
  static void begin() { _tile_loadconfig(&kSquares); }
  static void end() { _tile_release(); }

  /// Tiles 0 to 3 are one column of sums for each example, tile 4 is rows of W, 5 and 6 are one column of numbers.
  static void begin_few() { _tile_loadconfig(&kColumns); }
  static void end_few() { _tile_release(); }

  template <int kExamples>
  static void few_units(const FewColumns<float>& f, index_t first, Vec<float> (&sums)[kExamples]) {
    constexpr index_t kBuffers = 4;  // so that rounding does not wait for products
    alignas(64) float rows[kBuffers][16][16], x[kBuffers][kExamples][16], c[kExamples][16];
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (index_t p = 0; p < f.k; p += kSquare) {
      const index_t at = p / kSquare % kBuffers;
      Vec<float> of_W[16];
      unit_rows(f, first, p, of_W);
      for (index_t r = 0; r < 16; ++r) store(rows[at][r], of_W[r]);
      for (int e = 0; e < kExamples; ++e) store(x[at][e], example_row(f, e, p));
      __asm__ volatile("" ::: "memory");
      _tile_loadd(4, rows[at], 64);
      _tile_loadd(5, x[at][0], 4);
      _tile_dpbf16ps(0, 4, 5);
      if constexpr (kExamples > 1) {
        _tile_loadd(6, x[at][1], 4);
        _tile_dpbf16ps(1, 4, 6);
      }
      if constexpr (kExamples > 2) {
        _tile_loadd(5, x[at][2], 4);
        _tile_dpbf16ps(2, 4, 5);
      }
      if constexpr (kExamples > 3) {
        _tile_loadd(6, x[at][3], 4);
        _tile_dpbf16ps(3, 4, 6);
      }
    }
    _tile_stored(0, c[0], 4);
    if constexpr (kExamples > 1) _tile_stored(1, c[1], 4);
    if constexpr (kExamples > 2) _tile_stored(2, c[2], 4);
    if constexpr (kExamples > 3) _tile_stored(3, c[3], 4);
    __asm__ volatile("" ::: "memory");
    for (int e = 0; e < kExamples; ++e) sums[e] = load(c[e]);
  }

  /// Four tiles of sums: four products for four tiles that are loaded.
  template <class Ahead>
  static void multiply(index_t count, const uint16_t* a, const uint16_t* b, bool resume, float* c, Ahead&& ahead) {
    __asm__ volatile("" ::: "memory");  // the tile instructions do not tell the compiler what they read and write
    if (resume) {
      _tile_loadd(0, c, 128);
      _tile_loadd(1, c + 16, 128);
      _tile_loadd(2, c + 16 * kSquare, 128);
      _tile_loadd(3, c + 16 * kSquare + 16, 128);
    } else {
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
    }
    for (index_t i = 0; i < count; ++i, a += kNumbers, b += kNumbers) {
      _tile_loadd(4, a, 64);
      _tile_loadd(6, b, 128);
      _tile_loadd(5, a + kNumbers / 2, 64);
      _tile_loadd(7, b + kSquare, 128);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(3, 5, 7);
      ahead();
    }
    _tile_stored(0, c, 128);
    _tile_stored(1, c + 16, 128);
    _tile_stored(2, c + 16 * kSquare, 128);
    _tile_stored(3, c + 16 * kSquare + 16, 128);
    __asm__ volatile("" ::: "memory");
  }
};
using OwnWay = Tiles;
#else
struct Dots : Pairs {
  static void begin() {}
  static void end() {}
  static void begin_few() {}
  static void end_few() {}

  /// Transposing pairs, which are as large as floats, takes half of the exchanges that transposing floats would.
  template <int kExamples>
  static void few_units(const FewColumns<float>& f, index_t first, Vec<float> (&sums)[kExamples]) {
    for (index_t p = 0; p < f.k; p += kSquare) {
      Vec<float> pairs[16];
      unit_rows(f, first, p, pairs);
      transpose<float>(pairs);
      alignas(64) float x[kExamples][16];
      for (int e = 0; e < kExamples; ++e) store(x[e], example_row(f, e, p));
      for (index_t i = 0; i < 16; ++i)
        for (int e = 0; e < kExamples; ++e)
          sums[e] = _mm512_dpbf16_ps(sums[e], reinterpret_cast<__m512bh>(broadcast(x[e][i])),
                                     reinterpret_cast<__m512bh>(pairs[i]));
    }
  }

  template <class Ahead>
  static void multiply(index_t count, const uint16_t* a, const uint16_t* b, bool resume, float* c, Ahead&&) {
    if (!resume) memset(c, 0, kNumbers * sizeof(float));
    for (index_t i = 0; i < 22; i += 11) some_rows<11>(count, a + i * kSquare, b, c + i * kSquare);
    some_rows<10>(count, a + 22 * kSquare, b, c + 22 * kSquare);
  }

 private:
  template <int MR>
  static void some_rows(index_t count, const uint16_t* a, const uint16_t* b, float* c) {
    __m512 acc[MR][2];
#pragma GCC unroll 12
    for (int i = 0; i < MR; ++i)
      for (int j = 0; j < 2; ++j) acc[i][j] = _mm512_load_ps(c + i * kSquare + 16 * j);
    for (index_t s = 0; s < count; ++s, a += kNumbers - kSquare)
      for (index_t p = 0; p < kSquare / 2; ++p, a += 2, b += 2 * kSquare) {
        const __m512bh left = __m512bh(_mm512_load_si512(b)), right = __m512bh(_mm512_load_si512(b + kSquare));
#pragma GCC unroll 12
        for (int i = 0; i < MR; ++i) {
          int32_t pair;
          memcpy(&pair, a + i * kSquare, sizeof pair);
          const __m512bh both = __m512bh(_mm512_set1_epi32(pair));
          acc[i][0] = _mm512_dpbf16_ps(acc[i][0], both, left);
          acc[i][1] = _mm512_dpbf16_ps(acc[i][1], both, right);
        }
      }
#pragma GCC unroll 12
    for (int i = 0; i < MR; ++i)
      for (int j = 0; j < 2; ++j) _mm512_store_ps(c + i * kSquare + 16 * j, acc[i][j]);
  }
};
using OwnWay = Dots;
#endif

}  // namespace deepnet::DEEPNET_ISA
