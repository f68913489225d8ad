#include "tools/tenon/text.h"

namespace tenon::cli {

std::string text_of(const std::exception& error) {
  std::string text = error.what();
  const std::size_t end = text.rfind('\n');
  if (end != std::string::npos && text.compare(end + 1, 5, "  at ") == 0) text.resize(end);
  return text;
}

std::string shell_quoted(const std::string& word) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+:=,@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char c : word)
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  return quoted + "'";
}

}  // namespace tenon::cli
