#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "tenon/core/fault_internal.h"
#include "tenon/core/graphviz_internal.h"

namespace tenon {
namespace {

/// A file in memory: the child's input and outputs. With pipes instead, each side could wait for
/// the other, and writing to a child that has ended would raise SIGPIPE.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("graphviz", MFD_CLOEXEC)) {}
  ~MemoryFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  int descriptor() const { return descriptor_; }

  /// Makes it hold `text`, to be read from the start; false with errno.
  bool fill(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t count = ::write(descriptor_, text.data(), text.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return false;
      text.remove_prefix(static_cast<std::size_t>(count));
    }
    return ::lseek(descriptor_, 0, SEEK_SET) == 0;
  }

  std::string contents() const {
    std::string text(static_cast<std::size_t>(::lseek(descriptor_, 0, SEEK_END)), '\0');
    std::size_t at = 0;
    while (at < text.size()) {
      const ssize_t count =
          ::pread(descriptor_, text.data() + at, text.size() - at, static_cast<off_t>(at));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;
      at += static_cast<std::size_t>(count);
    }
    text.resize(at);
    return text;
  }

 private:
  int descriptor_;
};

/// Starts a program of the PATH on these files; 0, or what hindered it.
int start(const char* const* arguments, const MemoryFile& in, const MemoryFile& out,
          const MemoryFile& errors, pid_t& child) {
  posix_spawn_file_actions_t actions;
  int failure = ::posix_spawn_file_actions_init(&actions);
  if (failure != 0) return failure;
  for (const auto& [file, number] : {std::pair(&in, 0), {&out, 1}, {&errors, 2}})
    if (failure == 0)
      failure = ::posix_spawn_file_actions_adddup2(&actions, file->descriptor(), number);
  if (failure == 0)
    failure = ::posix_spawnp(&child, arguments[0], &actions, nullptr,
                             const_cast<char* const*>(arguments), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  return failure;
}

/// Waits for the child to end: empty if it did its work, else "exit code 1".
std::string wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return {};  // the program ignores or collects its children: ask the output
  if (WIFSIGNALED(status)) return fmt::format("signal {}", WTERMSIG(status));
  return WEXITSTATUS(status) == 0 ? "" : fmt::format("exit code {}", WEXITSTATUS(status));
}

}  // namespace

std::string run_graphviz(const char* operation, const std::string& dot, const std::string& format,
                         Where where) {
  const std::string kind = "-T" + format;
  // For screens with two pixels a point; the sizes that an SVG names must not double.
  const char* const density = format == "png" ? "-Gdpi=144" : nullptr;
  const char* const arguments[] = {"dot", kind.c_str(), density, nullptr};

  const MemoryFile in, out, errors;
  pid_t child = 0;
  int failure = 0;
  if (in.descriptor() < 0 || out.descriptor() < 0 || errors.descriptor() < 0 || !in.fill(dot))
    failure = errno;
  else
    failure = start(arguments, in, out, errors, child);
  if (failure == ENOENT)
    Fault(operation, where)
        .fix("Install the Debian package graphviz, or take the text that dot() returns.")
        .raise<Error>("there is no Graphviz: no program \"dot\" on the PATH");
  if (failure != 0)
    Fault(operation, where)
        .raise<Error>(fmt::format("cannot start Graphviz's program dot: {}",
                                  std::generic_category().message(failure)));

  std::string end = wait_for(child);
  std::string picture = out.contents();
  if (end.empty() && picture.empty()) end = "no picture";
  if (!end.empty()) {
    Fault fault(operation, where);
    const std::string said = errors.contents();
    for (std::string_view rest = said; !rest.empty();) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      fault.note(line);
    }
    fault.raise<Error>("Graphviz's program dot ended with " + end);
  }
  return picture;
}

}  // namespace tenon
