// Which instruction set runs: chosen once per process, the best the CPU has, or the one DEEPNET_ISA names.
#pragma once

#include <array>
#include <span>

#include "kernels/kernels.h"

namespace deepnet {

struct Isa {
  const char* name;
  bool (*cpu_has)();
  const Kernels<float>* f32;
  const Kernels<double>* f64;
  const Bfloat16Kernels* bf16;  // the portable way
};

/// Instructions that multiply bfloat16, used beside all other kernels of one Isa.
struct Bfloat16Way {
  const char *name, *beside;
  bool (*cpu_has)();
  const Bfloat16Kernels* kernels;
};

/// Every table in this binary, best first.
std::span<const Isa> built_isas();

/// Throws std::runtime_error if this CPU does not have the one of DEEPNET_ISA, or none of the built ones.
const Isa& chosen_isa();

/// All ways in this binary, best first; the portable one of each Isa is not among them.
std::span<const Bfloat16Way> built_bfloat16_ways();

/// The name of the way that products of bfloat16 take: the best that the CPU has and the system permits, or the one of
/// DEEPNET_ISA; "portable" with that of another instruction set. Asks the system for nothing.
const char* bfloat16_way();

/// Its kernels. The first call asks the system for the use of tiles, which holds for the whole process; where the
/// system refuses, another way is taken. Throws std::runtime_error as chosen_isa does.
const Bfloat16Kernels& bfloat16_kernels();

template <class T>
const Kernels<T>& kernels_of(const Isa& isa);
template <>
inline const Kernels<float>& kernels_of<float>(const Isa& isa) {
  return *isa.f32;
}
template <>
inline const Kernels<double>& kernels_of<double>(const Isa& isa) {
  return *isa.f64;
}

template <class T>
const Kernels<T>& kernels() {
  return kernels_of<T>(chosen_isa());
}

}  // namespace deepnet
