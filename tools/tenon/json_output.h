#pragma once

#include <cstdio>
#include <nlohmann/json_fwd.hpp>

namespace tenon::cli {

/// What the option --json does: while one of these lives, and if it is on, only its documents go to
/// standard output; all else that is printed goes to standard error.
class JsonOutput {
 public:
  explicit JsonOutput(bool is_on);
  ~JsonOutput();
  JsonOutput(const JsonOutput&) = delete;
  JsonOutput& operator=(const JsonOutput&) = delete;

  bool is_on() const { return file_ != nullptr; }
  /// On one line, at once; indented over many lines with an `indent`. Does nothing when it is off.
  /// Throws an Error where the output cannot be written.
  void print(const nlohmann::ordered_json& document, int indent = -1);

 private:
  std::FILE* file_ = nullptr;
};

}  // namespace tenon::cli
