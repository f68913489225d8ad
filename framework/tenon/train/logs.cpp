#include "tenon/train/logs.h"

#include <fmt/format.h>

#include <algorithm>

#include "tenon/core/fault_internal.h"

namespace tenon {

void Logs::set(std::string name, double value) {
  const auto same = std::find_if(values_.begin(), values_.end(),
                                 [&](const NamedValue& v) { return v.name == name; });
  if (same != values_.end())
    same->value = value;
  else
    values_.push_back({std::move(name), value});
}

bool Logs::contains(std::string_view name) const {
  return std::any_of(values_.begin(), values_.end(),
                     [&](const NamedValue& v) { return v.name == name; });
}

double Logs::at(std::string_view name, Where where) const {
  std::string names;
  for (const auto& [known, value] : values_) {
    if (known == name) return value;
    names += (names.empty() ? "" : ", ") + known;
  }
  Fault("Logs::at", where)
      .raise<Error>(
          fmt::format("there is no \"{}\" among: {}", name, names.empty() ? "(nothing)" : names));
}

}  // namespace tenon
