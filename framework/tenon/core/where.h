#pragma once

#include <cstdint>

namespace tenon {

/// A line of the caller's source, taken by a defaulted last parameter: `Where where =
/// Where::current()`. (std::source_location is missing in clang 14 with libstdc++ 12.)
class Where {
 public:
  static constexpr Where current(const char* file = __builtin_FILE(),
                                 const char* function = __builtin_FUNCTION(),
                                 std::uint32_t line = __builtin_LINE()) noexcept {
    return Where(file, function, line);
  }

  constexpr const char* file() const noexcept { return file_; }
  constexpr const char* function() const noexcept { return function_; }
  constexpr std::uint32_t line() const noexcept { return line_; }

 private:
  constexpr Where(const char* file, const char* function, std::uint32_t line) noexcept
      : file_(file), function_(function), line_(line) {}

  const char* file_;
  const char* function_;
  std::uint32_t line_;
};

}  // namespace tenon
