#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "tenon/core/fault_internal.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/core/random_internal.h"
#include "tenon/core/strided_internal.h"
#include "tenon/core/tensor_internal.h"

namespace tenon {
namespace {

constexpr std::int64_t kGrain = 1024;  // blocks of four words; some 20 us

/// How many elements of T one block of 128 bits gives.
template <class T>
constexpr std::int64_t kPerBlock = 16 / static_cast<std::int64_t>(sizeof(T));

std::uint64_t blocks_for(std::int64_t count, std::int64_t per_block) {
  return static_cast<std::uint64_t>((count + per_block - 1) / per_block);
}

/// Fills x, row-major, with what make(block, values) makes of each block: kPerBlock<T> values.
/// Element i depends on the stream's key, its position and i alone.
template <class T, class Make>
void draw(Tensor& x, Rng& rng, const Make& make) {
  constexpr std::int64_t kEach = kPerBlock<T>;
  const std::int64_t count = x.numel();
  const std::uint64_t blocks = blocks_for(count, kEach);
  const std::uint64_t key = rng.key(), first = rng.take(blocks);
  T* out = fresh_elements<T>(x);
  parallel_for(static_cast<std::int64_t>(blocks), kGrain,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   T values[kEach];
                   make(random_block(key, first + static_cast<std::uint64_t>(i)), values);
                   std::copy_n(values, std::min(kEach, count - i * kEach), out + i * kEach);
                 }
               });
}

/// The values of a row-major tensor in other strides of the same shape.
Tensor in_strides(Tensor rows, const Strides& strides) {
  if (strides == rows.strides()) return rows;
  Tensor y = make_tensor(rows.shape(), strides, rows.dtype());
  visit_dtype(rows.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* from = elements<T>(rows);
    T* to = fresh_elements<T>(y);
    for_each_offset(y.shape(), strides, [&](std::int64_t offset) { to[offset] = *from++; });
  });
  return y;
}

void check_dtype(const char* operation, Dtype dtype, Where where) {
  if (!is_floating(dtype))
    Fault(operation, where)
        .fix("For integers use Tensor::randint(low, high, shape, rng).")
        .raise<DtypeError>(fmt::format("the dtype must be f32 or f64 but is {}", to_string(dtype)));
}

/// Whether the number is finite in the dtype.
bool is_finite(double value, Dtype dtype) {
  return std::isfinite(dtype == Dtype::f32 ? static_cast<double>(static_cast<float>(value))
                                           : value);
}

Tensor uniform_rows(const char* operation, const Shape& shape, Rng& rng, UniformOptions options,
                    Where where) {
  const double low = options.low, range = options.high - options.low;
  check_dtype(operation, options.dtype, where);
  if (!(range > 0))
    Fault(operation, where)
        .raise<DataError>(
            fmt::format("[{}, {}) is empty: low must be below high", low, options.high));
  if (!is_finite(low, options.dtype) || !is_finite(options.high, options.dtype) ||
      !is_finite(range, options.dtype))
    Fault(operation, where)
        .raise<DataError>(fmt::format("[{}, {}) is too wide for {}", low, options.high,
                                      to_string(options.dtype)));
  check_sizes(operation, shape, options.dtype, where);
  Tensor x = make_tensor(shape, options.dtype);
  visit_floating(options.dtype, [&](auto zero) {
    using T = decltype(zero);
    // Rounding can reach `high`, which is outside of the interval.
    const T high = static_cast<T>(options.high);
    const T greatest =
        std::max(static_cast<T>(low), std::nextafter(high, -std::numeric_limits<T>::infinity()));
    draw<T>(x, rng, [&](const RandomBlock& block, T* values) {
      for (std::int64_t i = 0; i < kPerBlock<T>; ++i) {
        const double fraction = sizeof(T) == 4
                                    ? static_cast<double>(block.words[i] >> 8) * 0x1p-24
                                    : static_cast<double>(bits64(block, i % 2) >> 11) * 0x1p-53;
        values[i] = std::min(static_cast<T>(low + fraction * range), greatest);
      }
    });
  });
  return x;
}

/// Two independent normal numbers of two independent uniform ones, u in (0, 1] and v in [0, 1):
/// sqrt(-2 ln u) (cos 2 pi v, sin 2 pi v). Box and Muller, "A note on the generation of random
/// normal deviates", 1958.
std::pair<double, double> box_muller(double u, double v) {
  const double radius = std::sqrt(-2 * std::log(u)), angle = 2 * std::numbers::pi * v;
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

Tensor normal_rows(const char* operation, const Shape& shape, Rng& rng, NormalOptions options,
                   Where where) {
  check_dtype(operation, options.dtype, where);
  if (!(options.stddev >= 0))
    Fault(operation, where)
        .raise<DataError>(
            fmt::format("the standard deviation is {} but must be >= 0", options.stddev));
  if (!is_finite(options.mean, options.dtype) || !is_finite(options.stddev, options.dtype))
    Fault(operation, where)
        .raise<DataError>(fmt::format("mean {} and standard deviation {} must be finite",
                                      options.mean, options.stddev));
  check_sizes(operation, shape, options.dtype, where);
  Tensor x = make_tensor(shape, options.dtype);
  visit_floating(options.dtype, [&](auto zero) {
    using T = decltype(zero);
    draw<T>(x, rng, [&](const RandomBlock& block, T* values) {
      for (std::int64_t i = 0; i < kPerBlock<T>; i += 2) {
        const auto [a, b] =
            sizeof(T) == 4 ? box_muller((static_cast<double>(block.words[i]) + 1) * 0x1p-32,
                                        static_cast<double>(block.words[i + 1]) * 0x1p-32)
                           : box_muller(static_cast<double>((bits64(block, 0) >> 11) + 1) * 0x1p-53,
                                        static_cast<double>(bits64(block, 1) >> 11) * 0x1p-53);
        values[i] = static_cast<T>(options.mean + options.stddev * a);
        values[i + 1] = static_cast<T>(options.mean + options.stddev * b);
      }
    });
  });
  return x;
}

}  // namespace

Tensor Tensor::uniform(const Shape& shape, Rng& rng, UniformOptions options, Where where) {
  return uniform_rows("uniform", shape, rng, options, where);
}

Tensor Tensor::normal(const Shape& shape, Rng& rng, NormalOptions options, Where where) {
  return normal_rows("normal", shape, rng, options, where);
}

Tensor uniform_like(const Tensor& x, Rng& rng, Where where) {
  check_floating("uniform_like", x, where);
  return in_strides(uniform_rows("uniform_like", x.shape(), rng, {.dtype = x.dtype()}, where),
                    output_order(x.shape(), {&x}));
}

Tensor normal_like(const Tensor& x, Rng& rng, Where where) {
  check_floating("normal_like", x, where);
  return in_strides(normal_rows("normal_like", x.shape(), rng, {.dtype = x.dtype()}, where),
                    output_order(x.shape(), {&x}));
}

Tensor Tensor::randint(std::int64_t low, std::int64_t high, const Shape& shape, Rng& rng,
                       Where where) {
  if (low >= high)
    Fault("randint", where)
        .raise<DataError>(fmt::format("[{}, {}) is empty: low must be below high", low, high));
  check_sizes("randint", shape, Dtype::i64, where);
  Tensor x = make_tensor(shape, Dtype::i64);
  // In unsigned arithmetic the distance of any two i64 is exact.
  const std::uint64_t range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  draw<std::int64_t>(x, rng, [&](const RandomBlock& block, std::int64_t* values) {
    for (std::int64_t i = 0; i < 2; ++i)
      values[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(low) +
                                            multiply_shift(bits64(block, i), range));
  });
  return x;
}

Tensor Tensor::randperm(std::int64_t n, Rng& rng, Where where) {
  check_sizes("randperm", {n}, Dtype::i64, where);
  Tensor x = make_tensor({n}, Dtype::i64);
  std::int64_t* out = fresh_elements<std::int64_t>(x);
  const std::uint64_t key = rng.key(), first = rng.take(blocks_for(n, 2));
  for (std::int64_t i = 0; i < n; ++i) {  // Fisher and Yates, from the inside out
    const std::uint64_t bits =
        bits64(random_block(key, first + static_cast<std::uint64_t>(i / 2)), i % 2);
    const auto j =
        static_cast<std::int64_t>(multiply_shift(bits, static_cast<std::uint64_t>(i) + 1));
    out[i] = out[j];
    out[j] = i;
  }
  return x;
}

}  // namespace tenon
