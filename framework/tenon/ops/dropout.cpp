#include "tenon/kernels/dropout.h"

#include <fmt/format.h>

#include "tenon/autograd/record.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/shard_internal.h"
#include "tenon/ops/dropout.h"

namespace tenon {
namespace {

void check_probability(double p, const Tensor& x, Where where) {
  if (!(p >= 0 && p <= 1))
    Fault("dropout", where)
        .operand("x", x)
        .raise<DataError>(fmt::format("p is {} but a probability lies in [0, 1]", p));
}

/// y = scale * x where the mask is true, else 0.   dx: the same of dy
Tensor apply_mask(const Tensor& x, const Tensor& mask, double scale,
                  Where where = Where::current()) {
  const Tensor y = kernels::apply_mask(x, mask, scale);

  return record(
      "dropout", {x}, y,
      [mask = Saved(mask), scale](const Tensor& dy, const Needs&) -> Gradients {
        return {apply_mask(dy, mask.get(), scale)};
      },
      where);
}

}  // namespace

Tensor dropout(const Tensor& x, double p, Rng& rng, Where where) {
  check_floating("dropout", x, where);
  check_probability(p, x, where);
  if (in_shard())
    Fault("dropout", where)
        .operand("x", x)
        .fix(
            "Use nn::Dropout, or dropout(x, p, DropoutNoise{...}), whose masks are the same in "
            "shards and whole.")
        .raise<Error>(
            "drawing from a shared Rng in a shard would make the result depend on the threads");
  return dropout(x, p, {.key = rng.next()}, where);
}

Tensor dropout(const Tensor& x, double p, const DropoutNoise& noise, Where where) {
  check_floating("dropout", x, where);
  check_probability(p, x, where);
  if (noise.first_element < 0 || noise.first_element > INT64_MAX - 4 - x.numel())
    Fault("dropout", where)
        .operand("x", x)
        .raise<DataError>(
            fmt::format("first_element is {}, which is no index", noise.first_element));
  const Tensor mask = kernels::dropout_mask(x.shape(), output_order(x.shape(), {&x}), p, noise.key,
                                            noise.call, noise.first_element);
  return apply_mask(x, mask, p < 1 ? 1 / (1 - p) : 0, where);
}

}  // namespace tenon
