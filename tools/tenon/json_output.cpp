#include "tools/tenon/json_output.h"

#include <tenon/core/error.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace tenon::cli {

JsonOutput::JsonOutput(bool is_on) {
  if (!is_on) return;
  std::fflush(stdout);
  file_ = fdopen(dup(STDOUT_FILENO), "w");
  if (file_ == nullptr || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
    throw Error("--json: standard output and standard error must be open");
}

JsonOutput::~JsonOutput() {
  if (file_ == nullptr) return;
  std::fflush(stdout);
  dup2(fileno(file_), STDOUT_FILENO);
  std::fclose(file_);
}

void JsonOutput::print(const nlohmann::ordered_json& document, int indent) {
  if (file_ == nullptr) return;
  // Bytes of names and paths that are no UTF-8 are replaced.
  const std::string text =
      document.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
  if (std::fwrite(text.data(), 1, text.size(), file_) != text.size() || std::fflush(file_) != 0)
    throw Error("standard output cannot be written to");
}

}  // namespace tenon::cli
