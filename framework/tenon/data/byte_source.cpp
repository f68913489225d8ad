#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "tenon/core/fault_internal.h"
#include "tenon/data/byte_source_internal.h"

namespace tenon::data {
namespace {

constexpr std::size_t kBufferBytes = 1 << 16;
// A match of deflate makes at most 258 bytes of 2 bits, so no stream grows more (zlib's
// documentation: 1032 to 1).
constexpr std::uint64_t kMostDeflateGrowth = 1032;
constexpr int kGzipOnly = 15 + 16;  // windowBits of inflateInit2: the largest window, a gzip header

}  // namespace

ByteSource::ByteSource(const char* operation, const std::string& path, Where where)
    : operation_(operation), path_(path), where_(where), buffer_(kBufferBytes) {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0)
    fail(fmt::format("cannot be opened: {}", std::strerror(errno)));
  if (S_ISDIR(status.st_mode)) fail("is a folder, not a file");
  if (!S_ISREG(status.st_mode)) fail("is not a regular file");
  file_size_ = static_cast<std::uint64_t>(status.st_size);
  file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) fail(fmt::format("cannot be opened: {}", std::strerror(errno)));

  stream_.next_in = buffer_.data();
  try {
    refill();
    is_gzip_ = stream_.avail_in >= 2 && buffer_[0] == 0x1f && buffer_[1] == 0x8b;
    if (is_gzip_ && inflateInit2(&stream_, kGzipOnly) != Z_OK)
      fail("cannot be unpacked: zlib has no memory");
  } catch (...) {
    ::close(file_);
    throw;
  }
}

ByteSource::~ByteSource() {
  if (is_gzip_) inflateEnd(&stream_);
  ::close(file_);
}

std::uint64_t ByteSource::most_bytes() const {
  if (!is_gzip_) return file_size_;
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  return file_size_ > kMost / kMostDeflateGrowth ? kMost : file_size_ * kMostDeflateGrowth;
}

void ByteSource::fail(const std::string& what) const {
  Fault(operation_, where_).raise<DataError>(fmt::format("{} {}", path_, what));
}

void ByteSource::refill() {
  while (!at_end_ && stream_.avail_in == 0) {
    const ssize_t count = ::read(file_, buffer_.data(), buffer_.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(fmt::format("cannot be read: {}", std::strerror(errno)));
    at_end_ = count == 0;
    stream_.next_in = buffer_.data();
    stream_.avail_in = static_cast<uInt>(count);
  }
}

std::size_t ByteSource::read(void* to, std::size_t count) {
  auto* bytes = static_cast<unsigned char*>(to);
  if (is_gzip_) return read_gzip(bytes, count);

  std::size_t done = 0;
  while (done < count) {
    refill();
    if (stream_.avail_in == 0) break;
    const std::size_t part = std::min<std::size_t>(count - done, stream_.avail_in);
    std::memcpy(bytes + done, stream_.next_in, part);
    stream_.next_in += part;
    stream_.avail_in -= static_cast<uInt>(part);
    done += part;
  }
  return done;
}

std::size_t ByteSource::read_gzip(unsigned char* to, std::size_t count) {
  std::size_t done = 0;
  while (done < count) {
    refill();
    if (between_members_) {
      if (stream_.avail_in == 0) break;
      inflateReset(&stream_);
      between_members_ = false;
    } else if (stream_.avail_in == 0) {
      fail("is cut off: the gzip data ends early");
    }

    const std::size_t part = std::min<std::size_t>(count - done, std::numeric_limits<uInt>::max());
    stream_.next_out = to + done;
    stream_.avail_out = static_cast<uInt>(part);
    const int result = inflate(&stream_, Z_NO_FLUSH);
    done += part - stream_.avail_out;
    if (result == Z_STREAM_END) {
      between_members_ = true;
    } else if (result != Z_OK) {
      fail(fmt::format("is corrupted: the gzip data is invalid ({})",
                       stream_.msg != nullptr ? stream_.msg : "zlib error"));
    }
  }
  return done;
}

}  // namespace tenon::data
