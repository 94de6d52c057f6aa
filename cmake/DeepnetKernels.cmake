# The one list of instruction sets. Each row compiles cpp/kernels/table.cpp and functions_table.cpp again, in its own
# namespace, with its flags and the CPU check that must hold before any of it runs. Best first; the last row runs wherever
# deepnet does.

# With a sanitizer most of the time goes into its checks, so kernels need not take long to compile.
set(DEEPNET_KERNEL_OPTIMISATION -O3)
if(DEEPNET_SANITIZE)
  set(DEEPNET_KERNEL_OPTIMISATION -O1)
endif()

set(DEEPNET_ISA_DECLARATIONS "")
set(DEEPNET_ISA_ROWS "")
set(DEEPNET_BFLOAT16_ROWS "")
set(DEEPNET_BFLOAT16_COUNT 0)

# The inner loop of the widest tile takes 108 bytes with AVX2. Where it begins in the middle of a line of 64, it takes
# three lines, and a step of 64-256-256-1 3 to 4 % longer: whatever was compiled before it would decide.
set_source_files_properties(cpp/kernels/table.cpp PROPERTIES COMPILE_OPTIONS -falign-loops=64)

# Of activations, losses and optimizers, which are long chains, GCC interleaves several when it schedules instructions
# before it assigns registers, too. Clang and GCC for AArch64 do so by default.
set_source_files_properties(cpp/kernels/functions_table.cpp PROPERTIES COMPILE_OPTIONS
                            "$<$<CXX_COMPILER_ID:GNU>:-fschedule-insns;-fsched-pressure>")

function(deepnet_add_table isa sources)
  add_library(deepnet_${isa} OBJECT ${sources})
  target_include_directories(deepnet_${isa} PRIVATE cpp)
  target_compile_definitions(deepnet_${isa} PRIVATE DEEPNET_ISA=${isa})
  # -Wno-psabi: vectors pass between inlined functions only, so their ABI is moot.
  target_compile_options(deepnet_${isa} PRIVATE ${DEEPNET_KERNEL_OPTIMISATION} -fno-math-errno -fno-trapping-math -Wno-psabi ${ARGN})
  set_target_properties(deepnet_${isa} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_sources(deepnet PRIVATE $<TARGET_OBJECTS:deepnet_${isa}>)
endfunction()

# deepnet_add_kernels(<name> CPU <a member of CpuFeatures, or ANY> FLAGS <compiler flags>...)
macro(deepnet_add_kernels isa)
  cmake_parse_arguments(ROW "" "CPU" "FLAGS" ${ARGN})
  deepnet_add_table(${isa} "cpp/kernels/table.cpp;cpp/kernels/functions_table.cpp" ${ROW_FLAGS})
  if(ROW_CPU STREQUAL "ANY")
    set(ROW_CHECK "true")
  else()
    set(ROW_CHECK "cpu_features().${ROW_CPU}")
  endif()
  string(APPEND DEEPNET_ISA_DECLARATIONS
         "namespace deepnet::${isa} {\nextern const Kernels<float> f32;\nextern const Kernels<double> f64;\n"
         "extern const Bfloat16Kernels bf16;\n}\n")
  string(APPEND DEEPNET_ISA_ROWS
         "    {\"${isa}\", [] { return ${ROW_CHECK}; }, &${isa}::f32, &${isa}::f64, &${isa}::bf16},\n")
endmacro()

# deepnet_add_bfloat16(<name> BESIDE <the row of all other kernels> CPU <members of CpuFeatures>... FLAGS ...)
macro(deepnet_add_bfloat16 way)
  cmake_parse_arguments(ROW "" "BESIDE" "CPU;FLAGS" ${ARGN})
  deepnet_add_table(${way} cpp/kernels/bfloat16_table.cpp ${ROW_FLAGS})
  list(TRANSFORM ROW_CPU PREPEND "cpu_features().")
  list(JOIN ROW_CPU " && " ROW_CHECK)
  string(APPEND DEEPNET_ISA_DECLARATIONS "namespace deepnet::${way} {\nextern const Bfloat16Kernels bf16;\n}\n")
  string(APPEND DEEPNET_BFLOAT16_ROWS
         "    Bfloat16Way{\"${way}\", \"${ROW_BESIDE}\", [] { return ${ROW_CHECK}; }, &${way}::bf16},\n")
  math(EXPR DEEPNET_BFLOAT16_COUNT "${DEEPNET_BFLOAT16_COUNT} + 1")
endmacro()

# Sanitizers need fewer sets: the address sanitizer the widest and the narrowest vectors, since the source is one; the
# thread sanitizer only one set, since threads share data in the same way with each.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  if(DEEPNET_WIDE)
    deepnet_add_kernels(wide CPU x86_64_v3 FLAGS -march=x86-64-v3 -DDEEPNET_WIDE)
  elseif(NOT DEEPNET_SANITIZE STREQUAL "thread")
    deepnet_add_kernels(avx512 CPU x86_64_v4 FLAGS -march=x86-64-v4 -mprefer-vector-width=512)
    # Best first. Without them, and on other CPUs, the float32 kernels of each row multiply rounded numbers.
    set(DEEPNET_AVX512_BF16 -march=x86-64-v4 -mprefer-vector-width=512 -mavx512bf16)
    deepnet_add_bfloat16(amx BESIDE avx512 CPU avx512_bf16 amx_bf16
                         FLAGS ${DEEPNET_AVX512_BF16} -mamx-tile -mamx-bf16)
    deepnet_add_bfloat16(avx512_bf16 BESIDE avx512 CPU avx512_bf16 FLAGS ${DEEPNET_AVX512_BF16})
  endif()
  if(NOT DEEPNET_SANITIZE)
    deepnet_add_kernels(avx2 CPU x86_64_v3 FLAGS -march=x86-64-v3)
  endif()
  deepnet_add_kernels(baseline CPU x86_64_v2 FLAGS -march=x86-64-v2)
else()
  deepnet_add_kernels(baseline CPU ANY)
endif()

set(DEEPNET_BFLOAT16_WAYS
    "inline const std::array<Bfloat16Way, ${DEEPNET_BFLOAT16_COUNT}> kBfloat16Ways{\n${DEEPNET_BFLOAT16_ROWS}};\n")
configure_file(cmake/isa_rows.h.in isa_rows.h @ONLY)
