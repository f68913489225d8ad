#include "tools/tenon/run_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <tenon/core/error.h>
#include <tenon/train/checkpointer.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "tools/tenon/text.h"

namespace tenon::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRuns = "runs";

[[noreturn]] void fail_to_make(const fs::path& folder, const std::error_code& error) {
  throw Error(fmt::format("cannot make the folder {}: {}", folder.string(), error.message()));
}

/// Whether it is "lenet5-12".
bool is_run_of(const std::string& model, const std::string& name) {
  const std::string prefix = model + "-";
  return name.starts_with(prefix) && name.size() > prefix.size() &&
         name.find_first_not_of("0123456789", prefix.size()) == std::string::npos;
}

}  // namespace

std::string make_run(const std::string& model) {
  std::error_code error;
  fs::create_directories(kRuns, error);
  for (std::int64_t number = 1; !error; ++number) {
    const fs::path folder = fs::path(kRuns) / fmt::format("{}-{}", model, number);
    // Made by one process alone, should two begin at once.
    if (fs::create_directory(folder, error)) return folder.string();
    if (error && fs::exists(folder)) error.clear();  // a file of that name
  }
  fail_to_make(kRuns, error);
}

void make_named_run(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail_to_make(folder, error);
}

void check_is_new(const std::string& folder) {
  std::error_code ignored;
  if (fs::exists(folder, ignored) && !fs::is_empty(folder, ignored))
    throw Error(
        fmt::format("--run: the folder {} is not empty. Go on with the run it holds with "
                    "--resume, or name another folder",
                    folder));
}

std::string newest_run(const std::string& model) {
  std::string newest;
  fs::file_time_type newest_time;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(kRuns, ignored)) {
    if (!is_run_of(model, entry.path().filename().string())) continue;
    const std::vector<std::string> files = checkpoints_in(entry.path().string());
    if (files.empty()) continue;
    const fs::file_time_type time = fs::last_write_time(files.front(), ignored);
    if (newest.empty() || time > newest_time) {
      newest = entry.path().string();
      newest_time = time;
    }
  }
  return newest;
}

std::optional<FoundCheckpoint> newest_checkpoint(const std::string& run) {
  std::string skipped;
  for (const std::string& path : checkpoints_in(run)) {
    try {
      FoundCheckpoint found{path, load_checkpoint(path)};
      if (!skipped.empty()) fmt::print(stderr, "skipped{}\n", skipped);
      return found;
    } catch (const CheckpointError& error) {
      skipped += "\n  " + text_of(error);
    }
  }
  if (skipped.empty()) return std::nullopt;
  throw CheckpointError(fmt::format("none of the checkpoints in {} can be used{}", run, skipped));
}

RunLock::RunLock(const std::string& run)
    : folder_(::open(run.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  // A file system without locks is no reason not to train.
  if (folder_ < 0 || ::flock(folder_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  ::close(folder_);
  throw Error(fmt::format("another process trains in {}", run));
}

RunLock::~RunLock() {
  if (folder_ >= 0) ::close(folder_);
}

}  // namespace tenon::cli
