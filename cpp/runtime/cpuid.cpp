#include "runtime/cpuid.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace deepnet {

namespace {

constexpr uint32_t bits(auto... numbers) { return ((uint32_t{1} << numbers) | ...); }
constexpr bool has(uint32_t word, uint32_t wanted) { return (word & wanted) == wanted; }

// leaf 1, ecx
constexpr uint32_t kSse3 = bits(0), kSsse3 = bits(9), kFma = bits(12), kCmpxchg16b = bits(13), kSse41 = bits(19),
                   kSse42 = bits(20), kMovbe = bits(22), kPopcnt = bits(23), kOsxsave = bits(27), kAvx = bits(28),
                   kF16c = bits(29);
// leaf 7, ebx and edx; subleaf 1, eax
constexpr uint32_t kBmi1 = bits(3), kAvx2 = bits(5), kBmi2 = bits(8), kAvx512f = bits(16), kAvx512dq = bits(17),
                   kAvx512cd = bits(28), kAvx512bw = bits(30), kAvx512vl = bits(31);
constexpr uint32_t kAmxBf16 = bits(22), kAvx512Fp16 = bits(23), kAmxTile = bits(24);
constexpr uint32_t kAvx512Bf16 = bits(5);
// leaf 0x80000001, ecx
constexpr uint32_t kLahf = bits(0), kLzcnt = bits(5);
// XCR0: xmm and ymm; the same, the masks, the upper halves of zmm0 to zmm15, and zmm16 to zmm31; how tiles are shaped,
// and their data
constexpr uint32_t kSavesAvx = bits(1, 2), kSavesAvx512 = bits(1, 2, 5, 6, 7), kSavesTiles = bits(17, 18);

}  // namespace

CpuidRegisters read_cpuid() {
  CpuidRegisters r;
#if defined(__x86_64__)
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0, subleaves = 0;
  __get_cpuid(0, &eax, &r.vendor_ebx, &r.vendor_ecx, &r.vendor_edx);
  __get_cpuid(1, &eax, &ebx, &r.leaf1_ecx, &edx);
  __get_cpuid_count(7, 0, &subleaves, &r.leaf7_ebx, &ecx, &r.leaf7_edx);
  if (subleaves >= 1) __get_cpuid_count(7, 1, &r.leaf7_1_eax, &ebx, &ecx, &edx);
  __get_cpuid(0x80000001, &eax, &ebx, &r.extended1_ecx, &edx);
  // OSXSAVE: the system has turned XGETBV on.
  if (has(r.leaf1_ecx, kOsxsave)) __asm__("xgetbv" : "=a"(r.xcr0), "=d"(edx) : "c"(0));
#if defined(__APPLE__)  // saves the registers of AVX-512 from their first use in a thread on, and says so only then
  if (has(r.xcr0, kSavesAvx)) r.xcr0 |= kSavesAvx512;
#endif
#endif
  return r;
}

CpuFeatures features_of(const CpuidRegisters& r) {
  CpuFeatures f{};
  f.x86_64_v2 =
      has(r.leaf1_ecx, kSse3 | kSsse3 | kCmpxchg16b | kSse41 | kSse42 | kPopcnt) && has(r.extended1_ecx, kLahf);
  f.x86_64_v3 = f.x86_64_v2 && has(r.leaf1_ecx, kFma | kMovbe | kOsxsave | kAvx | kF16c) && has(r.xcr0, kSavesAvx) &&
                has(r.leaf7_ebx, kBmi1 | kAvx2 | kBmi2) && has(r.extended1_ecx, kLzcnt);
  f.x86_64_v4 = f.x86_64_v3 && has(r.xcr0, kSavesAvx512) &&
                has(r.leaf7_ebx, kAvx512f | kAvx512dq | kAvx512cd | kAvx512bw | kAvx512vl);
  f.avx512_bf16 = f.x86_64_v4 && has(r.leaf7_1_eax, kAvx512Bf16);
  f.avx512_fp16 = f.x86_64_v4 && has(r.leaf7_edx, kAvx512Fp16);
  f.amx_bf16 = has(r.leaf1_ecx, kOsxsave) && has(r.xcr0, kSavesTiles) && has(r.leaf7_edx, kAmxTile | kAmxBf16);
  constexpr uint32_t genu = 0x756e6547, inei = 0x49656e69, ntel = 0x6c65746e;  // "GenuineIntel"
  f.made_by_intel = r.vendor_ebx == genu && r.vendor_edx == inei && r.vendor_ecx == ntel;
  return f;
}

const CpuFeatures& cpu_features() noexcept {
  static const CpuFeatures found = features_of(read_cpuid());
  return found;
}

}  // namespace deepnet
