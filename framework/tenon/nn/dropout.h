#pragma once

#include "tenon/nn/module.h"

namespace tenon::nn {

/// In training zeroes each element with probability p and multiplies the others by 1 / (1 - p); in
/// evaluation it returns x. Srivastava et al. 2014. The mask of an element depends on the layer's
/// key, the number of the call and the element's row-major index alone, and in shards on its index
/// in the whole batch (axis 0): so masks are the same in shards and whole. Buffers: key (drawn from
/// rng at construction) and calls, i64 scalars.
class Dropout : public Module {
 public:
  Dropout(double p, Rng& rng, Where where = Where::current());
  Tensor forward(const Tensor& x) override;

 private:
  double p_;
  Tensor* key_;
  Tensor* calls_;
};

}  // namespace tenon::nn
