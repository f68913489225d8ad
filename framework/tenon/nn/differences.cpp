#include <fmt/format.h>

#include "tenon/core/fault_internal.h"
#include "tenon/nn/differences_internal.h"

namespace tenon {

std::string to_string(const TensorKind& kind) {
  return fmt::format("{} {}", to_string(kind.shape), to_string(kind.dtype));
}

void Differences::add_missing(std::string_view what) {
  ++missing_;
  lines_.push_back(fmt::format("missing: {}", what));
}

void Differences::add_unexpected(std::string_view name, const TensorKind& found) {
  ++unexpected_;
  lines_.push_back(fmt::format("unexpected: {} {}", name, to_string(found)));
}

void Differences::add_mismatch(std::string_view name, const TensorKind& wanted,
                               const TensorKind& found) {
  ++mismatched_;
  lines_.push_back(
      fmt::format("different: {} is {}, expected {}", name, to_string(found), to_string(wanted)));
}

void Differences::compare(std::string_view label, const std::map<std::string, TensorKind>& wanted,
                          const std::map<std::string, TensorKind>& found) {
  for (const auto& [name, kind] : wanted) {
    const auto other = found.find(name);
    if (other == found.end())
      add_missing(fmt::format("{}{} {}", label, name, to_string(kind)));
    else if (other->second != kind)
      add_mismatch(fmt::format("{}{}", label, name), kind, other->second);
  }
  for (const auto& [name, kind] : found)
    if (wanted.count(name) == 0) add_unexpected(fmt::format("{}{}", label, name), kind);
}

std::string Differences::summary() const {
  std::string text;
  const auto add = [&](int count, const char* what) {
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, what);
  };
  add(missing_, "missing");
  add(unexpected_, "unexpected");
  add(mismatched_, "of another shape or dtype");
  return text;
}

void check_state(const char* operation, std::string_view what, const Differences& differences,
                 Where where) {
  if (differences.empty()) return;
  Fault fault(operation, where);
  for (const std::string& line : differences.lines()) fault.note(line);
  fault.raise<CheckpointError>(
      fmt::format("the state does not fit {}: {}", what, differences.summary()));
}

void check_state(const char* operation, std::string_view what,
                 const std::map<std::string, TensorKind>& wanted,
                 const std::map<std::string, Tensor>& state, Where where) {
  std::map<std::string, TensorKind> found;
  for (const auto& [name, tensor] : state)
    if (tensor.defined()) found[name] = kind_of(tensor);
  Differences differences;
  differences.compare("", wanted, found);
  check_state(operation, what, differences, where);
}

}  // namespace tenon
