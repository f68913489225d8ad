#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "ops/conv_oracle.h"
#include "support/simd.h"
#include "tenon/core/parallel.h"
#include "tenon/kernels/conv_geometry.h"
#include "tenon/kernels/elementwise.h"

// What holds for every family of SIMD convolutions.
namespace tenon::kernels {

inline ConvGeometry geometry_of(const ConvCase& k) {
  return {k.n,
          k.c,
          k.co,
          k.groups,
          {k.h, k.oh(), k.kh, k.sh, k.dh, k.top, k.bottom},
          {k.w, k.ow(), k.kw, k.sw, k.dw, k.left, k.right}};
}

using Doubles = std::vector<double>;
using Floats = std::vector<float>;

/// A family's three maps.
struct ConvKernels {
  void (*forward)(const ConvGeometry&, const float* x, const float* w, const float* b, Activation,
                  float* y);
  void (*input_gradient)(const ConvGeometry&, const float* dy, const float* w, float* dx);
  void (*weight_gradient)(const ConvGeometry&, const float* x, const float* dy, float* dw,
                          float* db);
};

/// Multiples of 1/64, exact in f32.
inline Doubles random_values(std::int64_t count, std::mt19937& engine) {
  std::uniform_int_distribution<int> pick(-64, 64);
  Doubles values(static_cast<std::size_t>(count));
  for (double& v : values) v = pick(engine) / 64.0;
  return values;
}
/// Sums of these round, so that another order shows.
inline Floats random_floats(std::int64_t count, std::mt19937& engine) {
  std::uniform_real_distribution<float> pick(-1, 1);
  Floats values(static_cast<std::size_t>(count));
  for (float& v : values) v = pick(engine);
  return values;
}
inline Floats to_floats(const Doubles& x) { return {x.begin(), x.end()}; }
/// [N][everything else] as [everything else][N].
inline Floats batch_inner(const Doubles& x, std::int64_t batch) {
  const std::size_t n = static_cast<std::size_t>(batch), rest = x.size() / n;
  Floats y(x.size());
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < rest; ++j) y[j * n + i] = static_cast<float>(x[i * rest + j]);
  return y;
}

inline constexpr float kGuard = 12345.0F;
/// An output that shows elements that were not written, and writes behind its end.
inline Floats output_like(const Floats& like) {
  Floats y(like.size() + 64, NAN);
  std::fill(y.end() - 64, y.end(), kGuard);
  return y;
}

inline testing::AssertionResult agree(const char* what, const Floats& got, const Floats& want,
                                      double scale) {
  for (std::size_t i = want.size(); i < got.size(); ++i)
    if (got[i] != kGuard)
      return testing::AssertionFailure() << what << " is written behind its end";
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (std::isnan(want[i]) && std::isnan(got[i])) continue;
    if (!(std::abs(got[i] - want[i]) <= 3e-6 * scale + 2e-6 * std::abs(want[i])))
      return testing::AssertionFailure()
             << what << "[" << i << "] is " << got[i] << ", want " << want[i];
  }
  return testing::AssertionSuccess();
}

/// Operands in memory order, if asked for with a NaN in one x and one dy, and what the definition
/// makes of them.
struct ConvExample {
  ConvGeometry g;
  Floats x, w, b, dy, y, dx, dw, db;

  ConvExample(const ConvCase& k, std::uint32_t seed, bool with_nan) : g(geometry_of(k)) {
    std::mt19937 engine(seed);
    Doubles xs = random_values(k.x_shape().numel(), engine);
    const Doubles ws = random_values(k.w_shape().numel(), engine);
    const Doubles bs = random_values(k.co, engine);
    Doubles dys = random_values(k.y_shape().numel(), engine);
    if (with_nan) xs[engine() % xs.size()] = dys[engine() % dys.size()] = NAN;
    x = batch_inner(xs, k.n), dy = batch_inner(dys, k.n);
    w = to_floats(ws), b = to_floats(bs);
    y = batch_inner(k.forward(xs, ws, bs), k.n);
    dx = batch_inner(k.input_gradient(dys, ws), k.n);
    dw = to_floats(k.weight_gradient(xs, dys)), db = to_floats(k.bias_gradient(dys));
  }
};

/// On every instruction set; operands end where readable memory does.
inline void expect_the_convolution(const ConvKernels& maps, const ConvCase& k, std::uint32_t seed,
                                   bool with_nan) {
  const ConvExample e(k, seed, with_nan);
  const double in = std::sqrt(static_cast<double>(k.c * k.kh * k.kw)),
               out = std::sqrt(static_cast<double>(k.co * k.kh * k.kw)),
               pixels = std::sqrt(static_cast<double>(k.n * k.oh() * k.ow()));
  PageEnd<float> x(e.x), w(e.w), b(e.b), dy(e.dy);
  for_each_target([&] {
    Floats y = output_like(e.y), dx = output_like(e.dx), dw = output_like(e.dw),
           db = output_like(e.db);
    maps.forward(e.g, x.data(), w.data(), b.data(), Activation::none, y.data());
    EXPECT_TRUE(agree("y", y, e.y, in));
    maps.input_gradient(e.g, dy.data(), w.data(), dx.data());
    EXPECT_TRUE(agree("dx", dx, e.dx, out));
    maps.weight_gradient(e.g, x.data(), dy.data(), dw.data(), db.data());
    EXPECT_TRUE(agree("dw", dw, e.dw, pixels));
    EXPECT_TRUE(agree("db", db, e.db, pixels));
    Floats alone = output_like(e.dw);
    maps.weight_gradient(e.g, x.data(), dy.data(), alone.data(), nullptr);
    EXPECT_EQ(std::memcmp(alone.data(), dw.data(), dw.size() * sizeof(float)), 0);
  });
}

inline void expect_bits_of_a_separate_activation(const ConvKernels& maps, const ConvCase& k,
                                                 std::uint32_t seed, bool with_nan,
                                                 Activation activation) {
  const ConvExample e(k, seed, with_nan);
  for_each_target([&] {
    Floats plain(e.y.size()), y(e.y.size());
    maps.forward(e.g, e.x.data(), e.w.data(), nullptr, Activation::none, plain.data());
    maps.forward(e.g, e.x.data(), e.w.data(), nullptr, activation, y.data());
    const auto size = static_cast<std::int64_t>(plain.size());
    const Tensor want = kernels::activate(Tensor::from(plain, {size}), activation);
    EXPECT_EQ(std::memcmp(y.data(), want.to_vector<float>().data(), y.size() * sizeof(float)), 0);
  });
}

/// On 1, 2, 3 and 8 threads, and inside of other parallel work, as in shards.
inline void expect_same_bits_on_any_threads(const ConvKernels& maps, const ConvCase& k) {
  std::mt19937 engine(7);
  const ConvGeometry g = geometry_of(k);
  const Floats x = random_floats(k.x_shape().numel(), engine);
  const Floats w = random_floats(k.w_shape().numel(), engine);
  const Floats dy = random_floats(k.y_shape().numel(), engine);
  const auto run = [&] {
    Floats y(dy.size()), dx(x.size()), dw(w.size()), db(static_cast<std::size_t>(k.co));
    maps.forward(g, x.data(), w.data(), nullptr, Activation::tanh, y.data());
    maps.input_gradient(g, dy.data(), w.data(), dx.data());
    maps.weight_gradient(g, x.data(), dy.data(), dw.data(), db.data());
    for (const Floats* part : {&dx, &dw, &db}) y.insert(y.end(), part->begin(), part->end());
    return y;
  };
  Floats one;
  for_each_thread_count([&] {
    if (one.empty()) one = run();
    EXPECT_EQ(run(), one);
    std::vector<Floats> inside(4);
    parallel_for(
        4, 1, [&](std::int64_t i, std::int64_t) { inside[static_cast<std::size_t>(i)] = run(); });
    for (const Floats& r : inside) EXPECT_EQ(r, one);
  });
}

}  // namespace tenon::kernels
