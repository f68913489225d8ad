#include <nlohmann/json.hpp>

#include "tools/tenon/report/page_parts.h"
#include "tools/tenon/report/sections.h"

namespace tenon::cli::report {

std::string page_of(const Json& sections) {
  std::string page(kPageHead);
  // "<" can end a script, and stands in texts alone.
  for (const char c : sections.dump(-1, ' ', false, Json::error_handler_t::replace))
    if (c == '<')
      page += "\\u003c";
    else
      page += c;
  return page.append(kPageTail);
}

}  // namespace tenon::cli::report
