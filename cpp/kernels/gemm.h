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

// A tile is kSums / NV rows of NV vectors: as many sums as the registers hold, 24 of 32 or 12 of 16. The widest is the
// usual one, since it loads least per multiply-add: 6 x 4 vectors (AVX-512, two panels at once) needs 10 loads for 24
// of them, 12 x 2 needs 14, and an Ice Lake core that starts one load a cycle reaches 95 against 86 % of its peak.
// The narrower ones serve the columns that are left.
#if defined(__AVX512F__)
constexpr int kNV = 4, kSums = 24;
#elif defined(__aarch64__)
constexpr int kNV = 8, kSums = 24;
#else
constexpr int kNV = 4, kSums = 12;
#endif
constexpr index_t kRowGroup = 12;

template <int NV>
constexpr int kTileRows = kSums / NV < int(kRowGroup) ? kSums / NV : int(kRowGroup);

/// Asks for the cache lines of a tile. A prefetch never faults, so the tile may lie behind the end of c.
template <class T, int MR, index_t width>
DEEPNET_INLINE void prefetch_for_write(const T* c, index_t c_row) {
  constexpr index_t line = 64 / index_t(sizeof(T));
  for (int i = 0; i < MR; ++i)
    for (index_t j = 0; j < width; j += line) __builtin_prefetch(c + i * c_row + j, 1);
}

/// Memory that is read after this product, one cache line per step of k: free in the widest tile, which has loads to spare.
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

/// Where vector j of a tile lies in b or c, from the tile's first column on, which is the first of a panel or lies with
/// the whole tile within one.
template <class T>
DEEPNET_INLINE index_t vector_offset(int j, index_t panel) {
  const index_t column = j * kLanes<T>;
  return column / kPanel<T> * panel + column % kPanel<T>;
}

/// One tile: c[MR x NV vectors], of which `columns` columns exist. Its b and c are panels (b_panel and c_panel apart).
template <class T, int MR, int NV>
void gemm_tile(const Gemm<T>& g, index_t row, const T* b, T* c, index_t columns, Ahead ahead) {
  constexpr index_t width = NV * kLanes<T>;
  const T* a = g.a + row * g.a_row;
  c += row * g.c_row;
  if (g.c_is_far) prefetch_for_write<T, MR, width>(c + kRowGroup * g.c_row, g.c_row);
  alignas(kVectorBytes) T edge[MR * width];  // stands in for c where the tile sticks out of it
  const bool whole = columns >= width;
  T* out = whole ? c : edge;
  const index_t out_row = whole ? g.c_row : width, out_panel = whole ? g.c_panel : kPanel<T>;

  Vec<T> acc[MR][NV] = {};
  if (g.accumulate) {
    if (!whole) {
      memset(edge, 0, sizeof edge);  // what lies about might be subnormal, and slow
      copy_block(MR, columns, c, g.c_row, edge, width);
    }
    const T* start = whole && g.start ? g.start + (c - g.c) : out;
#pragma GCC unroll 12
    for (int i = 0; i < MR; ++i)
      for (int j = 0; j < NV; ++j) acc[i][j] = load(start + i * out_row + vector_offset<T>(j, out_panel));
  } else if (g.bias) {
#pragma GCC unroll 12
    for (int i = 0; i < MR; ++i)
      for (int j = 0; j < NV; ++j) acc[i][j] = broadcast(g.bias[row + i]);
  }

  const index_t a_row = g.a_row, a_col = g.a_col, b_row = g.b_row, b_panel = g.b_panel;
  const T* thirds[(MR + 2) / 3];  // every third row has its pointer; x86 reaches the two between by scaled a_row
  for (int i = 0; i < MR; i += 3) thirds[i / 3] = a + i * a_row;
  for (index_t left = g.k; left > 0; left -= g.a_run) {
    for (index_t p = left < g.a_run ? left : g.a_run; p > 0; --p, b += b_row, ahead.line += ahead.step) {
      if constexpr (NV == kNV) __builtin_prefetch(ahead.line, 0, 2);
      Vec<T> b_p[NV];
      for (int j = 0; j < NV; ++j) b_p[j] = load(b + vector_offset<T>(j, b_panel));
#pragma GCC unroll 12
      for (int i = 0; i < MR; ++i) {
        const Vec<T> a_ip = broadcast(thirds[i / 3][i % 3 * a_row]);
        for (int j = 0; j < NV; ++j) acc[i][j] = fma(a_ip, b_p[j], acc[i][j]);
      }
      for (const T*& row_of_three : thirds) row_of_three += a_col;
    }
    for (const T*& row_of_three : thirds) row_of_three += g.a_jump;
  }

  const auto each = [&](auto finish) {
#pragma GCC unroll 12
    for (int i = 0; i < MR; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < NV; ++j) {
        const index_t at = i * out_row + vector_offset<T>(j, out_panel);
        store(out + at, finish(acc[i][j], at));
      }
  };
  const T scale = g.scale;
  const T* other = g.other + (c - g.c);
  switch (g.finish) {
    case Finish::kScale: each([=](Vec<T> sum, index_t) { return sum * scale; }); break;
    case Finish::kRelu: each([=](Vec<T> sum, index_t) { return sum <= T(0) ? Vec<T>{} : sum; }); break;
    case Finish::kReluBackward:
      each([=](Vec<T> sum, index_t at) { return load(other + at) <= T(0) ? Vec<T>{} : sum; });
      break;
    case Finish::kDescend:
      each([=](Vec<T> sum, index_t at) { return fma(broadcast(-scale), sum, load(out + at)); });
      break;
  }
  if (!whole) copy_block(MR, columns, edge, width, c, g.c_row);
}

template <class T>
using Tile = void (*)(const Gemm<T>&, index_t row, const T* b, T* c, index_t columns, Ahead);

/// The tile with exactly this many rows: no row of zeros is ever multiplied.
template <class T, int NV, int MR = kTileRows<NV>>
DEEPNET_INLINE Tile<T> tile_with_rows(index_t rows) {
  if constexpr (MR > 1)
    if (rows < MR) return tile_with_rows<T, NV, MR - 1>(rows);
  return &gemm_tile<T, MR, NV>;
}

/// The narrowest width that holds this many columns: all of kNV vectors, or three, two or one quarters of them.
template <class T, int Quarters = 4, class Use>
DEEPNET_INLINE void with_width(index_t columns, Use use) {
  constexpr int NV = kNV * Quarters / 4;
  if constexpr (Quarters > 1)
    if (columns <= (NV - kNV / 4) * kLanes<T>) return with_width<T, Quarters - 1>(columns, use);
  use.template operator()<NV>();
}

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
  constexpr index_t widest = kNV * kLanes<T>;
  // The transpose of W is read across its rows: strides of a power of two throw one another out of the cache
  // (139 against 161 GFLOP/s at 504 x 256 x 512), so each group of its rows is copied once for all panels.
  const bool copy = whole.a_col != 1 && whole.n > 2 * kPanel<T>;
  const index_t last_panel = (whole.n - 1) / kPanel<T> * kPanel<T>;
  alignas(kVectorBytes) T block[kRowGroup * kDepth<T>];
  const char *next = static_cast<const char*>(whole.next), *next_end = next + whole.next_bytes;
  for (index_t group = 0; group < whole.m; group += kRowGroup) {
    Gemm<T> g = whole;
    g.m = whole.m - group < kRowGroup ? whole.m - group : kRowGroup;
    g.a += group * g.a_row;
    if (g.bias) g.bias += group;
    if (copy) {
      pack_rows(g, block);
      g.a = block;
      g.a_row = 1;
      g.a_col = kRowGroup;
    }
    for (index_t column = 0, columns = 0; column < g.n; column += columns) {
      columns = g.n - column < widest ? g.n - column : widest;
      const T* b = g.b + column / kPanel<T> * g.b_panel + column % kPanel<T>;
      if (g.b_last) {  // lies apart, so no tile may reach into it from the panel before
        if (column < last_panel && column + columns > last_panel) columns = last_panel - column;
        if (column >= last_panel) {
          b = g.b_last + (column - last_panel);
          g.b_row = kPanel<T>;
        }
      }
      T* c = g.c + column / kPanel<T> * g.c_panel + column % kPanel<T> + group * g.c_row;
      with_width<T>(columns, [&]<int NV>() {
        for (index_t row = 0; row < g.m;) {
          const index_t left = g.m - row, tiles = (left + kTileRows<NV> - 1) / kTileRows<NV>, rows = left / tiles;
          const Ahead ahead = next < next_end ? Ahead{next, 64} : Ahead{reinterpret_cast<const char*>(b), 0};
          next += 64 * g.k;
          tile_with_rows<T, NV>(rows)(g, row, b, c, columns, ahead);
          row += rows;
        }
      });
    }
  }
}

}  // namespace deepnet::DEEPNET_ISA
