#include <cxxabi.h>

#include <cstdlib>
#include <memory>

#include "tenon/core/type_name_internal.h"

namespace tenon {

std::string short_type_name(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(mangled, nullptr, nullptr, &status), &std::free);
  const std::string type = status == 0 ? text.get() : mangled;
  std::size_t start = 0;
  int depth = 0;
  for (std::size_t i = 0; i < type.size(); ++i) {
    if (type[i] == '<' || type[i] == '(') ++depth;
    if (type[i] == '>' || type[i] == ')') --depth;
    if (depth == 0 && type.compare(i, 2, "::") == 0) start = i + 2;
  }
  return type.substr(start);
}

}  // namespace tenon
