#pragma once

#include <cstdint>

#include "tenon/core/tensor.h"

/// Initialisers: each fills a tensor in place, unrecorded. Weights are [out, in] or [out, in /
/// groups, K_h, K_w]; fan_in is the number of inputs of one output, in / groups * K_h * K_w, and
/// fan_out is out * K_h * K_w. They throw ShapeError for a rank below 2, and DtypeError unless the
/// tensor is floating.
namespace tenon::nn::init {

struct Fans {
  std::int64_t in;
  std::int64_t out;
};
Fans fans(const Tensor& weight, Where where = Where::current());

struct GainOptions {
  double gain = 1;
};
/// Uniform in [-a, a), a = gain sqrt(6 / (fan_in + fan_out)). Glorot and Bengio 2010, eq. 16.
void glorot_uniform(Tensor weight, Rng& rng, GainOptions options = {},
                    Where where = Where::current());
/// Normal with stddev gain sqrt(2 / (fan_in + fan_out)). Glorot and Bengio 2010.
void glorot_normal(Tensor weight, Rng& rng, GainOptions options = {},
                   Where where = Where::current());

enum class Fan : std::uint8_t { in, out };
struct KaimingOptions {
  double slope = 0;  ///< of the leaky_relu that follows; 0: relu
  Fan fan = Fan::in;
};
/// Uniform in [-a, a), a = sqrt(6 / ((1 + slope^2) fan)). He et al. 2015, eq. 15.
void kaiming_uniform(Tensor weight, Rng& rng, KaimingOptions options = {},
                     Where where = Where::current());
/// Normal with stddev sqrt(2 / ((1 + slope^2) fan)). He et al. 2015, eq. 15.
void kaiming_normal(Tensor weight, Rng& rng, KaimingOptions options = {},
                    Where where = Where::current());

/// Uniform in [-a, a), a = sqrt(3 / fan_in). LeCun et al. 1998, "Efficient BackProp", eq. 16.
void lecun_uniform(Tensor weight, Rng& rng, Where where = Where::current());
/// Normal with stddev sqrt(1 / fan_in). LeCun et al. 1998, "Efficient BackProp", eq. 16.
void lecun_normal(Tensor weight, Rng& rng, Where where = Where::current());

/// The weight as a matrix [out, the rest]: orthonormal rows, or columns where those are fewer,
/// times gain, uniformly distributed. Saxe, McClelland and Ganguli 2014.
void orthogonal(Tensor weight, Rng& rng, GainOptions options = {}, Where where = Where::current());

/// One value everywhere; any shape and dtype.
void constant(Tensor tensor, double value, Where where = Where::current());

}  // namespace tenon::nn::init
