#include <fmt/format.h>

#include "tenon/core/call_path_internal.h"
#include "tenon/core/fault_internal.h"

namespace tenon {

Fault::Fault(std::string_view operation, Where where) : operation_(operation), where_(where) {}

Fault& Fault::operand(std::string_view name, const Tensor& x, std::string_view axes,
                      std::string_view extra) {
  std::string line(name);
  if (x.defined()) {
    line += fmt::format(" {} {}", to_string(x.shape()), to_string(x.dtype()));
    if (!axes.empty()) line += fmt::format(" ({})", axes);
  } else {
    line += " (undefined)";
  }
  if (!extra.empty()) line += fmt::format(", {}", extra);
  return note(line);
}

Fault& Fault::note(std::string_view line) {
  lines_ += fmt::format("  {}\n", line);
  return *this;
}

std::string Fault::text(std::string_view what) const {
  return fmt::format("{}: {}.\n{}  {}", operation_, what, lines_, to_string(locate(where_)));
}

void check_defined(const char* operation, const char* name, const Tensor& x, Where where) {
  if (!x.defined())
    Fault(operation, where)
        .fix("Give it a value first, with Tensor::zeros(...) for example.")
        .raise<ShapeError>(fmt::format("{} is an undefined tensor", name));
}

void check_floating(const char* operation, const Tensor& x, Where where, const char* name) {
  check_defined(operation, name, x, where);
  if (!is_floating(x.dtype()))
    Fault(operation, where)
        .operand(name, x)
        .fix(fmt::format("Convert it: {}.to(Dtype::f32).", name))
        .raise<DtypeError>(
            fmt::format("{} must be f32 or f64 but is {}", name, to_string(x.dtype())));
}

void check_same_dtype(const char* operation, const char* name_a, const Tensor& a,
                      const char* name_b, const Tensor& b, Where where) {
  check_defined(operation, name_a, a, where);
  check_defined(operation, name_b, b, where);
  if (a.dtype() != b.dtype())
    Fault(operation, where)
        .operand(name_a, a)
        .operand(name_b, b)
        .fix(fmt::format("Convert one: {}.to(Dtype::{}).", name_b, to_string(a.dtype())))
        .raise<DtypeError>(fmt::format("{} is {} but {} is {}", name_a, to_string(a.dtype()),
                                       name_b, to_string(b.dtype())));
}

}  // namespace tenon
