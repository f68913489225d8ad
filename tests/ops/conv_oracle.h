#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tenon/core/tensor.h"
#include "tenon/ops/conv2d.h"

namespace tenon {

/// A convolution by its definition: every product of an input and a weight, found by visiting all
/// of them.
struct ConvCase {
  std::int64_t n = 1, c = 1, h = 1, w = 1, co = 1, kh = 1, kw = 1;
  std::int64_t sh = 1, sw = 1, top = 0, bottom = 0, left = 0, right = 0, dh = 1, dw = 1, groups = 1;

  std::int64_t oh() const { return (h + top + bottom - dh * (kh - 1) - 1) / sh + 1; }
  std::int64_t ow() const { return (w + left + right - dw * (kw - 1) - 1) / sw + 1; }
  Shape x_shape() const { return {n, c, h, w}; }
  Shape w_shape() const { return {co, c / groups, kh, kw}; }
  Shape y_shape() const { return {n, co, oh(), ow()}; }
  /// For the symmetric paddings that options can say.
  Conv2dOptions options() const {
    return {.stride = {sh, sw}, .padding = {top, left}, .dilation = {dh, dw}, .groups = groups};
  }
  std::string text() const {
    return fmt::format("x {} w {} stride {}x{} padding {},{},{},{} dilation {}x{} groups {}",
                       to_string(x_shape()), to_string(w_shape()), sh, sw, top, bottom, left, right,
                       dh, dw, groups);
  }

  /// f(x index, w index, y index), row-major, for each product in the sum.
  template <class F>
  void for_each_product(F&& f) const {
    const std::int64_t group_in = c / groups, group_out = co / groups;
    for (std::int64_t in = 0; in < n; ++in)
      for (std::int64_t o = 0; o < co; ++o)
        for (std::int64_t i = 0; i < oh(); ++i)
          for (std::int64_t j = 0; j < ow(); ++j)
            for (std::int64_t ic = 0; ic < group_in; ++ic)
              for (std::int64_t k = 0; k < kh; ++k)
                for (std::int64_t l = 0; l < kw; ++l) {
                  const std::int64_t row = i * sh + k * dh - top, col = j * sw + l * dw - left;
                  if (row < 0 || row >= h || col < 0 || col >= w) continue;
                  const std::int64_t channel = o / group_out * group_in + ic;
                  f(static_cast<std::size_t>(((in * c + channel) * h + row) * w + col),
                    static_cast<std::size_t>(((o * group_in + ic) * kh + k) * kw + l),
                    static_cast<std::size_t>(((in * co + o) * oh() + i) * ow() + j));
                }
  }

  using Values = std::vector<double>;
  Values zeros(const Shape& shape) const { return Values(static_cast<std::size_t>(shape.numel())); }

  Values forward(const Values& xs, const Values& ws, const Values& bs) const {
    Values ys = zeros(y_shape());
    const std::int64_t pixels = oh() * ow();
    if (!bs.empty())
      for (std::size_t i = 0; i < ys.size(); ++i)
        ys[i] = bs[static_cast<std::size_t>(static_cast<std::int64_t>(i) / pixels % co)];
    for_each_product(
        [&](std::size_t x, std::size_t wi, std::size_t y) { ys[y] += xs[x] * ws[wi]; });
    return ys;
  }
  Values input_gradient(const Values& dys, const Values& ws) const {
    Values dxs = zeros(x_shape());
    for_each_product(
        [&](std::size_t x, std::size_t wi, std::size_t y) { dxs[x] += dys[y] * ws[wi]; });
    return dxs;
  }
  Values weight_gradient(const Values& xs, const Values& dys) const {
    Values dws = zeros(w_shape());
    for_each_product(
        [&](std::size_t x, std::size_t wi, std::size_t y) { dws[wi] += xs[x] * dys[y]; });
    return dws;
  }
  Values bias_gradient(const Values& dys) const {
    Values dbs = zeros({co});
    const std::int64_t pixels = oh() * ow();
    for (std::size_t i = 0; i < dys.size(); ++i)
      dbs[static_cast<std::size_t>(static_cast<std::int64_t>(i) / pixels % co)] += dys[i];
    return dbs;
  }
};

/// A case with an output, drawn from a seed.
inline ConvCase random_conv_case(std::uint32_t seed, bool symmetric) {
  std::mt19937 engine(seed);
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine);
  };
  while (true) {
    ConvCase k;
    k.n = pick(1, 4);
    const std::int64_t kind = pick(0, 5);  // 0: depthwise, 1: grouped
    k.groups = kind == 0 ? pick(2, 20) : kind == 1 ? pick(2, 3) : 1;
    k.c = k.groups * (kind == 0 ? 1 : pick(1, 9));
    k.co = k.groups * (kind == 0 ? pick(1, 2) : pick(1, 18));
    k.h = pick(1, 11), k.w = pick(1, 11);
    k.kh = pick(1, 5), k.kw = pick(1, 5);
    k.sh = pick(1, 3), k.sw = pick(1, 3);
    k.dh = pick(1, 2), k.dw = pick(1, 2);
    // Mostly less than the kernel, as in practice; one case in eight has windows that lie wholly in
    // the padding.
    const std::int64_t limit_h = pick(0, 7) == 0 ? 3 : k.dh * (k.kh - 1),
                       limit_w = pick(0, 7) == 0 ? 3 : k.dw * (k.kw - 1);
    k.top = pick(0, std::min<std::int64_t>(limit_h, 2)),
    k.left = pick(0, std::min<std::int64_t>(limit_w, 2));
    k.bottom = symmetric ? k.top : pick(0, std::min<std::int64_t>(limit_h, 3));
    k.right = symmetric ? k.left : pick(0, std::min<std::int64_t>(limit_w, 3));
    if (k.h + k.top + k.bottom >= k.dh * (k.kh - 1) + 1 &&
        k.w + k.left + k.right >= k.dw * (k.kw - 1) + 1)
      return k;
  }
}

/// Sums of some hundred products in f32, whose terms are at most 1.
inline constexpr Tolerance kConvTolerance{2e-5, 3e-5};

}  // namespace tenon
