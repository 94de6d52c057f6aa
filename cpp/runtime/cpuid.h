// What an x86-64 processor can do, by its instructions CPUID and XGETBV. __builtin_cpu_supports would need the
// compiler's library to ask first, which that of Zig does not.
#pragma once

#include <cstdint>

namespace deepnet {

/// The registers that CPUID and XGETBV return, named as in the manuals of Intel and AMD. A register is 0 if the
/// processor does not have its leaf, and on processors other than x86-64.
struct CpuidRegisters {
  uint32_t vendor_ebx = 0, vendor_edx = 0, vendor_ecx = 0;  // leaf 0: 12 letters
  uint32_t leaf1_ecx = 0;
  uint32_t leaf7_ebx = 0, leaf7_edx = 0;
  uint32_t leaf7_1_eax = 0;    // subleaf 1
  uint32_t extended1_ecx = 0;  // leaf 0x80000001
  uint32_t xcr0 = 0;           // what the operating system saves when it changes threads
};

CpuidRegisters read_cpuid();

/// Instructions whose registers the operating system saves as well. The first three are the levels of the psABI for
/// x86-64, which -march=x86-64-v2 and so on name; each contains those before it.
struct CpuFeatures {
  bool x86_64_v2, x86_64_v3, x86_64_v4;
  bool avx512_bf16, avx512_fp16;
  bool amx_bf16;  // tiles, and products of bfloat16 in them
  bool made_by_intel;
};

CpuFeatures features_of(const CpuidRegisters& cpuid);

/// Of the processor that this runs on.
const CpuFeatures& cpu_features() noexcept;

}  // namespace deepnet
