// The kernels of one x86 way to multiply bfloat16. Compiled once per such row of cmake/DeepnetKernels.cmake.
#include "kernels/bfloat16_x86.h"

namespace deepnet::DEEPNET_ISA {

extern const Bfloat16Kernels bf16;
constexpr Bfloat16Kernels bf16 = bfloat16_kernels<OwnWay>;

}  // namespace deepnet::DEEPNET_ISA
