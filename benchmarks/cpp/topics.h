// The topics of the C++ benchmarks. Each registers its benchmarks under names such as
// gemm/forward/512x256x512/f32/avx512.
#pragma once

#include <string>
#include <string_view>

void add_gemm_benchmarks();
void add_gemm_panels_benchmarks();
void add_pack_benchmarks();
void add_activation_benchmarks();
void add_net_benchmarks();
void add_engine_benchmarks();
void add_pool_benchmarks();

template <class T>
constexpr const char* kTypeName = sizeof(T) == 4 ? "f32" : "f64";

/// topic/what/type/isa
template <class T>
std::string benchmark_name(std::string_view topic, const std::string& what, std::string_view isa) {
  return std::string(topic) + "/" + what + "/" + kTypeName<T> + "/" + std::string(isa);
}
