#include "tenon/core/random.h"

#include "tenon/core/fault_internal.h"
#include "tenon/core/random_internal.h"

namespace tenon {

RandomBlock random_block(std::uint64_t key, std::uint64_t position) {
  return philox(key, position, kStreamCounter);
}

std::uint64_t Rng::next() { return bits64(random_block(key_, take(1)), 0); }

std::uint64_t Rng::below(std::uint64_t bound, Where where) {
  if (bound == 0) Fault("below", where).raise<DataError>("there is no number in [0, 0)");
  // Lemire, "Fast random integer generation in an interval", 2019: of the products' lower halves,
  // the first 2^64 mod bound values would make some results likelier than others.
  const std::uint64_t rejected = (0 - bound) % bound;
  while (true) {
    const std::uint64_t bits = next();
    if (bits * bound >= rejected) return multiply_shift(bits, bound);
  }
}

Rng Rng::fork(std::uint64_t stream) const {
  return Rng(bits64(philox(key_, stream, kForkCounter), 0));
}

}  // namespace tenon
