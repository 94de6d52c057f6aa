// The only file that depends on the width of a vector. All other code is plain arithmetic on Vec<T>.
//
// A Vec<T> is a GCC/Clang vector: + - * / compare and ?: work on it lane by lane, and the same source becomes
// AVX-512, AVX2, SSE or NEON code. Compiled once per instruction set, inside that set's own namespace.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#if defined(__aarch64__)  // for fma() and root() alone
#include <arm_neon.h>
#else
#include <immintrin.h>
#endif

#define DEEPNET_INLINE inline __attribute__((always_inline))

namespace deepnet::DEEPNET_ISA {

using index_t = ptrdiff_t;

#if defined(__AVX512F__) || defined(DEEPNET_WIDE)  // the preset "wide": the layout of AVX-512, on processors without it
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T>
struct VecTypes;

template <>
struct VecTypes<float> {
  typedef float Vec __attribute__((vector_size(kVectorBytes)));
  typedef float Unaligned __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
  typedef int32_t Int __attribute__((vector_size(kVectorBytes)));
  typedef int32_t Bits;
};

template <>
struct VecTypes<double> {
  typedef double Vec __attribute__((vector_size(kVectorBytes)));
  typedef double Unaligned __attribute__((vector_size(kVectorBytes), aligned(8), may_alias));
  typedef int64_t Int __attribute__((vector_size(kVectorBytes)));
  typedef int64_t Bits;
};

template <class T>
using Vec = typename VecTypes<T>::Vec;

template <class T>
using IntVec = typename VecTypes<T>::Int;

template <class T>
constexpr index_t kLanes = kVectorBytes / index_t(sizeof(T));

template <class T>
DEEPNET_INLINE Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename VecTypes<T>::Unaligned*>(p);
}

template <class T>
DEEPNET_INLINE void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename VecTypes<T>::Unaligned*>(p) = v;
}

/// Copies count < 2 * kRun elements in runs of fixed length: kRun if there are so many, then half of it, and so on. Of
/// a loop, GCC makes a call of memcpy.
template <class T, index_t kRun>
DEEPNET_INLINE void copy_runs(const T* from, index_t count, T* to) {
  if (count & kRun) {
    memcpy(to, from, kRun * sizeof(T));
    from += kRun;
    to += kRun;
  }
  if constexpr (kRun > 1) copy_runs<T, kRun / 2>(from, count, to);
}

#if defined(__AVX2__)
/// From kMask[lanes - count] on: all bits of the first `count` lanes.
template <class T>
constexpr typename VecTypes<T>::Bits kMask[64 / sizeof(T)] = {};
template <>
constexpr int32_t kMask<float>[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
template <>
constexpr int64_t kMask<double>[8] = {-1, -1, -1, -1};
#endif

/// The first `count` < lanes elements, then zeros. Does not read beyond p[count - 1].
template <class T>
DEEPNET_INLINE Vec<T> load_first(const T* p, index_t count) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return _mm512_maskz_loadu_ps(__mmask16((1u << count) - 1), p);
  else
    return _mm512_maskz_loadu_pd(__mmask8((1u << count) - 1), p);
#elif defined(__AVX2__) && !defined(DEEPNET_WIDE)
  const __m256i mask = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMask<T> + kLanes<T> - count));
  if constexpr (sizeof(T) == 4)
    return _mm256_maskload_ps(p, mask);
  else
    return _mm256_maskload_pd(p, mask);
#else
  alignas(kVectorBytes) T lanes[kLanes<T>] = {};
  copy_runs<T, kLanes<T> / 2>(p, count, lanes);
  return load(lanes);
#endif
}

template <class T>
DEEPNET_INLINE void store_first(T* p, Vec<T> v, index_t count) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    _mm512_mask_storeu_ps(p, __mmask16((1u << count) - 1), v);
  else
    _mm512_mask_storeu_pd(p, __mmask8((1u << count) - 1), v);
#else
  alignas(kVectorBytes) T lanes[kLanes<T>];
  store(lanes, v);
  copy_runs<T, kLanes<T> / 2>(lanes, count, p);
#endif
}

/// The first `count` lanes of v, zeros behind them.
template <class V>
DEEPNET_INLINE V first_lanes(V v, index_t count) {
  for (index_t i = count; i < index_t(sizeof v / sizeof v[0]); ++i) v[i] = 0;
  return v;
}

/// x in every lane. Written as x - 0, which is exact for every x and which GCC turns into one broadcast from memory.
/// x + 0 loses the sign of -0, so GCC adds first, which slows the micro-kernel down by 5 to 8 %.
template <class T>
DEEPNET_INLINE Vec<T> broadcast(T x) {
  return x - Vec<T>{};
}

/// |x|, as a mask over the sign bits: one instruction, where `x < 0 ? -x : x` takes three.
template <class T>
DEEPNET_INLINE Vec<T> abs(Vec<T> x) {
  using Bits = typename VecTypes<T>::Bits;
  return reinterpret_cast<Vec<T>>(reinterpret_cast<IntVec<T>>(x) & ~(Bits(1) << (8 * sizeof(T) - 1)));
}

/// |x| with the sign of y.
template <class T>
DEEPNET_INLINE Vec<T> with_sign(Vec<T> x, Vec<T> y) {
  using Bits = typename VecTypes<T>::Bits;
  constexpr Bits sign = Bits(1) << (8 * sizeof(T) - 1);
  return reinterpret_cast<Vec<T>>((reinterpret_cast<IntVec<T>>(x) & ~sign) | (reinterpret_cast<IntVec<T>>(y) & sign));
}

/// Training stores no smaller number but 0: 2^-119 or 2^-1015, a power of two so that a mask of the exponent's bits
/// decides. Far enough above the smallest normal number that what decays step by step gets here without having been
/// subnormal.
template <class T>
constexpr T kFlushBelow = sizeof(T) == 4 ? T(0x1p-119) : T(0x1p-1015);

/// x, or 0 where |x| < kFlushBelow. Each multiplication, division or root of a vector that reads or makes a subnormal
/// number takes an x86 core some 100 cycles instead of 1 (additions and comparisons do not, nor does underflow to 0),
/// and the moments of a unit that died stay subnormal forever. A mask, instead of the processor's flush-to-zero mode:
/// AArch64 flushes before rounding and x86 after it, so bits would differ, and the mode belongs to the caller's thread.
template <class T>
DEEPNET_INLINE Vec<T> flush(Vec<T> x) {
  using Bits = typename VecTypes<T>::Bits;
  constexpr Bits upper_exponent = sizeof(T) == 4 ? Bits(0x7c000000) : Bits(0x7f80000000000000);  // without 3 bits
#if defined(__AVX512F__)  // two instructions, of which GCC 12 would make three
  if constexpr (sizeof(T) == 4)
    return _mm512_maskz_mov_ps(_mm512_test_epi32_mask(__m512i(x), _mm512_set1_epi32(upper_exponent)), x);
  else
    return _mm512_maskz_mov_pd(_mm512_test_epi64_mask(__m512i(x), _mm512_set1_epi64(upper_exponent)), x);
#endif
  return (reinterpret_cast<IntVec<T>>(x) & upper_exponent) == 0 ? Vec<T>{} : x;
}

/// fma(a, b, c) = a * b + c, rounded once where the instruction set can. The compiler fuses nothing else
/// (-ffp-contract=off), so that results depend on the source only: which operations GCC would fuse changes even with a
/// sanitizer's checks. root(x): the square root, correctly rounded.
#if defined(__AVX512F__)
DEEPNET_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) { return _mm512_fmadd_ps(a, b, c); }
DEEPNET_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) { return _mm512_fmadd_pd(a, b, c); }
// With a full mask it is the same instruction as _mm512_sqrt_ps, in whose header GCC 12 warns of an uninitialized
// variable.
DEEPNET_INLINE Vec<float> root(Vec<float> x) { return _mm512_maskz_sqrt_ps(0xffff, x); }
DEEPNET_INLINE Vec<double> root(Vec<double> x) { return _mm512_maskz_sqrt_pd(0xff, x); }
#elif defined(DEEPNET_WIDE)
template <class V>
DEEPNET_INLINE V fma(V a, V b, V c) {
  for (size_t i = 0; i < sizeof a / sizeof a[0]; ++i)
    a[i] = sizeof a[0] == 4 ? __builtin_fmaf(a[i], b[i], c[i]) : __builtin_fma(a[i], b[i], c[i]);
  return a;
}
template <class V>
DEEPNET_INLINE V root(V x) {
  for (size_t i = 0; i < sizeof x / sizeof x[0]; ++i)
    x[i] = sizeof x[0] == 4 ? __builtin_sqrtf(x[i]) : __builtin_sqrt(x[i]);
  return x;
}
#elif defined(__AVX2__)
DEEPNET_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) { return _mm256_fmadd_ps(a, b, c); }
DEEPNET_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) { return _mm256_fmadd_pd(a, b, c); }
DEEPNET_INLINE Vec<float> root(Vec<float> x) { return _mm256_sqrt_ps(x); }
DEEPNET_INLINE Vec<double> root(Vec<double> x) { return _mm256_sqrt_pd(x); }
#elif defined(__aarch64__)
DEEPNET_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) { return vfmaq_f32(c, a, b); }
DEEPNET_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) { return vfmaq_f64(c, a, b); }
DEEPNET_INLINE Vec<float> root(Vec<float> x) { return vsqrtq_f32(x); }
DEEPNET_INLINE Vec<double> root(Vec<double> x) { return vsqrtq_f64(x); }
#else
template <class V>
DEEPNET_INLINE V fma(V a, V b, V c) {
  return a * b + c;
}
DEEPNET_INLINE Vec<float> root(Vec<float> x) { return _mm_sqrt_ps(x); }
DEEPNET_INLINE Vec<double> root(Vec<double> x) { return _mm_sqrt_pd(x); }
#endif

}  // namespace deepnet::DEEPNET_ISA
