#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <string_view>
#include <system_error>

#include "tenon/core/fault_internal.h"
#include "tenon/io/container_internal.h"

namespace tenon {
namespace {

constexpr std::array<unsigned char, 8> kMagic = {0x89, 'T', 'E', 'N', 'O', 'N', '\r', '\n'};
constexpr std::array<unsigned char, 8> kHdf5Signature = {0x89, 'H',  'D',  'F',
                                                         '\r', '\n', 0x1a, '\n'};
constexpr std::string_view kText =
    "A file of Tenon: HDF5 from byte 512 on, behind a checksum. See docs/checkpoint-format.md.\n";

constexpr std::size_t kVersionAt = 8, kSizeAt = 12, kLengthAt = 16, kHashAt = 24, kTextAt = 32,
                      kBlockHashAt = 504;

template <class T>
void put(unsigned char* to, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) to[i] = static_cast<unsigned char>(value >> (8 * i));
}
template <class T>
T get(const unsigned char* from) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value = static_cast<T>(value | static_cast<T>(from[i]) << (8 * i));
  return value;
}

bool begins_with(std::span<const unsigned char> bytes, const std::array<unsigned char, 8>& magic) {
  return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin());
}

class File {
 public:
  File(const char* operation, const std::string& path, Where where)
      : operation_(operation), path_(path), where_(where) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) fail_to_read(errno);
    if (S_ISDIR(status.st_mode)) fail("is a folder, not a file");
    if (!S_ISREG(status.st_mode)) fail("is not a regular file");
    number_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (number_ < 0) fail_to_read(errno);
    size_ = static_cast<std::uint64_t>(status.st_size);
  }
  ~File() { ::close(number_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  std::uint64_t size() const { return size_; }
  /// Returns how many bytes there were.
  std::size_t read(std::span<unsigned char> to) {
    std::size_t done = 0;
    while (done < to.size()) {
      const ssize_t count = ::read(number_, to.data() + done, to.size() - done);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail_to_read(errno);
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    return done;
  }
  [[noreturn]] void fail(const std::string& what) const {
    Fault(operation_, where_).raise<CheckpointError>(fmt::format("{} {}", path_, what));
  }

 private:
  [[noreturn]] void fail_to_read(int error) const {
    fail("cannot be read: " + std::generic_category().message(error));
  }

  const char* operation_;
  const std::string& path_;
  Where where_;
  int number_ = -1;
  std::uint64_t size_ = 0;
};

/// What a file is whose first bytes are not our magic.
[[noreturn]] void fail_as_foreign(const File& file, std::span<const unsigned char> block,
                                  bool has_hdf5_at_512) {
  if (begins_with(block, kHdf5Signature))
    file.fail("is an HDF5 file that was not written by Tenon");
  if (has_hdf5_at_512)
    file.fail(
        "is damaged: its first 512 bytes are not those of a Tenon file, but HDF5 data follows "
        "them");
  if (block.empty()) file.fail("is not an HDF5 file: it is empty");
  file.fail("is not an HDF5 file");
}

}  // namespace

Bytes Bytes::allocate(std::size_t size) {
  Bytes bytes;
  bytes.data.reset(static_cast<unsigned char*>(std::malloc(size)));
  if (bytes.data == nullptr) throw std::bad_alloc();
  bytes.size = size;
  return bytes;
}

void seal(std::span<unsigned char> file) {
  unsigned char* const block = file.data();
  const auto rest = file.subspan(kBlockBytes);
  std::memset(block, 0, kBlockBytes);
  std::copy(kMagic.begin(), kMagic.end(), block);
  put(block + kVersionAt, kBlockVersion);
  put(block + kSizeAt, static_cast<std::uint32_t>(kBlockBytes));
  put(block + kLengthAt, static_cast<std::uint64_t>(rest.size()));
  put(block + kHashAt, static_cast<std::uint64_t>(XXH3_64bits(rest.data(), rest.size())));
  std::copy(kText.begin(), kText.end(), block + kTextAt);
  put(block + kBlockHashAt, static_cast<std::uint64_t>(XXH3_64bits(block, kBlockHashAt)));
}

Bytes read_sealed_file(const char* operation, const std::string& path, Where where) {
  File file(operation, path, where);
  // The block, and the signature of HDF5 behind it.
  std::array<unsigned char, kBlockBytes + kHdf5Signature.size()> head{};
  const std::span<const unsigned char> start(head.data(), file.read(head));
  const bool has_hdf5_at_512 =
      start.size() == head.size() && begins_with(start.subspan(kBlockBytes), kHdf5Signature);
  if (!begins_with(start, kMagic)) fail_as_foreign(file, start, has_hdf5_at_512);

  if (start.size() < kBlockBytes)
    file.fail(
        fmt::format("is damaged: it ends after {} bytes, within its first 512", start.size()));
  const unsigned char* const block = head.data();
  if (get<std::uint64_t>(block + kBlockHashAt) != XXH3_64bits(block, kBlockHashAt))
    file.fail("is damaged: the checksum of its first 512 bytes is wrong");
  if (const auto version = get<std::uint32_t>(block + kVersionAt); version != kBlockVersion)
    file.fail(fmt::format("has format version {}, but this version of Tenon reads {}", version,
                          kBlockVersion));
  if (get<std::uint32_t>(block + kSizeAt) != kBlockBytes)
    file.fail("is damaged: its first block has a wrong size");
  if (const auto length = get<std::uint64_t>(block + kLengthAt);
      length != file.size() - kBlockBytes)
    file.fail(
        fmt::format("is damaged: it has {} bytes, expected {}", file.size(), length + kBlockBytes));

  Bytes bytes = Bytes::allocate(file.size());
  const std::span<unsigned char> all = bytes.view();
  std::copy(start.begin(), start.end(), all.begin());
  const std::size_t got = file.read(all.subspan(start.size()));
  if (got != bytes.size - start.size()) file.fail("became shorter while it was read");
  const auto rest = all.subspan(kBlockBytes);
  if (get<std::uint64_t>(block + kHashAt) != XXH3_64bits(rest.data(), rest.size()))
    file.fail("is damaged, or was changed by another program: its checksum is wrong");
  return bytes;
}

}  // namespace tenon
