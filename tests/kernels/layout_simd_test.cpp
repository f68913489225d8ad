#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <random>
#include <vector>

#include "support/simd.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/simd/layout.h"

namespace tenon {
namespace {

TEST(LayoutSimd, TransposesWithinItsBounds) {
  std::mt19937 engine(1);
  for (int i = 0; i < 200; ++i) {
    const auto size = [&] {
      return static_cast<std::int64_t>(1 + engine() % (i % 4 == 0 ? 150 : 40));
    };
    const std::int64_t rows = size(), columns = size();
    const std::int64_t from_row = rows + static_cast<std::int64_t>(engine() % 3);
    const std::int64_t to_row = columns + static_cast<std::int64_t>(engine() % 3);
    std::vector<std::uint32_t> values(static_cast<std::size_t>((columns - 1) * from_row + rows));
    for (std::uint32_t& x : values) x = static_cast<std::uint32_t>(engine());  // NaN among them
    PageEnd from(values);
    for_each_target([&] {
      constexpr std::uint32_t kUntouched = 0x12345678;
      std::vector<std::uint32_t> gaps(static_cast<std::size_t>((rows - 1) * to_row + columns),
                                      kUntouched);
      PageEnd to(gaps);
      kernels::simd::transpose(from.data(), from_row, to.data(), to_row, rows, columns);
      for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < (r + 1 < rows ? to_row : columns); ++c)
          ASSERT_EQ(to.data()[r * to_row + c],
                    c < columns ? from.data()[c * from_row + r] : kUntouched)
              << rows << " x " << columns << " at " << r << ", " << c;
    });
  }
}

TEST(LayoutSimd, CopiesBetweenAllOrdersAndDtypes) {
  std::mt19937 engine(2);
  for (int i = 0; i < 60; ++i) {
    const auto size = [&] { return static_cast<std::int64_t>(1 + engine() % 24); };
    const Shape shape{size(), size(), size(), size()};
    for (const Dtype dtype : {Dtype::f32, Dtype::i32, Dtype::u8, Dtype::f64}) {
      std::vector<std::int64_t> values(static_cast<std::size_t>(shape.numel()));
      for (std::size_t k = 0; k < values.size(); ++k)
        values[k] = static_cast<std::int64_t>(k % 251);
      const Tensor rows = Tensor::from(values, shape).to(dtype);
      for (const Order a : {Order::rows, Order::channels_last, Order::batch_inner})
        for (const Order b : {Order::rows, Order::channels_last, Order::batch_inner}) {
          const Tensor x = kernels::copy_to_strides(rows, strides_in_order(shape, a));
          const Tensor y = kernels::copy_to_strides(x, strides_in_order(shape, b));
          ASSERT_EQ(y.strides(), strides_in_order(shape, b));
          ASSERT_EQ(y.to_vector<std::int64_t>(), values)
              << to_string(shape) << " order " << int(a) << " to " << int(b);
        }
    }
  }
}

TEST(LayoutSimd, ScalesEveryPixelExactly) {
  std::vector<std::uint8_t> pixels(256 + 37);
  std::iota(pixels.begin(), pixels.end(), std::uint8_t{0});
  for_each_target([&] {
    for (std::size_t first = 0; first < 37; ++first) {
      const std::size_t count = pixels.size() - first;
      PageEnd from(std::vector<std::uint8_t>(pixels.begin() + static_cast<std::ptrdiff_t>(first),
                                             pixels.end()));
      PageEnd scaled(std::vector<float>(count, -7.0f));
      kernels::simd::scale_pixels(from.data(), scaled.data(), static_cast<std::int64_t>(count));
      for (std::size_t i = 0; i < count; ++i)
        ASSERT_EQ(scaled.data()[i], static_cast<float>(pixels[first + i]) / 255.0f)
            << int(pixels[first + i]);
    }
  });
}

}  // namespace
}  // namespace tenon
