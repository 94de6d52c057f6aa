#include "runtime/dispatch.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "deepnet/config.h"
#include "isa_rows.h"
#include "runtime/cpuid.h"
#include "runtime/system.h"
#include "runtime/thread_pool.h"

namespace deepnet {

namespace {

std::string_view wanted_isa() {
  const char* wanted = std::getenv("DEEPNET_ISA");
  return wanted ? wanted : "";
}

/// Of all other kernels than those of the bfloat16 way.
const Isa& choose() {
  const std::string_view wanted = wanted_isa();
  std::string names;
  std::string_view beside;  // where the wanted one is a way to multiply bfloat16
  const auto fail = [&](const std::string& why) {
    throw std::runtime_error("DEEPNET_ISA is '" + std::string(wanted) + "', but this " + why);
  };
  for (const Bfloat16Way& way : kBfloat16Ways) {
    if (wanted == way.name && !way.cpu_has()) fail("CPU does not have it");
    if (wanted == way.name) beside = way.beside;
    names += std::string(way.name) + ", ";
  }
  for (const Isa& isa : kIsas) {
    const bool named = isa.name == wanted || isa.name == beside;
    if (named && !isa.cpu_has()) fail("CPU does not have it");
    if (named || (wanted.empty() && isa.cpu_has())) return isa;
    names += std::string(isa.name) + (&isa + 1 < std::end(kIsas) ? ", " : "");
  }
  if (!wanted.empty()) fail("build of deepnet has: " + names);
  throw std::runtime_error("this CPU has none of the instruction sets of this build of deepnet: " + names);
}

/// Intel's processors since Sapphire Rapids start a dot product of pairs every second cycle, but two multiply-adds in
/// each: half of the products of float32 kernels.
bool is_slow(const Bfloat16Way& way) {
  return way.name == std::string_view("avx512_bf16") && cpu_features().made_by_intel && cpu_features().avx512_fp16;
}

bool is_possible(const Bfloat16Way& way) {
  const std::string_view wanted = wanted_isa();
  return chosen_isa().name == std::string_view(way.beside) && (wanted.empty() ? !is_slow(way) : wanted == way.name) &&
         way.cpu_has();
}

std::atomic<bool> tiles_are_refused{false};

bool is_refused(const Bfloat16Way& way) { return tiles_are_refused && way.name == std::string_view("amx"); }

/// Null: the portable way.
const Bfloat16Way* way_of_bfloat16() {
  const auto found =
      std::ranges::find_if(kBfloat16Ways, [](const Bfloat16Way& way) { return is_possible(way) && !is_refused(way); });
  return found == kBfloat16Ways.end() ? nullptr : &*found;
}

const Bfloat16Kernels& choose_bfloat16() {
  const Bfloat16Way* way = way_of_bfloat16();
  if (way && way->name == std::string_view("amx") && !permits_tiles()) {
    tiles_are_refused = true;
    if (wanted_isa() == way->name) throw std::runtime_error("DEEPNET_ISA is 'amx', but the system does not permit it");
    way = way_of_bfloat16();
  }
  return way ? *way->kernels : *chosen_isa().bf16;
}

}  // namespace

std::span<const Isa> built_isas() { return kIsas; }

std::span<const Bfloat16Way> built_bfloat16_ways() { return kBfloat16Ways; }

const char* bfloat16_way() {
  const Bfloat16Way* way = way_of_bfloat16();
  return way ? way->name : "portable";
}

const Bfloat16Kernels& bfloat16_kernels() {
  static const Bfloat16Kernels& chosen = choose_bfloat16();
  return chosen;
}

const Isa& chosen_isa() {
  static const Isa& chosen = choose();
  return chosen;
}

Config v1::config() {
#if defined(__clang__)
  constexpr const char* compiler = __VERSION__;
#else
  constexpr const char* compiler = "GCC " __VERSION__;
#endif
  Config c{DEEPNET_VERSION, compiler, chosen_isa().name, {}, {}, num_threads(), bfloat16_way()};
  for (const Isa& isa : kIsas) {
    c.isas_built.push_back(isa.name);
    if (isa.cpu_has()) c.isas_supported.push_back(isa.name);
  }
  for (const Bfloat16Way& way : kBfloat16Ways) {
    c.bfloat16_built.push_back(way.name);
    if (way.cpu_has()) c.bfloat16_supported.push_back(way.name);
  }
  return c;
}

}  // namespace deepnet
