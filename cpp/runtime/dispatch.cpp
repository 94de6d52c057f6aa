#include "runtime/dispatch.h"

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "deepnet/deepnet.h"
#include "isa_rows.h"
#include "runtime/thread_pool.h"

namespace deepnet {

namespace {

const Isa& choose() {
  const char* wanted = std::getenv("DEEPNET_ISA");
  std::string names;
  for (const Isa& isa : kIsas) {
    const bool named = wanted && *wanted && isa.name == std::string_view(wanted);
    if (named && !isa.cpu_has())
      throw std::runtime_error("DEEPNET_ISA is '" + std::string(wanted) + "', but this CPU does not have it");
    if (named || (!(wanted && *wanted) && isa.cpu_has())) return isa;
    names += (names.empty() ? "" : ", ") + std::string(isa.name);
  }
  if (wanted && *wanted)
    throw std::runtime_error("DEEPNET_ISA is '" + std::string(wanted) + "', but this build of deepnet has: " + names);
  throw std::runtime_error("this CPU has none of the instruction sets of this build of deepnet: " + names);
}

}  // namespace

std::span<const Isa> built_isas() { return kIsas; }

const Isa& chosen_isa() {
  static const Isa& chosen = choose();
  return chosen;
}

Config config() {
#if defined(__clang__)
  constexpr const char* compiler = __VERSION__;
#else
  constexpr const char* compiler = "GCC " __VERSION__;
#endif
  Config c{DEEPNET_VERSION, compiler, chosen_isa().name, {}, {}, num_threads()};
  for (const Isa& isa : kIsas) {
    c.isas_built.push_back(isa.name);
    if (isa.cpu_has()) c.isas_supported.push_back(isa.name);
  }
  return c;
}

}  // namespace deepnet
