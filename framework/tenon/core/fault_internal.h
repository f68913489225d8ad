#pragma once

#include <string>
#include <string_view>

#include "tenon/core/error.h"
#include "tenon/core/tensor.h"

namespace tenon {

/// Builds the text of an error:
///   Fault("matmul", where).operand("a", a, "..., M, K").operand("b", b, "..., K, N").fix("...")
///       .raise<ShapeError>(fmt::format("a has {} columns but b has {} rows", ...));
class Fault {
 public:
  Fault(std::string_view operation, Where where);

  /// A line "  name [2, 3] f32 (axes), extra".
  Fault& operand(std::string_view name, const Tensor& x, std::string_view axes = {},
                 std::string_view extra = {});
  /// A line of any text.
  Fault& note(std::string_view line);
  /// The line that says what to do, where it is certain.
  Fault& fix(std::string_view line) { return note(line); }

  /// `what` is the first line without the operation and the full stop.
  template <class E>
  [[noreturn]] void raise(std::string_view what) const {
    throw E(text(what));
  }

 private:
  std::string text(std::string_view what) const;

  std::string operation_;
  Where where_;
  std::string lines_;
};

/// Throws ShapeError for an undefined tensor.
void check_defined(const char* operation, const char* name, const Tensor& x, Where where);
/// Throws DtypeError unless x is f32 or f64 (and ShapeError for an undefined one).
void check_floating(const char* operation, const Tensor& x, Where where, const char* name = "x");
/// Throws DtypeError unless both have one dtype.
void check_same_dtype(const char* operation, const char* name_a, const Tensor& a,
                      const char* name_b, const Tensor& b, Where where);

}  // namespace tenon
