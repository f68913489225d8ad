#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <string_view>
#include <system_error>

#include "tenon/core/fault_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"
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
constexpr std::size_t kPieceBytes = 4 << 20;  // still in a cache when they are hashed

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

std::uint64_t hash_of(Piece bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

/// XXH3-64 of bytes that come piece by piece.
class Hash {
 public:
  Hash() : state_(XXH3_createState()) {
    if (state_ == nullptr) throw std::bad_alloc();
    XXH3_64bits_reset(state_);
  }
  ~Hash() { XXH3_freeState(state_); }
  Hash(const Hash&) = delete;
  Hash& operator=(const Hash&) = delete;

  void add(Piece bytes) { XXH3_64bits_update(state_, bytes.data(), bytes.size()); }
  std::uint64_t value() const { return XXH3_64bits_digest(state_); }

 private:
  XXH3_state_t* state_;
};

bool begins_with(Piece bytes, const std::array<unsigned char, 8>& magic) {
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
  /// Reads from an offset on; returns how many bytes there were. Threads may do so at once.
  std::size_t read(std::span<unsigned char> to, std::size_t offset) const {
    std::size_t done = 0;
    while (done < to.size()) {
      const ssize_t count =
          ::pread(number_, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
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
[[noreturn]] void fail_as_foreign(const File& file, Piece block, bool has_hdf5_at_512) {
  if (begins_with(block, kHdf5Signature))
    file.fail("is an HDF5 file that was not written by Tenon");
  if (has_hdf5_at_512)
    file.fail(
        "is damaged: its first 512 bytes are not those of a Tenon file, but HDF5 data follows "
        "them");
  if (block.empty()) file.fail("is not an HDF5 file: it is empty");
  file.fail("is not an HDF5 file");
}

/// Fresh memory, of which much is written soon: half of the time would go into its small pages.
void use_large_pages(std::span<unsigned char> memory) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(memory.data());
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t end = (begin + memory.size()) / page * page;
  if (memory.size() > kPieceBytes)
    ::madvise(memory.data() + (first - begin), end - first, MADV_HUGEPAGE);
}

/// Fills `all` from an offset on. While a piece is hashed, the next one is read, in halves.
void read_and_hash(const File& file, std::span<unsigned char> all, std::size_t offset, Hash& hash) {
  const auto part = [&](std::size_t at, std::size_t size) {
    const std::size_t begin = std::min(at, all.size());
    return all.subspan(begin, std::min(size, all.size() - begin));
  };
  const auto read = [&](std::size_t at) {
    const std::span<unsigned char> to = part(at, kPieceBytes / 2);
    if (file.read(to, at) != to.size()) file.fail("became shorter while it was read");
  };
  constexpr std::int64_t kTasks = 3;
  const std::int64_t grain = all.size() > kPieceBytes ? 1 : kTasks;
  std::span<unsigned char> before;
  for (std::size_t at = offset; !before.empty() || at < all.size(); at += kPieceBytes) {
    parallel_for(kTasks, grain, [&](std::int64_t task, std::int64_t end) {
      for (; task < end; ++task) {
        if (task == 0) hash.add(before);
        if (task == 1) read(at);
        if (task == 2) read(at + kPieceBytes / 2);
      }
    });
    before = part(at, kPieceBytes);
  }
}

}  // namespace

std::array<unsigned char, kBlockBytes> seal(std::span<const Piece> rest) {
  Hash hash;
  std::uint64_t length = 0;
  for (const Piece& piece : rest) {
    hash.add(piece);
    length += piece.size();
  }
  std::array<unsigned char, kBlockBytes> bytes{};
  unsigned char* const block = bytes.data();
  std::copy(kMagic.begin(), kMagic.end(), block);
  put(block + kVersionAt, kBlockVersion);
  put(block + kSizeAt, static_cast<std::uint32_t>(kBlockBytes));
  put(block + kLengthAt, length);
  put(block + kHashAt, hash.value());
  std::copy(kText.begin(), kText.end(), block + kTextAt);
  put(block + kBlockHashAt, hash_of({block, kBlockHashAt}));
  return bytes;
}

Tensor read_sealed_file(const char* operation, const std::string& path, Where where) {
  const File file(operation, path, where);
  // The block, and the signature of HDF5 behind it.
  std::array<unsigned char, kBlockBytes + kHdf5Signature.size()> head{};
  const std::size_t most = std::min<std::uint64_t>(head.size(), file.size());
  const Piece start(head.data(), file.read({head.data(), most}, 0));
  const bool has_hdf5_at_512 =
      start.size() == head.size() && begins_with(start.subspan(kBlockBytes), kHdf5Signature);
  if (!begins_with(start, kMagic)) fail_as_foreign(file, start, has_hdf5_at_512);

  if (start.size() < kBlockBytes)
    file.fail(
        fmt::format("is damaged: it ends after {} bytes, within its first 512", start.size()));
  const unsigned char* const block = head.data();
  if (get<std::uint64_t>(block + kBlockHashAt) != hash_of({block, kBlockHashAt}))
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

  Tensor bytes = make_tensor({static_cast<std::int64_t>(file.size())}, Dtype::u8);
  const std::span<unsigned char> all(fresh_elements<unsigned char>(bytes), file.size());
  use_large_pages(all);
  std::copy(start.begin(), start.end(), all.begin());
  Hash hash;
  hash.add(start.subspan(kBlockBytes));
  read_and_hash(file, all, start.size(), hash);
  if (get<std::uint64_t>(block + kHashAt) != hash.value())
    file.fail("is damaged, or was changed by another program: its checksum is wrong");
  return bytes;
}

}  // namespace tenon
