// Which instruction set runs: chosen once per process, the best the CPU has, or the one DEEPNET_ISA names.
#pragma once

#include <span>

#include "kernels/kernels.h"

namespace deepnet {

struct Isa {
  const char* name;
  bool (*cpu_has)();
  const Kernels<float>* f32;
  const Kernels<double>* f64;
};

/// Every table in this binary, best first.
std::span<const Isa> built_isas();

/// Throws std::runtime_error if this CPU does not have the one of DEEPNET_ISA, or none of the built ones.
const Isa& chosen_isa();

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
