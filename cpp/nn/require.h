// How a check of an argument fails.
#pragma once

#include <sstream>
#include <stdexcept>

namespace deepnet {

/// Throws std::invalid_argument with the parts as its message.
template <class... Parts>
[[noreturn]] void reject(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw std::invalid_argument(text.str());
}

template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) reject(parts...);
}

}  // namespace deepnet
