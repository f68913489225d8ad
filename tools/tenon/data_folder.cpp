#include "tools/tenon/data_folder.h"

#include <CLI/Error.hpp>
#include <filesystem>

namespace tenon::cli {

std::string data_folder(const std::string& given) {
  namespace fs = std::filesystem;
  if (!given.empty()) return fs::absolute(given).lexically_normal().string();
  // From the program's place in the build folder, so that an installed one knows nothing of it.
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  const fs::path folder = (program.parent_path() / TENON_DEFAULT_DATA).lexically_normal();
  if (fs::is_directory(folder, ignored)) return folder.string();
  throw CLI::ValidationError("--data",
                             "is required: name the folder of the four IDX files of MNIST or "
                             "Fashion-MNIST, gzip or plain");
}

}  // namespace tenon::cli
