#include "tenon/nn/parameter_list.h"

#include <fmt/format.h>

#include <algorithm>

#include "tenon/core/fault_internal.h"

namespace tenon {

bool ParameterList::contains(std::string_view name) const {
  return std::any_of(begin(), end(), [&](const NamedTensor& named) { return named.name == name; });
}

Tensor ParameterList::at(std::string_view name, Where where) const {
  for (const NamedTensor& named : *this)
    if (named.name == name) return named.tensor;
  Fault fault("ParameterList::at", where);
  std::string names;
  for (const NamedTensor& named : *this) names += (names.empty() ? "" : ", ") + named.name;
  fault.note(names.empty() ? "The list is empty." : "Names: " + names + ".");
  fault.raise<Error>(fmt::format("there is no tensor named \"{}\"", name));
}

}  // namespace tenon
