// Matrix product: one micro-kernel, used by the forward pass and both halves of the backward pass.
//
// Layout. Examples (or, for the gradient of W, units before) run along the vectors. b is read as panels of kPanel
// columns, packed or in place; a is only ever read one scalar at a time and broadcast, so that W and its transpose
// differ in a_row and a_col alone.
//
// Order of loops. A group of kRowGroup rows of a (24 KB of float at k = 512) stays in L1 while the panels of b
// stream from L2 past it. The caller keeps k and n so small that b fits L2 (see nn/multiply.h).
//
// Every element of c is one chain of fused multiply-adds in the order of k, whatever the tile it falls into, so its
// bits depend neither on n (how many examples come at once) nor on the width of a vector.
#pragma once

#include "kernels/kernels.h"
#include "simd/vec.h"

namespace deepnet::DEEPNET_ISA {

// kMR x kNV sums stay in registers: 12 x 2 of 32 registers (AVX-512), 3 x 4 of 16 (AVX2, SSE), 3 x 8 of 32 (NEON).
// 3 x 4 beats the textbook's 6 x 2 with AVX2, since it reads the same 32-wide panels as AVX-512.
#if defined(__AVX512F__)
constexpr int kMR = 12, kNV = 2;
#elif defined(__aarch64__)
constexpr int kMR = 3, kNV = 8;
#else
constexpr int kMR = 3, kNV = 4;
#endif
constexpr index_t kRowGroup = 12;
constexpr index_t kRowsAhead = 16;  // rows of b fetched from L2 into L1 ahead of their use

/// Asks for the cache lines of a tile. A prefetch never faults, so the tile may lie behind the end of c.
template <class T, int MR, index_t width>
DEEPNET_INLINE void prefetch_for_write(const T* c, index_t c_row) {
  constexpr index_t line = 64 / index_t(sizeof(T));
  for (int i = 0; i < MR; ++i)
    for (index_t j = 0; j < width; j += line) __builtin_prefetch(c + i * c_row + j, 1);
}

/// Memory that is read after this product, one cache line per step of k: almost free next to 24 multiply-adds.
struct Ahead {
  const char* line;
  index_t step;  // 64, or 0 when there is nothing left to fetch
};

/// A rows x columns block from one place to another. Not inlined: where a tile sticks out of c is no hot path, and
/// inside the tile this code would cost registers.
template <class T>
__attribute__((noinline)) void copy_block(index_t rows, index_t columns, const T* from, index_t from_row, T* to,
                                          index_t to_row) {
  for (index_t i = 0; i < rows; ++i, from += from_row, to += to_row) {
    index_t j = 0;
    for (; j + kLanes<T> <= columns; j += kLanes<T>) store(to + j, load(from + j));
    for (; j < columns; ++j) to[j] = from[j];
  }
}

/// One tile: c[MR x NV vectors], of which `columns` columns exist.
template <class T, int MR, int NV>
void gemm_tile(const Gemm<T>& g, index_t row, const T* b, index_t column, index_t columns, Ahead ahead) {
  constexpr index_t lanes = kLanes<T>, width = NV * lanes;
  const T* a = g.a + row * g.a_row;
  T* c = g.c + row * g.c_row + column;
  if (g.c_is_far) prefetch_for_write<T, MR, width>(c + kRowGroup * g.c_row, g.c_row);
  alignas(kVectorBytes) T edge[MR * width];  // stands in for c where the tile sticks out of it
  const bool whole = columns == width;
  T* out = whole ? c : edge;
  const index_t out_row = whole ? g.c_row : width;

  Vec<T> acc[MR][NV] = {};
  if (g.accumulate) {
    if (!whole) {
      memset(edge, 0, sizeof edge);  // what lies about might be subnormal, and slow
      copy_block(MR, columns, c, g.c_row, edge, width);
    }
#pragma GCC unroll 12
    for (int i = 0; i < MR; ++i)
      for (int j = 0; j < NV; ++j) acc[i][j] = load(out + i * out_row + j * lanes);
  } else if (g.bias) {
#pragma GCC unroll 12
    for (int i = 0; i < MR; ++i)
      for (int j = 0; j < NV; ++j) acc[i][j] = broadcast(g.bias[row + i]);
  }

  const index_t a_row = g.a_row, a_col = g.a_col, b_row = g.b_row;
  const T* thirds[(MR + 2) / 3];  // every third row has its pointer; x86 reaches the two between by scaled a_row
  for (int i = 0; i < MR; i += 3) thirds[i / 3] = a + i * a_row;
  for (index_t p = g.k; p > 0; --p, b += b_row, ahead.line += ahead.step) {
    __builtin_prefetch(ahead.line, 0, 2);
    for (index_t j = 0; j < width; j += 64 / index_t(sizeof(T))) __builtin_prefetch(b + kRowsAhead * b_row + j);
    Vec<T> b_p[NV];
    for (int j = 0; j < NV; ++j) b_p[j] = load(b + j * kLanes<T>);
#pragma GCC unroll 12
    for (int i = 0; i < MR; ++i) {
      const Vec<T> a_ip = broadcast(thirds[i / 3][i % 3 * a_row]);
      for (int j = 0; j < NV; ++j) acc[i][j] = fma(a_ip, b_p[j], acc[i][j]);
    }
    for (const T*& row_of_three : thirds) row_of_three += a_col;
  }

  const T scale = g.scale;
#pragma GCC unroll 12
  for (int i = 0; i < MR; ++i)
    for (int j = 0; j < NV; ++j) store(out + i * out_row + j * lanes, acc[i][j] * scale);
  if (!whole) copy_block(MR, columns, edge, width, c, g.c_row);
}

template <class T, int NV>
struct GemmTiles {
  using Tile = void (*)(const Gemm<T>&, index_t row, const T* b, index_t column, index_t columns, Ahead);

  /// The tile with exactly this many rows: no row of zeros is ever multiplied.
  template <int MR = kMR>
  static DEEPNET_INLINE Tile with_rows(index_t rows) {
    if constexpr (MR > 1)
      if (rows < MR) return with_rows<MR - 1>(rows);
    return &gemm_tile<T, MR, NV>;
  }
};

/// The g.m rows of a as a k x kRowGroup block: each step of k in one cache line or two.
template <class T>
void pack_rows(const Gemm<T>& g, T* block) {
  if (g.a_row == 1 && g.m == kRowGroup) {
    for (index_t p = 0; p < g.k; ++p) memcpy(block + p * kRowGroup, g.a + p * g.a_col, kRowGroup * sizeof(T));
    return;
  }
  for (index_t p = 0; p < g.k; ++p)
    for (index_t i = 0; i < g.m; ++i) block[p * kRowGroup + i] = g.a[p * g.a_col + i * g.a_row];
}

template <class T>
void gemm(const Gemm<T>& whole) {
  constexpr index_t width = kNV * kLanes<T>, narrow = width / 2;
  // The transpose of W is read across its rows: strides of a power of two throw one another out of the cache
  // (139 against 161 GFLOP/s at 504 x 256 x 512), so each group of its rows is copied once for all panels.
  const bool copy = whole.a_col != 1 && whole.n > 2 * width;
  const index_t last_panel = (whole.n - 1) / kPanel<T> * kPanel<T>;
  alignas(kVectorBytes) T block[kRowGroup * kDepth<T>];
  const char *next = static_cast<const char*>(whole.next), *next_end = next + whole.next_bytes;
  for (index_t group = 0; group < whole.m; group += kRowGroup) {
    Gemm<T> g = whole;
    g.m = whole.m - group < kRowGroup ? whole.m - group : kRowGroup;
    g.a += group * g.a_row;
    g.c += group * g.c_row;
    if (g.bias) g.bias += group;
    if (copy) {
      pack_rows(g, block);
      g.a = block;
      g.a_row = 1;
      g.a_col = kRowGroup;
    }
    for (index_t column = 0; column < g.n; column += width) {
      const index_t columns = g.n - column < width ? g.n - column : width;
      const T* b = g.b + column / kPanel<T> * g.b_panel + column % kPanel<T>;
      if (g.b_last && column >= last_panel) {
        b = g.b_last + (column - last_panel);
        g.b_row = kPanel<T>;
      }
      index_t row = 0;
      for (index_t tiles = (g.m + kMR - 1) / kMR; tiles > 0; --tiles) {
        const index_t rows = (g.m - row) / tiles;
        const Ahead ahead = next < next_end ? Ahead{next, 64} : Ahead{reinterpret_cast<const char*>(b), 0};
        next += 64 * g.k;
        const auto tile =
            columns > narrow ? GemmTiles<T, kNV>::with_rows(rows) : GemmTiles<T, kNV / 2>::with_rows(rows);
        tile(g, row, b, column, columns, ahead);
        row += rows;
      }
    }
  }
}

}  // namespace deepnet::DEEPNET_ISA
