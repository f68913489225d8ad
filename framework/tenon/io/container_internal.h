#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>

#include "tenon/core/where.h"

namespace tenon {

/// The bytes before the HDF5 part of our files, which HDF5 calls the user block. Integers are
/// little-endian:
///     0   8  magic, 89 'TENON' 0d 0a
///     8   4  version of this block, 1
///    12   4  its size, 512
///    16   8  bytes that follow it
///    24   8  XXH3-64 of these
///    32 472  a line of text for people, then zeros
///   504   8  XXH3-64 of the 504 bytes before
inline constexpr std::size_t kBlockBytes = 512;
inline constexpr std::uint32_t kBlockVersion = 1;

/// Memory from malloc, since libhdf5 makes some of it grow.
struct Bytes {
  struct Free {
    void operator()(unsigned char* memory) const { std::free(memory); }
  };
  std::unique_ptr<unsigned char[], Free> data;
  std::size_t size = 0;

  static Bytes allocate(std::size_t size);
  std::span<unsigned char> view() const { return {data.get(), size}; }
};

/// Fills the first 512 bytes of a whole file image.
void seal(std::span<unsigned char> file);

/// A whole file, read into memory and checked by its block. Throws CheckpointError for one that is
/// missing, foreign, damaged or of a newer version, without having read more than the block unless
/// the sizes fit.
Bytes read_sealed_file(const char* operation, const std::string& path, Where where);

}  // namespace tenon
