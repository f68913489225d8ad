// Each update of a line of f32, for each instruction set: the bits of the plain loop, for any
// count, and nothing touched beyond the end.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "support/simd.h"
#include "tenon/kernels/simd/optimizer.h"

namespace tenon {
namespace {

namespace simd = kernels::simd;

constexpr std::size_t kStates = 3;

/// One element: parameter, gradient, states.
struct Element {
  float p;
  float g;
  float states[kStates];
};
using Plain = std::function<void(Element&)>;
using Line = std::function<void(float* p, const float* g, float* const* states, std::int64_t)>;

/// Squares are not negative; there is a zero and a NaN among the gradients.
std::vector<Element> elements_of(std::size_t count, unsigned seed) {
  RandomCases random(seed);
  const std::vector<float> numbers = random.floats(static_cast<std::int64_t>(5 * count));
  std::vector<Element> elements(count);
  for (std::size_t i = 0; i < count; ++i) {
    const float* x = numbers.data() + 5 * i;
    elements[i] = {x[0], x[1], {x[2] * x[2], x[3], std::abs(x[4])}};
  }
  if (count > 2) elements[1].g = 0;
  if (count > 4) elements[3].g = std::numeric_limits<float>::quiet_NaN();
  return elements;
}

void expect_same_bits(const std::string& name, const Line& line, const Plain& plain) {
  for_each_target([&] {
    for (std::size_t count = 0; count <= 70; ++count) {
      SCOPED_TRACE(name + " of " + std::to_string(count));
      std::vector<Element> want = elements_of(count, 7 + static_cast<unsigned>(count));
      std::vector<float> p, g, s[kStates];
      for (const Element& x : want) {
        p.push_back(x.p), g.push_back(x.g);
        for (std::size_t i = 0; i < kStates; ++i) s[i].push_back(x.states[i]);
      }
      PageEnd<float> pp(p), gg(g), s0(s[0]), s1(s[1]), s2(s[2]);
      float* const states[kStates] = {s0.data(), s1.data(), s2.data()};
      line(pp.data(), gg.data(), states, static_cast<std::int64_t>(count));
      for (std::size_t i = 0; i < count; ++i) {
        plain(want[i]);
        const auto same = [](float a, float b) {
          return (a == b && std::signbit(a) == std::signbit(b)) || (std::isnan(a) && std::isnan(b));
        };
        EXPECT_PRED2(same, pp.data()[i], want[i].p) << i;
        for (std::size_t k = 0; k < kStates; ++k)
          EXPECT_PRED2(same, states[k][i], want[i].states[k]) << "state " << k << " of " << i;
      }
    }
  });
}

TEST(OptimizerSimd, Sgd) {
  const simd::SgdNumbers n{.rate = 0.1f,
                           .decay = 0.2f,
                           .old_part = 0.9f,
                           .new_part = 0.7f,
                           .slope_part = 1,
                           .momentum_part = 0.9f};
  for (const bool momentum : {false, true})
    expect_same_bits(
        "sgd",
        [&](float* p, const float* g, float* const* s, std::int64_t count) {
          simd::sgd(n, p, g, momentum ? s[0] : nullptr, count);
        },
        [&](Element& x) {
          float step = x.g + n.decay * x.p;
          if (momentum) {
            x.states[0] = n.old_part * x.states[0] + n.new_part * step;
            step = n.slope_part * step + n.momentum_part * x.states[0];
          }
          x.p -= n.rate * step;
        });
}

TEST(OptimizerSimd, Adam) {
  const simd::AdamNumbers n{.keep = 0.99f,
                            .decay = 0.2f,
                            .part1 = 0.1f,
                            .beta2 = 0.98f,
                            .part2 = 0.02f,
                            .step = 0.3f,
                            .root = 0.7f,
                            .epsilon = 1e-3f};
  for (const bool amsgrad : {false, true})
    expect_same_bits(
        "adam",
        [&](float* p, const float* g, float* const* s, std::int64_t count) {
          simd::adam(n, p, g, s[1], s[0], amsgrad ? s[2] : nullptr, count);
        },
        [&](Element& x) {
          float &m = x.states[1], &v = x.states[0], &most = x.states[2];
          const float value = n.keep * x.p, slope = x.g + n.decay * value;
          m += n.part1 * (slope - m);
          v = n.beta2 * v + n.part2 * slope * slope;
          float used = v;
          if (amsgrad) used = most = most < v ? v : most;
          x.p = value - n.step * m / (std::sqrt(used) / n.root + n.epsilon);
        });
}

TEST(OptimizerSimd, Nadam) {
  const simd::NadamNumbers n{.keep = 0.99f,
                             .decay = 0.2f,
                             .part1 = 0.1f,
                             .beta2 = 0.98f,
                             .part2 = 0.02f,
                             .slope_step = 0.3f,
                             .moment_step = 0.4f,
                             .root = 0.7f,
                             .epsilon = 1e-3f};
  expect_same_bits(
      "nadam",
      [&](float* p, const float* g, float* const* s, std::int64_t count) {
        simd::nadam(n, p, g, s[1], s[0], count);
      },
      [&](Element& x) {
        float &m = x.states[1], &v = x.states[0];
        const float value = n.keep * x.p, slope = x.g + n.decay * value;
        m += n.part1 * (slope - m);
        v = n.beta2 * v + n.part2 * slope * slope;
        x.p = value -
              (n.slope_step * slope + n.moment_step * m) / (std::sqrt(v) / n.root + n.epsilon);
      });
}

TEST(OptimizerSimd, Rmsprop) {
  const simd::RmspropNumbers n{
      .rate = 0.1f, .decay = 0.2f, .alpha = 0.9f, .part = 0.1f, .epsilon = 1e-3f, .momentum = 0.6f};
  for (const bool centered : {false, true})
    for (const bool momentum : {false, true})
      expect_same_bits(
          "rmsprop",
          [&](float* p, const float* g, float* const* s, std::int64_t count) {
            simd::rmsprop(n, p, g, s[0], centered ? s[1] : nullptr, momentum ? s[2] : nullptr,
                          count);
          },
          [&](Element& x) {
            auto& [s, mean, m] = x.states;
            const float slope = x.g + n.decay * x.p;
            float square = s = n.alpha * s + n.part * slope * slope;
            if (centered) {
              mean += n.part * (slope - mean);
              square -= mean * mean;
              if (square < 0) square = 0;
            }
            float step = slope / (std::sqrt(square) + n.epsilon);
            if (momentum) step = m = n.momentum * m + step;
            x.p -= n.rate * step;
          });
}

TEST(OptimizerSimd, Adagrad) {
  const simd::AdagradNumbers n{.rate = 0.1f, .decay = 0.2f, .epsilon = 1e-3f};
  expect_same_bits(
      "adagrad",
      [&](float* p, const float* g, float* const* s, std::int64_t count) {
        simd::adagrad(n, p, g, s[0], count);
      },
      [&](Element& x) {
        const float slope = x.g + n.decay * x.p;
        x.states[0] += slope * slope;
        x.p -= n.rate * slope / (std::sqrt(x.states[0]) + n.epsilon);
      });
}

TEST(OptimizerSimd, Lion) {
  const simd::LionNumbers n{
      .rate = 0.1f, .keep = 0.99f, .beta1 = 0.9f, .part1 = 0.1f, .beta2 = 0.99f, .part2 = 0.01f};
  for (const bool started : {false, true})
    expect_same_bits(
        "lion",
        [&](float* p, const float* g, float* const* s, std::int64_t count) {
          // At first the momentum is zero, and so may be what the sign is taken of.
          if (!started)
            for (std::int64_t i = 0; i < count; ++i) s[1][i] = 0;
          simd::lion(n, p, g, s[1], count);
        },
        [&](Element& x) {
          float& m = x.states[1];
          if (!started) m = 0;
          const float c = n.beta1 * m + n.part1 * x.g;
          const float sign = std::isnan(c) ? c : static_cast<float>((c > 0) - (c < 0));
          x.p = n.keep * x.p - n.rate * sign;
          m = n.beta2 * m + n.part2 * x.g;
        });
}

}  // namespace
}  // namespace tenon
