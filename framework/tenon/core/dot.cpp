#include <fmt/format.h>

#include <cstddef>

#include "tenon/core/dot_internal.h"

namespace tenon {
namespace {

/// The length of the character that `text` begins with, if it is one in UTF-8 that XML can hold;
/// else 0.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  unsigned code = first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3fU);
  }
  constexpr unsigned kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_character = code >= kLeast[length] && code <= 0x10ffff && code >= 0xa0 &&
                            !(code >= 0xd800 && code < 0xe000) && code != 0xfffe && code != 0xffff;
  return is_character ? length : 0;
}

}  // namespace

std::string dot_text(std::string_view text) {
  std::string escaped;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    switch (length == 0 ? '\0' : text[0]) {
      case '\0': escaped += "\xef\xbf\xbd"; break;
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\\': escaped += "\xe2\xa7\xb5"; break;
      default: escaped += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return escaped;
}

std::string dot_detail(std::string_view text) {
  return fmt::format("<font point-size=\"11\" color=\"#57606a\">{}</font>", text);
}

std::string dot_header(std::string_view title) {
  constexpr std::string_view kFont = "fontname=\"Helvetica,Arial,sans-serif\"";
  return fmt::format(
      "  graph [label=<{}>, labelloc=t, bgcolor=transparent, {}, fontsize=12, "
      "fontcolor=\"#768390\", color=\"#8c959f55\", fillcolor=\"#8c959f1a\", "
      "style=\"rounded,filled\", nodesep=0.25, ranksep=0.3]\n"
      "  node [shape=box, style=\"rounded,filled\", {}, fontsize=13, fontcolor=\"#24292f\", "
      "margin=\"0.16,0.08\", height=0.3, width=0.3]\n"
      "  edge [color=\"#8c959f\", arrowsize=0.6]\n",
      title, kFont, kFont);
}

}  // namespace tenon
