#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "tenon/core/error.h"
#include "tests/support/close.h"
#include "tests/support/layouts.h"

namespace tenon {

using Values = std::vector<double>;

constexpr double kEpsilon = 1e-5;

inline Tensor random(const Shape& shape, Dtype dtype, std::uint64_t seed) {
  Rng rng(seed);
  return Tensor::normal(shape, rng, {.mean = 0.5, .stddev = 2, .dtype = dtype});
}

/// Element i (row-major) of x belongs to group_of[i], and takes weight parameter_of[i].
struct Groups {
  std::vector<std::size_t> group_of, parameter_of;
  std::size_t groups = 0, parameters = 0;
};

inline Groups by_channel(const Tensor& x) {
  std::int64_t spatial = 1;
  for (std::int64_t axis = 2; axis < x.rank(); ++axis) spatial *= x.size(axis);
  Groups g;
  g.groups = g.parameters = static_cast<std::size_t>(x.size(1));
  for (std::int64_t i = 0; i < x.numel(); ++i)
    g.group_of.push_back(static_cast<std::size_t>(i / spatial % x.size(1)));
  g.parameter_of = g.group_of;
  return g;
}

inline Groups by_layer(const Tensor& x, const Shape& shape) {
  const std::int64_t size = shape.numel();
  Groups g;
  g.parameters = static_cast<std::size_t>(size);
  g.groups = size == 0 ? 0 : static_cast<std::size_t>(x.numel() / size);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    g.group_of.push_back(static_cast<std::size_t>(i / size));
    g.parameter_of.push_back(static_cast<std::size_t>(i % size));
  }
  return g;
}

struct Expected {
  Values y, mean, variance, normalized, reciprocal_deviation, count;
};

inline Expected expected(const Tensor& x, const Groups& g, const Tensor& w, const Tensor& b) {
  const Values xv = x.to_vector<double>();
  const Values wv = w.defined() ? w.to_vector<double>() : Values(g.parameters, 1);
  const Values bv = b.defined() ? b.to_vector<double>() : Values(g.parameters, 0);
  Expected e;
  Values& count = e.count;
  count.resize(g.groups);
  e.mean.resize(g.groups);
  e.variance.resize(g.groups);
  for (std::size_t i = 0; i < xv.size(); ++i)
    e.mean[g.group_of[i]] += xv[i], count[g.group_of[i]] += 1;
  for (std::size_t i = 0; i < g.groups; ++i) e.mean[i] /= count[i];
  for (std::size_t i = 0; i < xv.size(); ++i)
    e.variance[g.group_of[i]] += std::pow(xv[i] - e.mean[g.group_of[i]], 2);
  for (std::size_t i = 0; i < g.groups; ++i) e.variance[i] /= count[i];
  for (const double variance : e.variance)
    e.reciprocal_deviation.push_back(1 / std::sqrt(variance + kEpsilon));
  for (std::size_t i = 0; i < xv.size(); ++i) {
    const std::size_t group = g.group_of[i], parameter = g.parameter_of[i];
    e.normalized.push_back((xv[i] - e.mean[group]) * e.reciprocal_deviation[group]);
    e.y.push_back(e.normalized[i] * wv[parameter] + bv[parameter]);
  }
  return e;
}

struct ExpectedGradients {
  Values dx, dw, db;
};

/// Of sum(y dy). That the formula is right, check_gradients shows.
inline ExpectedGradients expected_gradients(const Tensor& x, const Groups& g, const Tensor& w,
                                            const Tensor& dy) {
  const Expected e = expected(x, g, w, {});
  const Values wv = w.to_vector<double>(), dyv = dy.to_vector<double>();
  Values sum(g.groups), sum_normalized(g.groups);
  ExpectedGradients result{{}, Values(g.parameters), Values(g.parameters)};
  for (std::size_t i = 0; i < dyv.size(); ++i) {
    const std::size_t group = g.group_of[i], parameter = g.parameter_of[i];
    sum[group] += wv[parameter] * dyv[i];
    sum_normalized[group] += wv[parameter] * dyv[i] * e.normalized[i];
    result.dw[parameter] += dyv[i] * e.normalized[i];
    result.db[parameter] += dyv[i];
  }
  for (std::size_t i = 0; i < dyv.size(); ++i) {
    const std::size_t group = g.group_of[i];
    const double mean = (sum[group] + e.normalized[i] * sum_normalized[group]) / e.count[group];
    result.dx.push_back(e.reciprocal_deviation[group] * (wv[g.parameter_of[i]] * dyv[i] - mean));
  }
  return result;
}

/// Every subset of the inputs: exactly those get a gradient, the same as when all do.
inline void check_masks(const std::vector<Tensor>& values,
                        const std::function<Tensor(const std::vector<Tensor>&)>& f) {
  const auto run = [&](unsigned mask) {
    std::vector<Tensor> in;
    for (std::size_t i = 0; i < values.size(); ++i) {
      in.push_back(values[i].clone());
      if (mask >> i & 1U) in.back().set_requires_grad();
    }
    const Tensor y = f(in);
    Rng rng(20);
    y.backward({.output_gradients = {Tensor::normal(y.shape(), rng, {.dtype = y.dtype()})}});
    return in;
  };
  const unsigned all = (1U << values.size()) - 1;
  const std::vector<Tensor> full = run(all);
  for (unsigned mask = 1; mask < all; ++mask) {
    const std::vector<Tensor> in = run(mask);
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(in[i].grad().defined(), (mask >> i & 1U) != 0) << mask << " " << i;
      if (in[i].grad().defined()) {
        EXPECT_TRUE(close(in[i].grad(), full[i].grad())) << mask << " " << i;
      }
    }
  }
}

inline void says(const std::string& text, std::initializer_list<const char*> parts) {
  for (const char* part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
}

}  // namespace tenon
