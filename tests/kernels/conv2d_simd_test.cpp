#include <gtest/gtest.h>
#include <hwy/targets.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "ops/conv_oracle.h"
#include "tenon/core/parallel.h"
#include "tenon/kernels/elementwise.h"
#include "tenon/kernels/simd/conv2d.h"

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
Floats to_floats(const Doubles& x) { return {x.begin(), x.end()}; }
/// [N][everything else] as [everything else][N].
Floats batch_inner(const Doubles& x, std::int64_t batch) {
  const std::size_t n = static_cast<std::size_t>(batch), rest = x.size() / n;
  Floats y(x.size());
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < rest; ++j) y[j * n + i] = static_cast<float>(x[i * rest + j]);
  return y;
}

/// A copy that ends where readable memory does.
class AtTheEnd {
 public:
  explicit AtTheEnd(const Floats& x) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t bytes = x.size() * sizeof(float), readable = (bytes + page - 1) / page * page;
    size_ = readable + page;
    memory_ = static_cast<char*>(
        mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_EQ(mprotect(memory_ + readable, page, PROT_NONE), 0);
    data_ = reinterpret_cast<float*>(memory_ + readable - bytes);
    std::memcpy(data_, x.data(), bytes);
  }
  ~AtTheEnd() { munmap(memory_, size_); }
  AtTheEnd(const AtTheEnd&) = delete;
  AtTheEnd& operator=(const AtTheEnd&) = delete;
  const float* data() const { return data_; }

 private:
  char* memory_;
  std::size_t size_;
  float* data_;
};

constexpr float kGuard = 12345.0F;
/// An output that shows elements that were not written, and writes behind its end.
Floats output_like(const Floats& like) {
  Floats y(like.size() + 64, NAN);
  std::fill(y.end() - 64, y.end(), kGuard);
  return y;
}

testing::AssertionResult agree(const char* what, const Floats& got, const Floats& want,
                               double scale) {
  for (std::size_t i = want.size(); i < got.size(); ++i)
    if (got[i] != kGuard)
      return testing::AssertionFailure() << what << " is written behind its end";
  for (std::size_t i = 0; i < want.size(); ++i)
    if (!(std::abs(got[i] - want[i]) <= 3e-6 * scale + 2e-6 * std::abs(want[i])))
      return testing::AssertionFailure()
             << what << "[" << i << "] is " << got[i] << ", want " << want[i];
  return testing::AssertionSuccess();
}

/// Any channels, small enough for the definition.
ConvCase random_case(std::uint32_t seed) {
  std::mt19937 engine(seed);
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine);
  };
  while (true) {
    ConvCase k;
    const std::int64_t batches[] = {1, 8, 16, 32, 48, pick(1, 40), pick(1, 40), pick(1, 8)};
    k.n = batches[pick(0, 7)];
    const std::int64_t kind = pick(0, 5);  // 0: depthwise, 1: grouped
    k.groups = kind == 0 ? pick(2, 20) : kind == 1 ? pick(2, 3) : 1;
    k.c = k.groups * (kind == 0 ? 1 : pick(1, 9));
    k.co = k.groups * (kind == 0 ? pick(1, 2) : pick(1, 20));
    k.h = pick(1, 14), k.w = pick(1, pick(0, 3) == 0 ? 40 : 14);
    k.kh = pick(1, 5), k.kw = pick(1, pick(0, 5) == 0 ? 11 : 5);
    k.sh = pick(1, 3), k.sw = pick(0, 1) == 0 ? 1 : pick(2, 4);
    k.dh = pick(1, 2), k.dw = pick(1, 2);
    if (pick(0, 2) > 0)
      k.top = pick(0, 3), k.left = pick(0, 3), k.bottom = pick(0, 3), k.right = pick(0, 3);
    if (k.h + k.top + k.bottom < k.dh * (k.kh - 1) + 1) continue;
    if (k.w + k.left + k.right < k.dw * (k.kw - 1) + 1) continue;
    if (k.y_shape().numel() * (k.c / k.groups) * k.kh * k.kw <= 1500000) return k;
  }
}

/// Operands in memory order, and what the definition makes of them.
struct Example {
  ConvGeometry g;
  Floats x, w, b, dy, y, dx, dw, db;

  Example(const ConvCase& k, std::uint32_t seed) : g(geometry_of(k)) {
    std::mt19937 engine(seed);
    const Doubles xs = random_values(k.x_shape().numel(), engine),
                  ws = random_values(k.w_shape().numel(), engine);
    const Doubles bs = random_values(k.co, engine),
                  dys = random_values(k.y_shape().numel(), engine);
    x = batch_inner(xs, k.n), dy = batch_inner(dys, k.n);
    w = to_floats(ws), b = to_floats(bs);
    y = batch_inner(k.forward(xs, ws, bs), k.n);
    dx = batch_inner(k.input_gradient(dys, ws), k.n);
    dw = to_floats(k.weight_gradient(xs, dys)), db = to_floats(k.bias_gradient(dys));
  }
};

TEST(Conv2dSimd, IsTheConvolutionOnEveryInstructionSet) {
  for (std::uint32_t seed = 0; seed < 400; ++seed) {
    const ConvCase k = random_case(seed);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + k.text());
    const Example e(k, seed);
    ASSERT_TRUE(simd::conv2d_takes(e.g));
    const double in = std::sqrt(static_cast<double>(k.c * k.kh * k.kw)),
                 out = std::sqrt(static_cast<double>(k.co * k.kh * k.kw)),
                 pixels = std::sqrt(static_cast<double>(k.n * k.oh() * k.ow()));
    const AtTheEnd x(e.x), w(e.w), b(e.b), dy(e.dy);
    for_each_target([&] {
      Floats y = output_like(e.y), dx = output_like(e.dx), dw = output_like(e.dw),
             db = output_like(e.db);
      simd::conv2d(e.g, x.data(), w.data(), b.data(), Activation::none, y.data());
      EXPECT_TRUE(agree("y", y, e.y, in));
      simd::conv2d_input_gradient(e.g, dy.data(), w.data(), dx.data());
      EXPECT_TRUE(agree("dx", dx, e.dx, out));
      simd::conv2d_weight_gradient(e.g, x.data(), dy.data(), dw.data(), db.data());
      EXPECT_TRUE(agree("dw", dw, e.dw, pixels));
      EXPECT_TRUE(agree("db", db, e.db, pixels));
      Floats alone = output_like(e.dw);
      simd::conv2d_weight_gradient(e.g, x.data(), dy.data(), alone.data(), nullptr);
      EXPECT_EQ(std::memcmp(alone.data(), dw.data(), dw.size() * sizeof(float)), 0);
    });
    if (HasFailure()) return;
  }
}

/// Without padding a NaN reaches the sums that read it, and no others.
TEST(Conv2dSimd, NanReachesWhatReadsIt) {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    ConvCase k = random_case(2000 + seed);
    if (k.h < k.dh * (k.kh - 1) + 1 || k.w < k.dw * (k.kw - 1) + 1) continue;
    k.top = k.bottom = k.left = k.right = 0;
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + k.text());
    std::mt19937 engine(seed);
    Doubles xs = random_values(k.x_shape().numel(), engine);
    Doubles dys = random_values(k.y_shape().numel(), engine);
    const Doubles ws = random_values(k.w_shape().numel(), engine);
    xs[engine() % xs.size()] = dys[engine() % dys.size()] = NAN;
    const ConvGeometry g = geometry_of(k);
    const Floats x = batch_inner(xs, k.n), w = to_floats(ws), dy = batch_inner(dys, k.n);
    const auto same_nan = [](const Floats& got, const Floats& want) {
      for (std::size_t i = 0; i < want.size(); ++i)
        if (std::isnan(got[i]) != std::isnan(want[i])) return false;
      return true;
    };
    for_each_target([&] {
      Floats y(dy.size()), dx(x.size()), dw(w.size());
      simd::conv2d(g, x.data(), w.data(), nullptr, Activation::relu, y.data());
      EXPECT_TRUE(same_nan(y, batch_inner(k.forward(xs, ws, {}), k.n)));
      simd::conv2d_input_gradient(g, dy.data(), w.data(), dx.data());
      EXPECT_TRUE(same_nan(dx, batch_inner(k.input_gradient(dys, ws), k.n)));
      simd::conv2d_weight_gradient(g, x.data(), dy.data(), dw.data(), nullptr);
      EXPECT_TRUE(same_nan(dw, to_floats(k.weight_gradient(xs, dys))));
    });
    if (HasFailure()) return;
  }
}

TEST(Conv2dSimd, ActivatesWithTheBitsOfASeparatePass) {
  const Activation all[] = {Activation::tanh, Activation::sigmoid, Activation::relu,
                            Activation::leaky_relu, Activation::elu};
  for (std::uint32_t seed = 0; seed < 15; ++seed) {
    const Activation activation = all[seed % 5];
    const ConvCase k = random_case(1000 + seed);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + k.text());
    const Example e(k, seed);
    for_each_target([&] {
      Floats plain(e.y.size()), y(e.y.size());
      simd::conv2d(e.g, e.x.data(), e.w.data(), nullptr, Activation::none, plain.data());
      simd::conv2d(e.g, e.x.data(), e.w.data(), nullptr, activation, y.data());
      const auto size = static_cast<std::int64_t>(plain.size());
      const Tensor want = kernels::activate(Tensor::from(plain, {size}), activation);
      EXPECT_EQ(std::memcmp(y.data(), want.to_vector<float>().data(), y.size() * sizeof(float)), 0);
    });
  }
}

TEST(Conv2dSimd, GivesTheSameBitsOnAnyNumberOfThreads) {
  const int threads_before = num_threads();
  const ConvCase cases[] = {{.n = 128, .c = 6, .h = 12, .w = 12, .co = 16, .kh = 5, .kw = 5},
                            {.n = 33,
                             .c = 3,
                             .h = 40,
                             .w = 30,
                             .co = 20,
                             .kh = 7,
                             .kw = 7,
                             .sh = 2,
                             .sw = 2,
                             .top = 3,
                             .bottom = 3,
                             .left = 3,
                             .right = 3},
                            {.n = 40,
                             .c = 24,
                             .h = 20,
                             .w = 20,
                             .co = 24,
                             .kh = 3,
                             .kw = 3,
                             .top = 1,
                             .bottom = 1,
                             .left = 1,
                             .right = 1,
                             .groups = 24}};
  for (const ConvCase& k : cases) {
    SCOPED_TRACE(k.text());
    std::mt19937 engine(7);
    const ConvGeometry g = geometry_of(k);
    const Floats x = to_floats(random_values(k.x_shape().numel(), engine));
    const Floats w = to_floats(random_values(k.w_shape().numel(), engine));
    const Floats dy = to_floats(random_values(k.y_shape().numel(), engine));
    const auto run = [&] {
      Floats y(dy.size()), dx(x.size()), dw(w.size()), db(static_cast<std::size_t>(k.co));
      simd::conv2d(g, x.data(), w.data(), nullptr, Activation::tanh, y.data());
      simd::conv2d_input_gradient(g, dy.data(), w.data(), dx.data());
      simd::conv2d_weight_gradient(g, x.data(), dy.data(), dw.data(), db.data());
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

TEST(Conv2dSimd, LeavesEmptyTensorsAndLargeKernelsAlone) {
  const ConvCase good{.n = 3, .c = 3, .h = 50, .w = 5, .co = 2, .kh = 3, .kw = 3};
  EXPECT_TRUE(simd::conv2d_takes(geometry_of(good)));
  ConvCase k = good;
  k.n = 0;
  EXPECT_FALSE(simd::conv2d_takes(geometry_of(k)));
  k = good, k.kh = 33;
  EXPECT_FALSE(simd::conv2d_takes(geometry_of(k)));
}

}  // namespace
}  // namespace tenon::kernels
