#include "api/json.h"

#include <algorithm>
#include <locale>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace deepnet {

namespace {

constexpr int kDeepest = 64;

/// Independent of the process's locale, unlike strtod.
double number_in(const std::string& digits, bool& good) {
  std::istringstream stream(digits);
  stream.imbue(std::locale::classic());
  double number = 0;
  good = bool(stream >> number) && stream.peek() == std::istringstream::traits_type::eof();
  return number;
}

/// By sorting, since a header can have a hundred thousand keys.
bool has_a_key_twice(const Json& value) {
  std::vector<std::string_view> keys;
  keys.reserve(value.object.size());
  for (const JsonEntry& entry : value.object) keys.emplace_back(entry.key);
  std::sort(keys.begin(), keys.end());
  return std::adjacent_find(keys.begin(), keys.end()) != keys.end();
}

class Parser {
 public:
  Parser(std::string_view text, std::string_view what) : text_(text), what_(what) {}

  Json whole() {
    Json value = next(0);
    skip_space();
    if (at_ != text_.size()) fail();
    return value;
  }

 private:
  [[noreturn]] void fail() const { throw std::runtime_error(std::string(what_) + " is damaged: it is not JSON"); }

  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\n\r").find(text_[at_]) != std::string_view::npos) ++at_;
  }
  bool take(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }
  bool take_after_space(std::string_view expected) {
    skip_space();
    return take(expected);
  }

  Json next(int depth) {
    if (depth > kDeepest) fail();
    skip_space();
    Json value;
    if (take("{")) {
      value.kind = Json::kObject;
      if (take_after_space("}")) return value;
      do {
        skip_space();
        std::string key = string();
        if (!take_after_space(":")) fail();
        Json entry = next(depth + 1);
        value.object.push_back({std::move(key), std::move(entry)});
      } while (take_after_space(","));
      if (!take("}") || has_a_key_twice(value)) fail();
    } else if (take("[")) {
      value.kind = Json::kList;
      if (take_after_space("]")) return value;
      do value.list.push_back(next(depth + 1));
      while (take_after_space(","));
      if (!take("]")) fail();
    } else if (at_ < text_.size() && text_[at_] == '"') {
      value.kind = Json::kText;
      value.text = string();
    } else if (take("true") || take("false")) {
      value.kind = Json::kBool;
      value.number = text_[at_ - 2] == 'u' ? 1 : 0;
    } else if (!take("null")) {
      number(value);
    }
    return value;
  }

  void number(Json& value) {
    const size_t end = std::min(text_.find_first_not_of("+-.0123456789eE", at_), text_.size());
    const std::string digits(text_.substr(at_, end - at_));
    bool good = !digits.empty() && digits[0] != '+' && digits[0] != '.';
    value.kind = Json::kNumber;
    value.is_whole = digits.find_first_of(".eE") == std::string::npos;
    if (good) value.number = number_in(digits, good);
    if (!good) fail();
    at_ = end;
  }

  unsigned hex_digits() {
    unsigned code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const size_t digit =
          at_ < text_.size() ? std::string_view("0123456789abcdefABCDEF").find(text_[at_]) : std::string_view::npos;
      if (digit == std::string_view::npos) fail();
      code = code * 16 + unsigned(digit < 16 ? digit : digit - 6);
    }
    return code;
  }

  void append_utf8(unsigned code, std::string& to) {
    const auto put = [&](unsigned byte) { to += static_cast<char>(byte); };
    if (code < 0x80) return put(code);
    if (code < 0x800) {
      put(0xc0 | code >> 6);
    } else if (code < 0x10000) {
      put(0xe0 | code >> 12);
      put(0x80 | (code >> 6 & 0x3f));
    } else {
      put(0xf0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3f));
      put(0x80 | (code >> 6 & 0x3f));
    }
    put(0x80 | (code & 0x3f));
  }

  std::string string() {
    if (!take("\"")) fail();
    std::string result;
    for (;;) {
      if (at_ == text_.size() || static_cast<unsigned char>(text_[at_]) < 0x20) fail();
      const char c = text_[at_++];
      if (c == '"') return result;
      if (c != '\\') {
        result += c;
        continue;
      }
      constexpr std::string_view kEscapes = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
      if (at_ == text_.size()) fail();
      const char escape = text_[at_++];
      if (escape != 'u') {
        const size_t place = kEscapes.find(escape);
        if (place == std::string_view::npos) fail();
        result += kMeanings[place];
        continue;
      }
      unsigned code = hex_digits();
      if (code >= 0xd800 && code < 0xdc00 && take("\\u")) {
        const unsigned low = hex_digits();
        if (low < 0xdc00 || low > 0xdfff) fail();
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      }
      if (code >= 0xd800 && code < 0xe000) fail();
      append_utf8(code, result);
    }
  }

  std::string_view text_, what_;
  size_t at_ = 0;
};

}  // namespace

const Json* Json::find(std::string_view key) const {
  const auto found =
      std::find_if(object.begin(), object.end(), [&](const JsonEntry& entry) { return entry.key == key; });
  return found == object.end() ? nullptr : &found->value;
}

Json parse_json(std::string_view text, std::string_view what) { return Parser(text, what).whole(); }

std::string json_text(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      result += "\\u00";
      result += "01"[c >> 4];
      result += "0123456789abcdef"[c & 15];
    } else {
      result += c;
    }
  }
  return result + '"';
}

std::string json_number(double number) {
  for (const int digits : {15, 17}) {
    std::ostringstream stream;
    stream.imbue(std::locale::classic());
    stream.precision(digits);
    stream << number;
    bool good = false;
    if (digits == 17 || (number_in(stream.str(), good) == number && good)) return stream.str();
  }
  return "";
}

}  // namespace deepnet
