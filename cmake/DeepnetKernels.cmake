# The one list of instruction sets. Each row compiles cpp/kernels/table.cpp again, in its own namespace, with its flags
# and the CPU check that must hold before any of it runs. Best first; the last row runs wherever deepnet does.

# With a sanitizer most of the time goes into its checks, so kernels need not take long to compile.
set(DEEPNET_KERNEL_OPTIMISATION -O3)
if(DEEPNET_SANITIZE)
  set(DEEPNET_KERNEL_OPTIMISATION -O1)
endif()

set(DEEPNET_ISA_DECLARATIONS "")
set(DEEPNET_ISA_ROWS "")

# deepnet_add_kernels(<name> CPU <what __builtin_cpu_supports is asked, or ANY> FLAGS <compiler flags>...)
macro(deepnet_add_kernels isa)
  cmake_parse_arguments(ROW "" "CPU" "FLAGS" ${ARGN})
  add_library(deepnet_${isa} OBJECT cpp/kernels/table.cpp)
  target_include_directories(deepnet_${isa} PRIVATE cpp)
  target_compile_definitions(deepnet_${isa} PRIVATE DEEPNET_ISA=${isa})
  # -Wno-psabi: vectors pass between inlined functions only, so their ABI is moot.
  target_compile_options(deepnet_${isa} PRIVATE ${DEEPNET_KERNEL_OPTIMISATION} -fno-math-errno -fno-trapping-math -Wno-psabi ${ROW_FLAGS})
  set_target_properties(deepnet_${isa} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_sources(deepnet PRIVATE $<TARGET_OBJECTS:deepnet_${isa}>)
  if(ROW_CPU STREQUAL "ANY")
    set(ROW_CHECK "true")
  else()
    set(ROW_CHECK "__builtin_cpu_supports(\"${ROW_CPU}\") != 0")
  endif()
  string(APPEND DEEPNET_ISA_DECLARATIONS
         "namespace deepnet::${isa} {\nextern const Kernels<float> f32;\nextern const Kernels<double> f64;\n}\n")
  string(APPEND DEEPNET_ISA_ROWS
         "    {\"${isa}\", [] { return ${ROW_CHECK}; }, &${isa}::f32, &${isa}::f64},\n")
endmacro()

# Sanitizers need fewer sets: the address sanitizer the widest and the narrowest vectors, since the source is one; the
# thread sanitizer only one set, since threads share data in the same way with each.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  if(NOT DEEPNET_SANITIZE STREQUAL "thread")
    deepnet_add_kernels(avx512 CPU x86-64-v4 FLAGS -march=x86-64-v4 -mprefer-vector-width=512)
  endif()
  if(NOT DEEPNET_SANITIZE)
    deepnet_add_kernels(avx2 CPU x86-64-v3 FLAGS -march=x86-64-v3)
  endif()
  deepnet_add_kernels(baseline CPU x86-64-v2 FLAGS -march=x86-64-v2)
else()
  deepnet_add_kernels(baseline CPU ANY)
endif()

configure_file(cmake/isa_rows.h.in isa_rows.h @ONLY)
