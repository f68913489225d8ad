#include "tenon/kernels/simd/conv2d_blocked.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "ops/conv_oracle.h"
#include "tenon/core/parallel.h"
#include "tenon/kernels/elementwise.h"

namespace tenon::kernels {
namespace {

using Doubles = std::vector<double>;
using Floats = std::vector<float>;

template <class Body>
void for_each_target(const Body& body) {
  const std::int64_t all = hwy::SupportedTargets();
  for (std::int64_t rest = all & (HWY_SSE4 | HWY_AVX2 | HWY_AVX3); rest != 0; rest &= rest - 1) {
    const std::int64_t target = rest & -rest;
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
    SCOPED_TRACE(hwy::TargetName(target));
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().DeInit();
}

ConvGeometry geometry_of(const ConvCase& k) {
  return {k.n,
          k.c,
          k.co,
          k.groups,
          {k.h, k.oh(), k.kh, k.sh, k.dh, k.top, k.bottom},
          {k.w, k.ow(), k.kw, k.sw, k.dw, k.left, k.right}};
}

/// Multiples of 1/64, exact in f32.
Doubles random_values(std::int64_t count, std::mt19937& engine) {
  std::uniform_int_distribution<int> pick(-64, 64);
  Doubles values(static_cast<std::size_t>(count));
  for (double& v : values) v = pick(engine) / 64.0;
  return values;
}
/// Sums of these round, so that another order shows.
Floats random_floats(std::int64_t count, std::mt19937& engine) {
  std::uniform_real_distribution<float> pick(-1, 1);
  Floats values(static_cast<std::size_t>(count));
  for (float& v : values) v = pick(engine);
  return values;
}
Floats narrow(const Doubles& x) { return {x.begin(), x.end()}; }
/// [N][everything else] as [everything else][N].
Floats batch_inner(const Doubles& x, std::int64_t batch) {
  const std::size_t n = static_cast<std::size_t>(batch), rest = x.size() / n;
  Floats y(x.size());
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < rest; ++j) y[j * n + i] = static_cast<float>(x[i * rest + j]);
  return y;
}

constexpr float kGuard = 12345.0f;
/// An output that shows elements that were not written, and writes behind its end.
Floats output(const Floats& like) {
  Floats y(like.size() + 64, NAN);
  std::fill(y.end() - 64, y.end(), kGuard);
  return y;
}

testing::AssertionResult agree(const char* what, const Floats& got, const Floats& want,
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

/// At least 16 channels a group; small enough for the definition.
ConvCase random_blocked_case(std::uint32_t seed) {
  std::mt19937 engine(seed);
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine);
  };
  while (true) {
    ConvCase k;
    const std::int64_t batches[] = {1, 8, 16, 32, pick(129, 140), pick(1, 40), pick(1, 40)};
    k.n = batches[pick(0, 6)];
    k.groups = pick(0, 4) == 0 ? 2 : 1;
    k.c = k.groups * pick(16, pick(0, 2) == 0 ? 75 : 24);
    k.co = k.groups * pick(16, pick(0, 2) == 0 ? 75 : 24);
    k.h = pick(1, 12), k.w = pick(1, pick(0, 3) == 0 ? 40 : 12);
    k.kh = pick(1, 5), k.kw = pick(1, 5);
    k.sh = pick(1, 3), k.sw = pick(1, 3);
    k.dh = pick(1, 2), k.dw = pick(1, 2);
    k.top = pick(0, 3), k.left = pick(0, 3), k.bottom = pick(0, 3), k.right = pick(0, 3);
    if (k.h + k.top + k.bottom < k.dh * (k.kh - 1) + 1) continue;
    if (k.w + k.left + k.right < k.dw * (k.kw - 1) + 1) continue;
    if (k.y_shape().numel() * (k.c / k.groups) * k.kh * k.kw <= 1500000) return k;
  }
}

/// Operands in memory order, with a NaN in one x and one dy, and what the definition makes of them.
struct Example {
  ConvGeometry g;
  Floats x, w, b, dy, y, dx, dw, db;

  Example(const ConvCase& k, std::uint32_t seed, bool with_nan) : g(geometry_of(k)) {
    std::mt19937 engine(seed);
    Doubles xs = random_values(k.x_shape().numel(), engine),
            ws = random_values(k.w_shape().numel(), engine);
    Doubles bs = random_values(k.co, engine), dys = random_values(k.y_shape().numel(), engine);
    if (with_nan) xs[engine() % xs.size()] = dys[engine() % dys.size()] = NAN;
    x = batch_inner(xs, k.n), dy = batch_inner(dys, k.n), w = narrow(ws), b = narrow(bs);
    y = batch_inner(k.forward(xs, ws, bs), k.n);
    dx = batch_inner(k.input_gradient(dys, ws), k.n);
    dw = narrow(k.weight_gradient(xs, dys)), db = narrow(k.bias_gradient(dys));
  }
};

TEST(Conv2dBlocked, IsTheConvolutionOnEveryInstructionSet) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    const ConvCase k = random_blocked_case(seed);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + k.text());
    const Example e(k, seed, seed % 3 == 0);
    ASSERT_TRUE(simd::conv2d_blocked_takes(e.g));
    const double sum = static_cast<double>(k.n * k.oh() * k.ow());
    for_each_target([&] {
      Floats y = output(e.y), dx = output(e.dx), dw = output(e.dw), db = output(e.db);
      simd::conv2d_blocked(e.g, e.x.data(), e.w.data(), e.b.data(), Activation::none, y.data());
      EXPECT_TRUE(agree("y", y, e.y, std::sqrt(static_cast<double>(k.c * k.kh * k.kw))));
      simd::conv2d_blocked_input_gradient(e.g, e.dy.data(), e.w.data(), dx.data());
      EXPECT_TRUE(agree("dx", dx, e.dx, std::sqrt(static_cast<double>(k.co * k.kh * k.kw))));
      simd::conv2d_blocked_weight_gradient(e.g, e.x.data(), e.dy.data(), dw.data(), db.data());
      EXPECT_TRUE(agree("dw", dw, e.dw, std::sqrt(sum)));
      EXPECT_TRUE(agree("db", db, e.db, std::sqrt(sum)));
      Floats alone = output(e.dw);
      simd::conv2d_blocked_weight_gradient(e.g, e.x.data(), e.dy.data(), alone.data(), nullptr);
      EXPECT_EQ(std::memcmp(alone.data(), dw.data(), dw.size() * sizeof(float)), 0);
    });
    if (HasFailure()) return;
  }
}

TEST(Conv2dBlocked, ActivatesWithTheBitsOfASeparatePass) {
  const Activation all[] = {Activation::tanh,       Activation::sigmoid, Activation::relu,
                            Activation::leaky_relu, Activation::elu,     Activation::gelu,
                            Activation::silu};
  for (std::uint32_t seed = 0; seed < 14; ++seed) {
    const Activation activation = all[seed % 7];
    const ConvCase k = random_blocked_case(1000 + seed);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + k.text());
    const Example e(k, seed, true);
    for_each_target([&] {
      Floats plain(e.y.size()), y(e.y.size());
      simd::conv2d_blocked(e.g, e.x.data(), e.w.data(), nullptr, Activation::none, plain.data());
      simd::conv2d_blocked(e.g, e.x.data(), e.w.data(), nullptr, activation, y.data());
      const auto size = static_cast<std::int64_t>(plain.size());
      const Tensor want = kernels::activate(Tensor::from(plain, {size}), activation);
      EXPECT_EQ(std::memcmp(y.data(), want.to_vector<float>().data(), y.size() * sizeof(float)), 0);
    });
  }
}

TEST(Conv2dBlocked, GivesTheSameBitsOnAnyNumberOfThreads) {
  const int threads_before = num_threads();
  const ConvCase cases[] = {
      {.n = 40,
       .c = 18,
       .h = 9,
       .w = 40,
       .co = 35,
       .kh = 3,
       .kw = 3,
       .top = 1,
       .bottom = 1,
       .left = 1,
       .right = 1},
      {.n = 16, .c = 40, .h = 30, .w = 8, .co = 80, .kh = 3, .kw = 2, .sh = 2, .sw = 2},
      {.n = 130, .c = 32, .h = 6, .w = 5, .co = 32, .kh = 3, .kw = 3, .groups = 2}};
  for (const ConvCase& k : cases) {
    SCOPED_TRACE(k.text());
    std::mt19937 engine(7);
    const ConvGeometry g = geometry_of(k);
    const Floats x = random_floats(k.x_shape().numel(), engine);
    const Floats w = random_floats(k.w_shape().numel(), engine);
    const Floats dy = random_floats(k.y_shape().numel(), engine);
    const auto run = [&] {
      Floats y(dy.size()), dx(x.size()), dw(w.size()), db(static_cast<std::size_t>(k.co));
      simd::conv2d_blocked(g, x.data(), w.data(), nullptr, Activation::tanh, y.data());
      simd::conv2d_blocked_input_gradient(g, dy.data(), w.data(), dx.data());
      simd::conv2d_blocked_weight_gradient(g, x.data(), dy.data(), dw.data(), db.data());
      for (const Floats* part : {&dx, &dw, &db}) y.insert(y.end(), part->begin(), part->end());
      return y;
    };
    set_num_threads(1);
    const Floats one = run();
    for (const int threads : {2, 3, 8}) {
      set_num_threads(threads);
      EXPECT_EQ(run(), one) << threads;
      std::vector<Floats> inside(4);  // as in shards
      parallel_for(
          4, 1, [&](std::int64_t i, std::int64_t) { inside[static_cast<std::size_t>(i)] = run(); });
      for (const Floats& r : inside) EXPECT_EQ(r, one) << threads;
    }
  }
  set_num_threads(threads_before);
}

TEST(Conv2dBlocked, LeavesFewChannelsAndEmptyTensorsAlone) {
  const ConvCase good{.n = 3, .c = 32, .h = 5, .w = 5, .co = 32, .kh = 3, .kw = 3, .groups = 2};
  EXPECT_TRUE(simd::conv2d_blocked_takes(geometry_of(good)));
  ConvCase k = good;
  k.c = 30;
  EXPECT_FALSE(simd::conv2d_blocked_takes(geometry_of(k)));
  k = good, k.co = 30;
  EXPECT_FALSE(simd::conv2d_blocked_takes(geometry_of(k)));
  k = good, k.n = 0;
  EXPECT_FALSE(simd::conv2d_blocked_takes(geometry_of(k)));
  k = good, k.h = 40, k.kh = 33;
  EXPECT_FALSE(simd::conv2d_blocked_takes(geometry_of(k)));
}

}  // namespace
}  // namespace tenon::kernels
