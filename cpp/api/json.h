// JSON, as far as model files need it: values as they are read, and texts and numbers as they are written.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace deepnet {

struct JsonEntry;

struct Json {
  enum Kind { kNull, kBool, kNumber, kText, kList, kObject };
  Kind kind = kNull;
  double number = 0;      // also 1 for true
  bool is_whole = false;  // a number without a fraction or an exponent
  std::string text;       // UTF-8
  std::vector<Json> list;
  std::vector<JsonEntry> object;

  /// The entry of an object; null if there is none, or if this is not an object.
  const Json* find(std::string_view key) const;
};

/// An entry of an object.
struct JsonEntry {
  std::string key;
  Json value;
};

/// Throws std::runtime_error, with what `what` is not, for what is not JSON, has a key twice, or nests over 64 deep.
Json parse_json(std::string_view text, std::string_view what);

/// A text with its quotes.
std::string json_text(std::string_view text);
/// The shortest of the forms with 15 and 17 digits that is read as the same number.
std::string json_number(double number);

}  // namespace deepnet
