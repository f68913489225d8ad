// Any bytes as a weights file: what stands in front of HDF5 is checked before libhdf5, which can
// crash, sees anything. docs/checkpoint-format.md says what each file is; it is followed here once
// more.
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "fuzz/memory_file.h"
#include "tenon/core/error.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/io/container_internal.h"

namespace tenon {
namespace {

using Bytes = std::vector<std::uint8_t>;

template <class T>
T little_endian(Input file, std::size_t at) {
  T value = 0;
  for (std::size_t i = sizeof(T); i-- > 0;) value = static_cast<T>(value << 8 | file[at + i]);
  return value;
}
void set_number(Bytes& file, std::size_t at, std::uint64_t value) {
  for (std::size_t i = 0; i < 8; ++i) file[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}
std::uint64_t hash_of(Input bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

/// The first byte of an input says which numbers of the block are put right in the rest: no fuzzer
/// guesses checksums.
Bytes file_of(Input input) {
  const std::uint8_t form = input.front();
  Bytes file(input.begin() + 1, input.end());
  if (file.size() < 512) return file;
  if ((form & 1) != 0) set_number(file, 16, file.size() - 512);
  if ((form & 2) != 0) set_number(file, 24, hash_of(Input(file).subspan(512)));
  if ((form & 4) != 0) set_number(file, 504, hash_of(Input(file).first(504)));
  return file;
}

bool begins_with(Input file, std::string_view text) {
  return file.size() >= text.size() && std::memcmp(file.data(), text.data(), text.size()) == 0;
}

/// What the error must say; nothing for a sound file.
std::string_view verdict(Input file) {
  constexpr std::string_view kHdf5 = "\x89HDF\r\n\x1a\n";
  if (!begins_with(file, "\x89TENON\r\n")) {
    if (begins_with(file, kHdf5)) return "is an HDF5 file that was not written by Tenon";
    const bool has_hdf5 = file.size() >= 512 && begins_with(file.subspan(512), kHdf5);
    return has_hdf5 ? "is damaged" : "is not an HDF5 file";
  }
  if (file.size() < 512 || little_endian<std::uint64_t>(file, 504) != hash_of(file.first(504)))
    return "is damaged";
  if (little_endian<std::uint32_t>(file, 8) != 1) return "has format version";
  const bool is_sound = little_endian<std::uint32_t>(file, 12) == 512 &&
                        little_endian<std::uint64_t>(file, 16) == file.size() - 512 &&
                        little_endian<std::uint64_t>(file, 24) == hash_of(file.subspan(512));
  return is_sound ? "" : "is damaged";
}

}  // namespace
}  // namespace tenon

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenon;
  if (size == 0) return 0;
  static MemoryFile memory;
  const Bytes file = file_of({data, size});
  memory.set(file);
  const std::string_view wanted = verdict(file);
  try {
    const Tensor got = read_sealed_file("fuzz", memory.path(), Where::current());
    if (!wanted.empty()) report("a file was read that " + std::string(wanted));
    if (static_cast<std::size_t>(got.numel()) != file.size() ||
        !std::equal(file.begin(), file.end(), elements<std::uint8_t>(got)))
      report("other bytes were read than there are");
  } catch (const CheckpointError& error) {
    if (wanted.empty() || std::string_view(error.what()).find(wanted) == std::string_view::npos)
      report(std::string(error.what()) + "\nexpected: " + std::string(wanted));
  }
  return 0;
}
