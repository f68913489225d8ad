#pragma once

#include <cstdint>

#include "tenon/core/tensor.h"

namespace tenon {

/// y = x / (1 - p) with probability 1 - p, else 0, element by element (Srivastava et al.,
/// "Dropout", JMLR 2014; scaled while training, so that evaluation needs nothing).   x, y: any
/// shape, floating.   dx: dy with the same mask and scale. p = 1 gives zeros. The mask is a new one
/// a call: it draws one block of rng. Throws DataError unless 0 <= p <= 1, Error in a shard, where
/// the order of draws would depend on the threads.
Tensor dropout(const Tensor& x, double p, Rng& rng, Where where = Where::current());

/// Which random numbers a mask is made of: those of call `call` (below 2^63) of the stream `key`.
/// Element i of x, row-major whatever the strides, uses number first_element + i.
struct DropoutNoise {
  std::uint64_t key = 0;
  std::uint64_t call = 0;
  std::int64_t first_element = 0;  ///< the index of x's first element in the whole batch
};
/// The same with a mask that the noise names: equal for a batch as a whole, in parts and in any
/// layout.
Tensor dropout(const Tensor& x, double p, const DropoutNoise& noise,
               Where where = Where::current());

}  // namespace tenon
