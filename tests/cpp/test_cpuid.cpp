// The check of the processor, beside that of GCC and on invented answers of CPUID and XGETBV.
#include "runtime/cpuid.h"

#include <initializer_list>

#include "doctest/doctest.h"

using deepnet::CpuFeatures;
using deepnet::CpuidRegisters;

namespace {

/// A processor with all that is asked for, under a system that saves all of its registers.
CpuidRegisters everything() {
  CpuidRegisters r;
  for (uint32_t CpuidRegisters::* word :
       {&CpuidRegisters::leaf1_ecx, &CpuidRegisters::leaf7_ebx, &CpuidRegisters::leaf7_edx,
        &CpuidRegisters::leaf7_1_eax, &CpuidRegisters::extended1_ecx, &CpuidRegisters::xcr0})
    r.*word = ~uint32_t{0};
  return r;
}

/// What is left of everything() without each of these bits alone.
void check_without(uint32_t CpuidRegisters::* word, std::initializer_list<int> bits, const CpuFeatures& left) {
  for (const int bit : bits) {
    CAPTURE(bit);
    CpuidRegisters r = everything();
    r.*word &= ~(uint32_t{1} << bit);
    const CpuFeatures f = deepnet::features_of(r);
    CHECK(f.x86_64_v2 == left.x86_64_v2);
    CHECK(f.x86_64_v3 == left.x86_64_v3);
    CHECK(f.x86_64_v4 == left.x86_64_v4);
    CHECK(f.avx512_bf16 == left.avx512_bf16);
    CHECK(f.avx512_fp16 == left.avx512_fp16);
    CHECK(f.amx_bf16 == left.amx_bf16);
  }
}

constexpr CpuFeatures kAll{.x86_64_v2 = true,
                           .x86_64_v3 = true,
                           .x86_64_v4 = true,
                           .avx512_bf16 = true,
                           .avx512_fp16 = true,
                           .amx_bf16 = true,
                           .made_by_intel = false};

CpuFeatures all_but(std::initializer_list<bool CpuFeatures::*> missing) {
  CpuFeatures f = kAll;
  for (bool CpuFeatures::* one : missing) f.*one = false;
  return f;
}

}  // namespace

TEST_SUITE_BEGIN("runtime");

TEST_CASE("each instruction that a level contains is asked for, and what the system saves") {
  const CpuFeatures no_v4 = all_but({&CpuFeatures::x86_64_v4, &CpuFeatures::avx512_bf16, &CpuFeatures::avx512_fp16});
  CpuFeatures no_v3 = no_v4, no_v2 = no_v4;
  no_v3.x86_64_v3 = no_v2.x86_64_v3 = no_v2.x86_64_v2 = false;

  check_without(&CpuidRegisters::leaf1_ecx, {2, 18, 31}, kAll);  // nothing of ours
  // SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT; LAHF
  check_without(&CpuidRegisters::leaf1_ecx, {0, 9, 13, 19, 20, 23}, no_v2);
  check_without(&CpuidRegisters::extended1_ecx, {0}, no_v2);
  // FMA, MOVBE, AVX, F16C; BMI1, AVX2, BMI2; LZCNT
  check_without(&CpuidRegisters::leaf1_ecx, {12, 22, 28, 29}, no_v3);
  check_without(&CpuidRegisters::leaf7_ebx, {3, 5, 8}, no_v3);
  check_without(&CpuidRegisters::extended1_ecx, {5}, no_v3);
  // AVX512F, DQ, CD, BW, VL
  check_without(&CpuidRegisters::leaf7_ebx, {16, 17, 28, 30, 31}, no_v4);
  // AVX512_BF16, AVX512_FP16, AMX_BF16, AMX_TILE
  check_without(&CpuidRegisters::leaf7_1_eax, {5}, all_but({&CpuFeatures::avx512_bf16}));
  check_without(&CpuidRegisters::leaf7_edx, {23}, all_but({&CpuFeatures::avx512_fp16}));
  check_without(&CpuidRegisters::leaf7_edx, {22, 24}, all_but({&CpuFeatures::amx_bf16}));
  // xmm and ymm; k0 to k7 and zmm; tiles
  check_without(&CpuidRegisters::xcr0, {1, 2}, no_v3);
  check_without(&CpuidRegisters::xcr0, {5, 6, 7}, no_v4);
  check_without(&CpuidRegisters::xcr0, {17, 18}, all_but({&CpuFeatures::amx_bf16}));
  // Without OSXSAVE, XCR0 means nothing.
  CpuFeatures no_xsave = no_v3;
  no_xsave.amx_bf16 = false;
  check_without(&CpuidRegisters::leaf1_ecx, {27}, no_xsave);
}

TEST_CASE("a processor that answers nothing has nothing; Intel's are known by their twelve letters") {
  const CpuFeatures nothing = deepnet::features_of({});
  CHECK(!(nothing.x86_64_v2 || nothing.avx512_bf16 || nothing.amx_bf16 || nothing.made_by_intel));
  CHECK(deepnet::features_of({.vendor_ebx = 0x756e6547, .vendor_edx = 0x49656e69, .vendor_ecx = 0x6c65746e})
            .made_by_intel);
  CHECK(!deepnet::features_of({.vendor_ebx = 0x68747541, .vendor_edx = 0x69746e65, .vendor_ecx = 0x444d4163})
             .made_by_intel);
}

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
TEST_CASE("this processor has what GCC's library finds") {
  if (!__builtin_cpu_is("intel") && !__builtin_cpu_is("amd")) return;  // of others, such as Hygon's, it says nothing
  const CpuFeatures& f = deepnet::cpu_features();
  CHECK(f.x86_64_v2 == (__builtin_cpu_supports("x86-64-v2") != 0));
  CHECK(f.x86_64_v3 == (__builtin_cpu_supports("x86-64-v3") != 0));
  CHECK(f.x86_64_v4 == (__builtin_cpu_supports("x86-64-v4") != 0));
  CHECK(f.avx512_bf16 == (__builtin_cpu_supports("avx512bf16") != 0));
  CHECK(f.avx512_fp16 == (__builtin_cpu_supports("avx512fp16") != 0));
  CHECK(f.amx_bf16 == (__builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16")));
  CHECK(f.made_by_intel == (__builtin_cpu_is("intel") != 0));
}
#endif

TEST_SUITE_END();
