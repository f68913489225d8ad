#pragma once

#include <string>
#include <string_view>

namespace tenon {

/// Any text as part of a quoted string or an HTML-like label of DOT: entities for what either takes
/// for syntax, U+29F5 for backslashes, which versions of Graphviz take differently, and U+FFFD for
/// what XML cannot hold (control characters, bytes that are not UTF-8).
std::string dot_text(std::string_view text);

/// Text in the size and colour of what matters less than a name; `text` is escaped already.
std::string dot_detail(std::string_view text);

/// How our pictures begin: transparent, with arrows and titles that can be read on light and dark
/// pages. `title`: an HTML-like label.
std::string dot_header(std::string_view title);

/// Attributes of boxes, which are light on dark pages, too.
inline constexpr std::string_view kDotInput = "fillcolor=\"#e9f5ec\", color=\"#b4d6be\"";
inline constexpr std::string_view kDotWeighted = "fillcolor=\"#eaf1fb\", color=\"#b3c7e6\"";
inline constexpr std::string_view kDotPlain = "fillcolor=\"#f6f7f9\", color=\"#ccd3db\"";

}  // namespace tenon
