#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>

namespace tenon {

using Input = std::span<const std::uint8_t>;

/// Ends the program in a way that the fuzzer reports, with the input that led here.
[[noreturn]] inline void report(const std::string& what) {
  std::fprintf(stderr, "finding: %s\n", what.c_str());
  std::abort();
}

/// A file in memory that has a path, for functions that take one.
class MemoryFile {
 public:
  MemoryFile()
      : number_(::memfd_create("input", MFD_CLOEXEC)),
        path_("/proc/self/fd/" + std::to_string(number_)) {}
  ~MemoryFile() { ::close(number_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  const std::string& path() const { return path_; }
  void set(Input bytes) {
    if (::ftruncate(number_, 0) != 0 ||
        ::pwrite(number_, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
      report("the input could not be written");
  }

 private:
  int number_;
  std::string path_;
};

}  // namespace tenon
