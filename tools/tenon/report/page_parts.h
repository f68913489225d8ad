#pragma once

#include <string_view>

namespace tenon::cli::report {

/// The page before and after its data, with style, script and Chart.js: tools/tenon/web, embedded
/// by web/page.cmake.
extern const std::string_view kPageHead, kPageTail;

}  // namespace tenon::cli::report
