#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tenon/core/where.h"

namespace tenon::data {

/// The bytes of a regular file, unpacked if it is gzip, read front to back in pieces. Every problem
/// is a DataError that begins "<operation>: <path>".
class ByteSource {
 public:
  ByteSource(const char* operation, const std::string& path, Where where);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  /// Fills `to` as far as the file goes; returns how many bytes that were.
  std::size_t read(void* to, std::size_t count);
  bool is_gzip() const { return is_gzip_; }
  /// Bytes of the file itself.
  std::uint64_t file_size() const { return file_size_; }
  /// The most bytes that can come out of the file: its size, or what deflate can make of it at
  /// best.
  std::uint64_t most_bytes() const;
  /// `what` is the text after "<operation>: <path> ".
  [[noreturn]] void fail(const std::string& what) const;

 private:
  void refill();
  std::size_t read_gzip(unsigned char* to, std::size_t count);

  const char* operation_;
  std::string path_;
  Where where_;
  int file_ = -1;
  std::uint64_t file_size_ = 0;
  bool is_gzip_ = false;
  bool at_end_ = false;           // the file has no more bytes to give
  bool between_members_ = false;  // a gzip member has ended; another may follow
  z_stream stream_{};
  std::vector<unsigned char> buffer_;
};

}  // namespace tenon::data
