#pragma once

#include <cstdint>

#include "tenon/core/where.h"

namespace tenon {

/// A counter-based random stream: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy
/// as 1, 2, 3", SC 2011). Block i of the stream depends on (key, i) alone, so any thread can draw
/// any part of it. There is no default stream and none is seeded from the clock.
class Rng {
 public:
  explicit Rng(std::uint64_t seed) : key_(seed) {}
  /// Continues a stream at the position that `key()` and `position()` named, from a checkpoint say.
  Rng(std::uint64_t key, std::uint64_t position) : key_(key), position_(position) {}

  std::uint64_t key() const { return key_; }
  /// Blocks of four 32-bit numbers drawn so far.
  std::uint64_t position() const { return position_; }

  /// 64 random bits; advances by one block.
  std::uint64_t next();
  /// A number in [0, bound), without bias; advances by one block or, rarely, more. Throws DataError
  /// for 0.
  std::uint64_t below(std::uint64_t bound, Where where = Where::current());
  /// Hands out `blocks` blocks: returns the position of the first and steps over them.
  std::uint64_t take(std::uint64_t blocks) {
    const std::uint64_t first = position_;
    position_ += blocks;
    return first;
  }
  /// An independent stream, keyed by this one's key and `stream`; does not advance this one.
  Rng fork(std::uint64_t stream) const;

 private:
  std::uint64_t key_;
  std::uint64_t position_ = 0;
};

/// The four 32-bit numbers of block `position` of the stream `key`.
struct RandomBlock {
  std::uint32_t words[4];
};
RandomBlock random_block(std::uint64_t key, std::uint64_t position);

}  // namespace tenon
