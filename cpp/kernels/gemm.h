// Matrix product: one micro-kernel, used by the forward pass and both halves of the backward pass.
//
// Layout. Examples (or, for the gradient of W, units before) run along the vectors. b is read as panels of kPanel
// columns, packed or in place; a is only ever read one scalar at a time and broadcast, so that W and its transpose
// differ in a_row and a_col alone.
//
// Order of loops. The columns of one tile (two panels of b, 128 KB of float at k = 512) stay in L2 while all rows of a
// stream past them, so a is read n / 64 times. Keeping a group of rows in L1 instead would read b m / 12 times. Where a
// lies beyond the caches, it is read once, in blocks of rows that stay in L2 for all columns.
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
#if defined(__aarch64__)
constexpr int kNV = 8, kSums = 24;
#else
constexpr int kNV = 4, kSums = kVectorBytes == 64 ? 24 : 12;
#endif
// How many steps of k the loop takes at once. A step of 12 multiply-adds leaves the processor little room for the loop
// itself. With 24, two steps were slower; and Clang has too few registers for them in tiles of 4 x 3 and 12 x 1.
#if defined(__clang__)
constexpr int kStepsAtOnce = 1;
#else
constexpr int kStepsAtOnce = kSums == 12 ? 2 : 1;
#endif
constexpr index_t kRowBlock = 8 * kRowGroup;  // of an a beyond the caches: up to 192 KB stay in L2 for all columns

template <int NV>
constexpr int kTileRows = kSums / NV < int(kRowGroup) ? kSums / NV : int(kRowGroup);

/// Prefetches the cache lines of a tile. A prefetch never faults, so the tile may lie behind the end of c.
template <class T, int MR, index_t width>
DEEPNET_INLINE void prefetch_for_write(const T* c, index_t c_row) {
  constexpr index_t line = 64 / index_t(sizeof(T));
  for (int i = 0; i < MR; ++i)
    for (index_t j = 0; j < width; j += line) __builtin_prefetch(c + i * c_row + j, 1);
}

/// Copies a rows x columns block. Not inlined: tiles that extend beyond c are rare, and inside the tile this code would
/// cost registers.
template <class T>
__attribute__((noinline)) void copy_block(index_t rows, index_t columns, const T* from, index_t from_row, T* to,
                                          index_t to_row) {
  for (index_t i = 0; i < rows; ++i, from += from_row, to += to_row) {
    index_t j = 0;
    for (; j + kLanes<T> <= columns; j += kLanes<T>) store(to + j, load(from + j));
    copy_runs<T, kLanes<T> / 2>(from + j, columns - j, to + j);
  }
}

/// Where vector j of a tile lies in b or c, from the tile's first column on, which is the first of a panel or lies with
/// the whole tile within one.
template <class T>
DEEPNET_INLINE index_t vector_offset(int j, index_t panel) {
  const index_t column = j * kLanes<T>;
  return column / kPanel<T> * panel + column % kPanel<T>;
}

/// The operands and the result of a column of tiles, one below the other. Not a changed copy of the Gemm: copying what
/// has just been written cost a store-forwarding stall per group of rows, 6 % of a step of 8-32-16-1.
template <class T>
struct TilePlace {
  const T* a;  // the first tile's first row
  index_t a_row, a_col;
  const T* b;
  index_t b_row;
  T* c;
  index_t tiles;
  index_t row, columns;  // the first row, and how many columns of the tiles exist
  const char* ahead;     // what will be read soon, ahead_run lines at a time, ahead_jump bytes more apart
  index_t ahead_run, ahead_jump;
};

/// One tile, `down` rows below the first: c[MR x NV vectors]. kFetch: each step of k also prefetches one cache line of
/// what is read next, for which the widest tile has loads to spare.
template <class T, int MR, int NV, bool kFetch>
DEEPNET_INLINE void gemm_tile(const Gemm<T>& g, const TilePlace<T>& place, index_t down) {
  constexpr index_t width = NV * kLanes<T>;
  const index_t columns = place.columns;
  const T* b = place.b;
  T* c = place.c + down * g.c.row;
  [[maybe_unused]] const char* ahead = place.ahead;
  if (g.prefetch.c) prefetch_for_write<T, MR, width>(c + kRowGroup * g.c.row, g.c.row);
  alignas(kVectorBytes) T edge[MR * width];  // takes the place of c where the tile extends beyond it
  const bool whole = columns >= width || g.c.padded;
  T* out = whole ? c : edge;
  const index_t out_row = whole ? g.c.row : width, out_panel = whole ? g.c.panel : kPanel<T>;

  Vec<T> acc[MR][NV] = {};
  if (g.start.accumulate) {
    const T* start = g.start.sums ? g.start.sums + (c - g.c.data) : c;
    if (!whole) {
      memset(edge, 0, sizeof edge);  // uninitialised memory may hold subnormal numbers, which are slow
      copy_block(MR, columns, start, g.c.row, edge, width);
      start = edge;
    }
#pragma GCC unroll 12
    for (int i = 0; i < MR; ++i)
      for (int j = 0; j < NV; ++j) acc[i][j] = load(start + i * out_row + vector_offset<T>(j, out_panel));
  } else if (g.start.bias) {
#pragma GCC unroll 12
    for (int i = 0; i < MR; ++i)
      for (int j = 0; j < NV; ++j) acc[i][j] = broadcast(g.start.bias[place.row + down + i]);
  }

  const index_t a_row = place.a_row, a_col = place.a_col, b_row = place.b_row, b_panel = g.b.panel;
  const T* thirds[(MR + 2) / 3];  // every third row has its pointer; x86 reaches the two between by scaled a_row
  for (int i = 0; i < MR; i += 3) thirds[i / 3] = place.a + (down + i) * a_row;
  const index_t run = kFetch && place.ahead_run < g.a.run ? place.ahead_run : g.a.run;
  for (index_t left = g.k; left > 0; left -= run) {
#pragma GCC unroll kStepsAtOnce
    for (index_t p = left < run ? left : run; p > 0; --p, b += b_row) {
      if constexpr (kFetch) {
        __builtin_prefetch(ahead, 0, 2);
        ahead += 64;
      }
      const auto a_p = [&](int i) { return broadcast(thirds[i / 3][i % 3 * a_row]); };
      const auto b_p = [&](int j) { return load(b + vector_offset<T>(j, b_panel)); };
      // The operand with fewer vectors stays in registers: beside 3 x 4 sums, there are four. With the four of b there,
      // Clang moved a sum to memory and back in each step of k.
      if constexpr (MR < NV) {
        Vec<T> a_ps[MR];
        for (int i = 0; i < MR; ++i) a_ps[i] = a_p(i);
        for (int j = 0; j < NV; ++j) {
          const Vec<T> b_pj = b_p(j);
          for (int i = 0; i < MR; ++i) acc[i][j] = fma(a_ps[i], b_pj, acc[i][j]);
        }
      } else {
        Vec<T> b_ps[NV];
        for (int j = 0; j < NV; ++j) b_ps[j] = b_p(j);
#pragma GCC unroll 12
        for (int i = 0; i < MR; ++i) {
          const Vec<T> a_pi = a_p(i);
          for (int j = 0; j < NV; ++j) acc[i][j] = fma(a_pi, b_ps[j], acc[i][j]);
        }
      }
      for (const T*& row_of_three : thirds) row_of_three += a_col;
    }
    for (const T*& row_of_three : thirds) row_of_three += g.a.jump;
    if constexpr (kFetch) ahead += place.ahead_jump;
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
  const T scale = g.epilogue.scale;
  const T* other = g.epilogue.other ? g.epilogue.other + (c - g.c.data) : nullptr;
  switch (g.epilogue.finish) {
    case Finish::kScale: each([=](Vec<T> sum, index_t) { return sum * scale; }); break;
    case Finish::kRelu: each([=](Vec<T> sum, index_t) { return sum < kFlushBelow<T> ? Vec<T>{} : sum; }); break;
    case Finish::kReluBackward:
      each([=](Vec<T> sum, index_t at) { return load(other + at) <= T(0) ? Vec<T>{} : flush<T>(sum * scale); });
      break;
    case Finish::kDescend:
      each([=](Vec<T> sum, index_t at) { return fma(broadcast(-scale), sum, load(out + at)); });
      break;
  }
  if (!whole) copy_block(MR, columns, edge, width, c, g.c.row);
}

/// A column of tiles. A call for each tile took up to a fifth of the time of a small network's products.
template <class T, int MR, int NV, bool kFetch>
void gemm_tiles(const Gemm<T>& g, const TilePlace<T>& place) {
  assert(!kFetch || place.tiles == 1);  // the others would fetch the same
  for (index_t tile = 0; tile < place.tiles; ++tile) gemm_tile<T, MR, NV, kFetch>(g, place, tile * MR);
}

template <class T>
using TileColumn = void (*)(const Gemm<T>&, const TilePlace<T>&);

/// Tiles with exactly this many rows: no row of zeros is ever multiplied.
template <class T, int NV, bool kFetch, int MR = kTileRows<NV>>
DEEPNET_INLINE TileColumn<T> tiles_with_rows(index_t rows) {
  if constexpr (MR > 1)
    if (rows < MR) return tiles_with_rows<T, NV, kFetch, MR - 1>(rows);
  return &gemm_tiles<T, MR, NV, kFetch>;
}

/// The narrowest width that holds this many columns: all of kNV vectors, or three, two or one quarters of them.
template <class T, int Quarters = 4, class Use>
DEEPNET_INLINE void with_width(index_t columns, Use use) {
  constexpr int NV = kNV * Quarters / 4;
  if constexpr (Quarters > 1)
    if (columns <= (NV - kNV / 4) * kLanes<T>) return with_width<T, Quarters - 1>(columns, use);
  use.template operator()<NV>();
}

/// `rows` rows of a as a k x kRowGroup block: each step of k in one cache line or two.
template <class T>
void pack_rows(const Gemm<T>& g, const T* a, index_t rows, T* block) {
  if (g.a.row == 1 && rows == kRowGroup) {
    for (index_t p = 0; p < g.k; ++p) memcpy(block + p * kRowGroup, a + p * g.a.col, kRowGroup * sizeof(T));
    return;
  }
  for (index_t p = 0; p < g.k; ++p)
    for (index_t i = 0; i < rows; ++i) block[p * kRowGroup + i] = a[p * g.a.col + i * g.a.row];
}

/// What the tiles of some columns prefetch: the rows of a behind them, or `bytes` for the columns that follow.
struct Fetch {
  const char* next;
  index_t bytes, run, jump, fetched;
  bool a = false;
};

/// Sets what the tile at place.a prefetches.
template <class T>
DEEPNET_INLINE bool place_ahead(const Gemm<T>& g, TilePlace<T>& place, index_t rows, const Fetch& fetch) {
  if (fetch.a) {
    place.ahead = reinterpret_cast<const char*>(place.a + rows * g.a.row);
    place.ahead_run = (g.k * index_t(sizeof(T)) + 63) / 64;
    place.ahead_jump = g.a.row * index_t(sizeof(T)) - place.ahead_run * 64;
    return true;
  }
  if (fetch.fetched >= fetch.bytes) return false;
  if (fetch.run < 64 * g.k) {  // whole runs, so that what the next tile fetches may begin within one
    place.ahead = fetch.next + fetch.fetched / fetch.run * (fetch.run + fetch.jump);
    place.ahead_run = fetch.run / 64;
    place.ahead_jump = fetch.jump;
    return true;
  }
  place.ahead = fetch.next + fetch.fetched + fetch.fetched / fetch.run * fetch.jump;
  place.ahead_run = PTRDIFF_MAX;
  place.ahead_jump = 0;
  return true;
}

/// The tiles of some rows, from `first` on, and the columns of one tile.
template <class T>
DEEPNET_INLINE void multiply_group(const Gemm<T>& g, TilePlace<T>& place, const T* a, index_t first, index_t rows,
                                   index_t column, Fetch& fetch) {
  T* c = g.c.data + column / kPanel<T> * g.c.panel + column % kPanel<T> + first * g.c.row;
  with_width<T>(place.columns, [&]<int NV>() {
    for (index_t row = 0; row < rows;) {
      const index_t left = rows - row, tiles = (left + kTileRows<NV> - 1) / kTileRows<NV>, tile_rows = left / tiles;
      place.a = a + row * place.a_row;
      place.c = c + row * g.c.row;
      place.row = first + row;
      if (NV == kNV && place_ahead(g, place, tile_rows, fetch)) {
        place.tiles = 1;
        tiles_with_rows<T, NV, NV == kNV>(tile_rows)(g, place);
      } else {
        place.tiles = tiles - left % tiles;  // the others have a row more
        tiles_with_rows<T, NV, false>(tile_rows)(g, place);
      }
      fetch.fetched += 64 * g.k * place.tiles;
      row += tile_rows * place.tiles;
    }
  });
}

/// How many columns from `column` on one tile takes, and where their b lies.
template <class T>
DEEPNET_INLINE void place_columns(const Gemm<T>& g, TilePlace<T>& place, index_t column) {
  constexpr index_t widest = kNV * kLanes<T>;
  const index_t last_panel = (g.n - 1) / kPanel<T> * kPanel<T>;
  place.columns = g.n - column < widest ? g.n - column : widest;
  place.b = g.b.data + column / kPanel<T> * g.b.panel + column % kPanel<T>;
  place.b_row = g.b.row;
  if (!g.b.last) return;  // the last panel lies elsewhere, so no tile may reach into it from the one before
  if (column < last_panel && column + place.columns > last_panel) place.columns = last_panel - column;
  if (column >= last_panel) {
    place.b = g.b.last + (column - last_panel);
    place.b_row = kPanel<T>;
  }
}

/// What the contract in kernels.h demands.
template <class T>
void check(const Gemm<T>& g) {
  [[maybe_unused]] const bool row_major = g.c.panel == kPanel<T>;
  [[maybe_unused]] const bool whole_lines = g.n * index_t(sizeof(T)) % 64 == 0;
  assert(g.m >= 0 && g.n >= 0 && g.k >= 0);
  assert(g.a.run > 0 && (g.a.run == PTRDIFF_MAX || g.a.col <= 2 * kPanel<T>));
  assert(g.a.col <= 2 * kPanel<T> || g.n <= 2 * kPanel<T> || g.k <= kDepth<T>);  // else rows of a are copied
  assert(whole_lines || g.c.padded || (row_major && g.epilogue.finish == Finish::kScale));
  assert(g.epilogue.finish != Finish::kReluBackward || g.epilogue.other);
  assert(g.prefetch.bytes == 0 || g.prefetch.next);
  assert(g.prefetch.run > 0);
}

template <class T>
void gemm(const Gemm<T>& g) {
  check(g);
  Fetch fetch{static_cast<const char*>(g.prefetch.next), g.prefetch.bytes, g.prefetch.run, g.prefetch.jump, 0};
  TilePlace<T> place;  // not cleared: GCC makes `rep stos` of it, which takes some 40 cycles to begin
  place.a_row = g.a.row;
  place.a_col = g.a.col;
  if (g.a.col <= 2 * kPanel<T> || g.n <= 2 * kPanel<T>) {
    const index_t block = g.prefetch.a ? kRowBlock : g.m;
    for (index_t start = 0; start < g.m; start += block)
      for (index_t column = 0; column < g.n; column += place.columns) {
        const index_t end = start + block < g.m ? start + block : g.m;
        place_columns(g, place, column);
        if (g.prefetch.b) {
          constexpr index_t panels = kNV * kLanes<T> / kPanel<T>, size = sizeof(T);
          const index_t run = g.k * g.b.row * size;
          fetch = {reinterpret_cast<const char*>(place.b + panels * g.b.panel), panels * run, run,
                   g.b.panel * size - run, 0};
        }
        fetch.a = g.prefetch.a && column == 0;  // for the other columns, the block is in L2: see docs/performance.md
        const bool fetches = fetch.a || fetch.fetched < fetch.bytes;  // then, tiles are placed one by one
        for (index_t first = start, rows = 0; first < end; first += rows) {
          rows = fetches && end - first > kRowGroup ? kRowGroup : end - first;
          multiply_group(g, place, g.a.data + first * g.a.row, first, rows, column, fetch);
        }
      }
    return;
  }
  // The transpose of W is read across its rows, where strides of a power of two evict each other from the cache (139
  // against 161 GFLOP/s at 504 x 256 x 512), so each group of its rows is copied once for all panels.
  alignas(kVectorBytes) T block[kRowGroup * kDepth<T>];
  for (index_t first = 0, rows = 0; first < g.m; first += rows) {
    rows = g.m - first < kRowGroup ? g.m - first : kRowGroup;
    pack_rows(g, g.a.data + first * g.a.row, rows, block);
    place.a_row = 1;
    place.a_col = kRowGroup;
    for (index_t column = 0; column < g.n; column += place.columns) {
      place_columns(g, place, column);
      multiply_group(g, place, block, first, rows, column, fetch);
    }
  }
}

}  // namespace deepnet::DEEPNET_ISA
