#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include "tenon/core/where.h"

namespace tenon {

/// A text or a number that a checkpoint carries along.
class MetadataValue {
 public:
  MetadataValue(std::string text) : kind_(Kind::text), text_(std::move(text)) {}
  MetadataValue(const char* text) : kind_(Kind::text), text_(text) {}
  template <class T, std::enable_if_t<std::is_integral_v<T>, int> = 0>
  MetadataValue(T integer) : kind_(Kind::integer), integer_(static_cast<std::int64_t>(integer)) {
    static_assert(std::is_signed_v<T> || sizeof(T) < 8,
                  "tenon: metadata holds signed 64-bit integers");
  }
  template <class T, std::enable_if_t<std::is_floating_point_v<T>, int> = 0>
  MetadataValue(T real) : kind_(Kind::real), real_(static_cast<double>(real)) {}

  bool is_text() const { return kind_ == Kind::text; }
  bool is_integer() const { return kind_ == Kind::integer; }
  /// These throw an Error for a value of another kind.
  const std::string& text(Where where = Where::current()) const;
  std::int64_t integer(Where where = Where::current()) const;
  /// Of an integer too.
  double number(Where where = Where::current()) const;
  /// "abc", "3", "0.5"
  friend std::string to_string(const MetadataValue& value);

  friend bool operator==(const MetadataValue&, const MetadataValue&) = default;

 private:
  enum class Kind : std::uint8_t { text, integer, real };
  [[noreturn]] void fail(const char* wanted, Where where) const;

  Kind kind_;
  std::string text_;
  std::int64_t integer_ = 0;
  double real_ = 0;
};

}  // namespace tenon
