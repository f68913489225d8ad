#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "tenon/core/atomic_file_internal.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  operator int() const { return number_; }

 private:
  int number_;
};

/// The file that is really to be replaced: what a symbolic link points to.
fs::path resolve(const std::string& path) {
  std::error_code error;
  const fs::path target = fs::is_symlink(path, error) ? fs::canonical(path, error) : fs::path(path);
  return error ? fs::path(path) : target;
}

constexpr const char* kTemporary = ".tmp-";

/// Makes and locks a temporary file; returns -1 with errno.
int open_temporary(const fs::path& folder, const std::string& name, fs::path& temporary) {
  static std::atomic<unsigned> counter{0};
  for (;;) {
    temporary =
        folder / fmt::format(".{}{}{}-{}", name, kTemporary, ::getpid(), counter.fetch_add(1));
    const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0 && errno == EEXIST) continue;
    if (file < 0) return -1;
    // Before it was locked, another writer could take it for a leftover.
    struct stat status {};
    const bool was_taken = (::flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) ||
                           (::fstat(file, &status) == 0 && status.st_nlink == 0);
    if (!was_taken) return file;  // also where files cannot be locked: there nobody takes leftovers
    ::close(file);
  }
}

constexpr std::size_t kPieceBytes = 8 << 20;  // to be on its way to the disk while the next comes

bool write_all(int file, std::span<const unsigned char> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file, bytes.data(), std::min(bytes.size(), kPieceBytes));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    if (!bytes.empty()) ::sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WRITE);
  }
  return true;
}

bool flush_folder(const fs::path& folder) {
  const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some file systems cannot flush a folder (EINVAL): they have no better way to be safe.
  return descriptor >= 0 && (::fsync(descriptor) == 0 || errno == EINVAL);
}

}  // namespace

std::string write_file_atomically(const std::string& path, std::span<const unsigned char> bytes) {
  return write_file_atomically(path, {&bytes, 1});
}

std::string write_file_atomically(const std::string& path,
                                  std::span<const std::span<const unsigned char>> pieces) {
  const auto reason_of = [](int error) { return std::generic_category().message(error); };

  const fs::path target = resolve(path);
  const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
  std::error_code error;
  const fs::file_status old = fs::status(target, error);
  if (fs::exists(old) && !fs::is_regular_file(old))
    return fs::is_directory(old) ? "it is a folder" : "it is not a regular file";
  if (!target.has_filename()) return "it names no file";
  if (!fs::exists(folder, error)) return fmt::format("there is no folder {}", folder.string());
  if (!fs::is_directory(folder, error)) return fmt::format("{} is not a folder", folder.string());

  const std::string name = target.filename().string();
  remove_leftovers(folder.string(), name + kTemporary);
  fs::path temporary;
  const Descriptor file(open_temporary(folder, name, temporary));
  if (file < 0) return reason_of(errno);

  if (fs::exists(old)) ::fchmod(file, static_cast<mode_t>(old.permissions()));
  const bool is_written =
      std::all_of(pieces.begin(), pieces.end(), [&](auto piece) { return write_all(file, piece); });
  if (!is_written || ::fsync(file) != 0 || ::rename(temporary.c_str(), target.c_str()) != 0) {
    const int reason = errno;
    ::unlink(temporary.c_str());
    return reason_of(reason);
  }
  if (!flush_folder(folder)) return reason_of(errno);
  return {};
}

// A writer locks its temporary file for as long as it lives, so one that can be locked was left
// behind.
void remove_leftovers(const std::string& folder, const std::string& beginning) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string found = entry->path().filename().string();
    if (!found.starts_with("." + beginning) || found.find(kTemporary) == std::string::npos)
      continue;
    const Descriptor file(::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file >= 0 && ::flock(file, LOCK_EX | LOCK_NB) == 0) ::unlink(entry->path().c_str());
  }
}

}  // namespace tenon
