#include "tenon/nn/init.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "tenon/autograd/grad_mode.h"
#include "tenon/core/fault_internal.h"

namespace tenon::nn::init {
namespace {

void fill_uniform(Tensor& weight, double bound, Rng& rng, Where where) {
  const NoGradGuard no_grad;
  weight.copy_from(Tensor::uniform(weight.shape(), rng,
                                   {.low = -bound, .high = bound, .dtype = weight.dtype()}, where),
                   where);
}

void fill_normal(Tensor& weight, double stddev, Rng& rng, Where where) {
  const NoGradGuard no_grad;
  weight.copy_from(
      Tensor::normal(weight.shape(), rng, {.stddev = stddev, .dtype = weight.dtype()}, where),
      where);
}

/// n / max(fan, 1): an empty weight has fan 0 and needs no values.
double over(double n, std::int64_t fan) {
  return n / static_cast<double>(std::max<std::int64_t>(fan, 1));
}

double kaiming_variance(const Tensor& weight, KaimingOptions options, Where where) {
  const Fans fan = fans(weight, where);
  return over(2 / (1 + options.slope * options.slope), options.fan == Fan::in ? fan.in : fan.out);
}

/// Makes `count` vectors of length `length`, one after the other, orthonormal: Gram and Schmidt in
/// the modified form, twice, which leaves errors of a few ulp (Giraud et al. 2005).
void orthonormalize(std::vector<double>& vectors, std::size_t count, std::size_t length) {
  for (std::size_t i = 0; i < count; ++i) {
    double* v = vectors.data() + i * length;
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t j = 0; j < i; ++j) {
        const double* u = vectors.data() + j * length;
        const double along = std::inner_product(v, v + length, u, 0.0);
        for (std::size_t k = 0; k < length; ++k) v[k] -= along * u[k];
      }
    const double norm = std::sqrt(std::inner_product(v, v + length, v, 0.0));
    for (std::size_t k = 0; k < length; ++k) v[k] /= norm;
  }
}

}  // namespace

Fans fans(const Tensor& weight, Where where) {
  check_floating("init::fans", weight, where, "weight");
  if (weight.rank() < 2)
    Fault("init::fans", where)
        .operand("weight", weight)
        .fix("Biases and the like take init::constant.")
        .raise<ShapeError>("fan_in and fan_out need a weight of rank 2 or more, [out, in, ...]");
  std::int64_t kernel = 1;
  for (std::size_t axis = 2; axis < weight.shape().rank(); ++axis) kernel *= weight.shape()[axis];
  return {weight.shape()[1] * kernel, weight.shape()[0] * kernel};
}

void glorot_uniform(Tensor weight, Rng& rng, GainOptions options, Where where) {
  const Fans fan = fans(weight, where);
  fill_uniform(weight, options.gain * std::sqrt(over(6, fan.in + fan.out)), rng, where);
}

void glorot_normal(Tensor weight, Rng& rng, GainOptions options, Where where) {
  const Fans fan = fans(weight, where);
  fill_normal(weight, options.gain * std::sqrt(over(2, fan.in + fan.out)), rng, where);
}

void kaiming_uniform(Tensor weight, Rng& rng, KaimingOptions options, Where where) {
  fill_uniform(weight, std::sqrt(3 * kaiming_variance(weight, options, where)), rng, where);
}

void kaiming_normal(Tensor weight, Rng& rng, KaimingOptions options, Where where) {
  fill_normal(weight, std::sqrt(kaiming_variance(weight, options, where)), rng, where);
}

void lecun_uniform(Tensor weight, Rng& rng, Where where) {
  fill_uniform(weight, std::sqrt(over(3, fans(weight, where).in)), rng, where);
}

void lecun_normal(Tensor weight, Rng& rng, Where where) {
  fill_normal(weight, std::sqrt(over(1, fans(weight, where).in)), rng, where);
}

void orthogonal(Tensor weight, Rng& rng, GainOptions options, Where where) {
  fans(weight, where);
  if (weight.numel() == 0) return;
  const auto rows = static_cast<std::size_t>(weight.shape()[0]);
  const std::size_t columns = static_cast<std::size_t>(weight.numel()) / rows;
  std::vector<double> vectors =
      Tensor::normal({weight.numel()}, rng, {.dtype = Dtype::f64}, where).to_vector<double>();
  orthonormalize(vectors, std::min(rows, columns), std::max(rows, columns));
  std::vector<double> values(vectors.size());
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t column = 0; column < columns; ++column)
      values[row * columns + column] =
          options.gain * vectors[rows <= columns ? row * columns + column : column * rows + row];
  const NoGradGuard no_grad;
  weight.copy_from(Tensor::from(values, weight.shape(), Dtype::f64, where), where);
}

void constant(Tensor tensor, double value, Where where) {
  check_defined("init::constant", "tensor", tensor, where);
  const NoGradGuard no_grad;
  tensor.fill(value, where);
}

}  // namespace tenon::nn::init
