#include "tenon/kernels/reference/softmax.h"

#include <cmath>
#include <limits>

#include "tenon/core/order_internal.h"
#include "tenon/kernels/reference/lines_internal.h"

namespace tenon::kernels::reference {
namespace {

constexpr std::int64_t kExpNanoseconds = 8;

template <class T>
void softmax_tile(const Lines& lines, const LineTile& tile, const T* x, T* y) {
  T greatest[kLineTile];
  double totals[kLineTile];
  std::fill_n(totals, tile.width, 0.0);
  std::fill_n(greatest, tile.width, -std::numeric_limits<T>::infinity());
  x += tile.offset[1];
  y += tile.offset[0];
  for (std::int64_t c = 0; c < lines.count(); ++c)
    for (std::int64_t i = 0; i < tile.width; ++i)
      greatest[i] = std::max(greatest[i], x[i * tile.step[1] + c * lines.stride(1)]);
  for (std::int64_t c = 0; c < lines.count(); ++c)
    for (std::int64_t i = 0; i < tile.width; ++i) {
      const T value = std::exp(x[i * tile.step[1] + c * lines.stride(1)] - greatest[i]);
      y[i * tile.step[0] + c * lines.stride(0)] = value;
      totals[i] += static_cast<double>(value);
    }
  for (std::int64_t c = 0; c < lines.count(); ++c)
    for (std::int64_t i = 0; i < tile.width; ++i)
      y[i * tile.step[0] + c * lines.stride(0)] /= static_cast<T>(totals[i]);
}

template <class T>
void log_softmax_tile(const Lines& lines, const LineTile& tile, const T* x, T* y) {
  T greatest[kLineTile];
  double totals[kLineTile];
  std::fill_n(totals, tile.width, 0.0);
  std::fill_n(greatest, tile.width, -std::numeric_limits<T>::infinity());
  x += tile.offset[1];
  y += tile.offset[0];
  for (std::int64_t c = 0; c < lines.count(); ++c)
    for (std::int64_t i = 0; i < tile.width; ++i)
      greatest[i] = std::max(greatest[i], x[i * tile.step[1] + c * lines.stride(1)]);
  for (std::int64_t c = 0; c < lines.count(); ++c)
    for (std::int64_t i = 0; i < tile.width; ++i)
      totals[i] +=
          static_cast<double>(std::exp(x[i * tile.step[1] + c * lines.stride(1)] - greatest[i]));
  for (std::int64_t i = 0; i < tile.width; ++i) totals[i] = std::log(totals[i]);
  for (std::int64_t c = 0; c < lines.count(); ++c)
    for (std::int64_t i = 0; i < tile.width; ++i)
      y[i * tile.step[0] + c * lines.stride(0)] =
          x[i * tile.step[1] + c * lines.stride(1)] - greatest[i] - static_cast<T>(totals[i]);
}

template <class T, bool kLog>
void gradient_tile(const Lines& lines, const LineTile& tile, const T* dy, const T* y, T* dx) {
  double totals[kLineTile];
  std::fill_n(totals, tile.width, 0.0);
  dx += tile.offset[0];
  y += tile.offset[1];
  dy += tile.offset[2];
  const auto y_at = [&](std::int64_t i, std::int64_t c) {
    return y[i * tile.step[1] + c * lines.stride(1)];
  };
  const auto dy_at = [&](std::int64_t i, std::int64_t c) {
    return dy[i * tile.step[2] + c * lines.stride(2)];
  };
  for (std::int64_t c = 0; c < lines.count(); ++c)
    for (std::int64_t i = 0; i < tile.width; ++i)
      totals[i] +=
          static_cast<double>(dy_at(i, c)) * (kLog ? 1.0 : static_cast<double>(y_at(i, c)));
  for (std::int64_t c = 0; c < lines.count(); ++c)
    for (std::int64_t i = 0; i < tile.width; ++i) {
      const auto total = static_cast<T>(totals[i]);
      dx[i * tile.step[0] + c * lines.stride(0)] =
          kLog ? dy_at(i, c) - std::exp(y_at(i, c)) * total : y_at(i, c) * (dy_at(i, c) - total);
    }
}

template <bool kLog>
Tensor gradient(const Tensor& dy, const Tensor& y, std::size_t axis) {
  Tensor dx = make_tensor(y.shape(), output_order(y.shape(), {&y, &dy}), y.dtype());
  if (dx.numel() == 0) return dx;
  const Lines lines(axis, {&dx, &y, &dy});
  visit_floating(y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    parallel_for_each_tile(lines, kLog ? kExpNanoseconds : 2, [&](const LineTile& tile) {
      gradient_tile<T, kLog>(lines, tile, elements<T>(dy), elements<T>(y), fresh_elements<T>(dx));
    });
  });
  return dx;
}

}  // namespace

Tensor softmax(const Tensor& x, std::size_t axis) {
  Tensor y = make_tensor(x.shape(), output_order(x.shape(), {&x}), x.dtype());
  if (y.numel() == 0) return y;
  const Lines lines(axis, {&y, &x});
  visit_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    parallel_for_each_tile(lines, kExpNanoseconds, [&](const LineTile& tile) {
      softmax_tile(lines, tile, elements<T>(x), fresh_elements<T>(y));
    });
  });
  return y;
}

Tensor log_softmax(const Tensor& x, std::size_t axis) {
  Tensor y = make_tensor(x.shape(), output_order(x.shape(), {&x}), x.dtype());
  if (y.numel() == 0) return y;
  const Lines lines(axis, {&y, &x});
  visit_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    parallel_for_each_tile(lines, kExpNanoseconds, [&](const LineTile& tile) {
      log_softmax_tile(lines, tile, elements<T>(x), fresh_elements<T>(y));
    });
  });
  return y;
}

Tensor softmax_gradient(const Tensor& dy, const Tensor& y, std::size_t axis) {
  return gradient<false>(dy, y, axis);
}
Tensor log_softmax_gradient(const Tensor& dy, const Tensor& y, std::size_t axis) {
  return gradient<true>(dy, y, axis);
}

}  // namespace tenon::kernels::reference
