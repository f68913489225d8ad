#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "tenon/core/tensor.h"

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

/// Bytes in memory that are somebody else's.
using Piece = std::span<const unsigned char>;

/// The block for a file that goes on with these pieces.
std::array<unsigned char, kBlockBytes> seal(std::span<const Piece> rest);

/// A whole file, read into memory and checked by its block: u8 [bytes]. Throws CheckpointError for
/// one that is missing, foreign, damaged or of a newer version, without having read more than the
/// block unless the sizes fit.
Tensor read_sealed_file(const char* operation, const std::string& path, Where where);

}  // namespace tenon
