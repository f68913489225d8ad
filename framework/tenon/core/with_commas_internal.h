#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace tenon {

/// 1234567 as "1,234,567".
inline std::string with_commas(std::int64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t i = text.size(); i > 3 && text[i - 4] != '-'; i -= 3) text.insert(i - 3, ",");
  return text;
}

}  // namespace tenon
