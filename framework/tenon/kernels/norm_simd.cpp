#include <algorithm>
#include <cmath>
#include <vector>

#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/norm_simd_internal.h"
#include "tenon/kernels/simd/norm.h"

namespace tenon::kernels {
namespace {

using reference::Grouping;

constexpr std::int64_t kBlockElements = 65536;  // 10 to 20 us
constexpr std::int64_t kEnoughBlocks = 8;       // to keep a few cores busy
constexpr std::int64_t kMostSlabs = 64;

bool is_columns(const Grouping& g) { return g.inner == 1; }

Tensor like(const Tensor& x) { return make_tensor(x.shape(), x.strides(), x.dtype()); }

/// The values, row-major, of a tensor that may be undefined.
struct Floats {
  Tensor dense;
  const float* values = nullptr;
  explicit Floats(const Tensor& x) {
    if (!x.defined()) return;
    dense = x.is_contiguous() ? x : copy_to_strides(x, contiguous_strides(x.shape()));
    values = elements<float>(dense);
  }
  float or_else(std::size_t i, float otherwise) const { return values ? values[i] : otherwise; }
};

/// Two numbers a group, computed in parts: slab s of the positions is [s * slab, (s + 1) * slab).
struct Parts {
  std::int64_t slabs = 1;
  std::int64_t slab = 0;
  std::vector<double> first;
  std::vector<double> second;

  std::int64_t count(std::int64_t s, std::int64_t positions) const {
    return std::clamp<std::int64_t>(positions - s * slab, 0, slab);
  }
};
/// block(group, group_end, begin, end, first, second) for groups and slabs of positions. Columns
/// are never cut by groups.
template <class Block>
Parts in_parts(const Grouping& g, const Block& block) {
  Parts parts;
  const std::int64_t positions = g.positions();
  const std::int64_t step =
      is_columns(g) ? g.groups : std::clamp<std::int64_t>(kBlockElements / positions, 1, g.groups);
  const std::int64_t blocks = (g.groups + step - 1) / step;
  if (blocks < kEnoughBlocks)
    parts.slabs = std::clamp<std::int64_t>(step * positions / kBlockElements, 1, kMostSlabs);
  parts.slab = (positions + parts.slabs - 1) / parts.slabs;
  parts.first.resize(static_cast<std::size_t>(parts.slabs * g.groups));
  parts.second.resize(parts.first.size());
  parallel_for(blocks * parts.slabs, 1, [&](std::int64_t index, std::int64_t) {
    const std::int64_t s = index % parts.slabs, group = index / parts.slabs * step;
    const std::int64_t begin = std::min(positions, s * parts.slab);
    const std::int64_t at = s * g.groups + group;
    block(group, std::min(g.groups, group + step), begin, std::min(positions, begin + parts.slab),
          parts.first.data() + at, parts.second.data() + at);
  });
  return parts;
}

struct Statistics {
  std::vector<double> mean;
  std::vector<double> variance;
};

Statistics statistics_of(const Tensor& x, const Grouping& g) {
  const float* from = elements<float>(x);
  const Parts parts =
      in_parts(g, [&](std::int64_t group, std::int64_t group_end, std::int64_t begin,
                      std::int64_t end, double* mean, double* squares) {
        if (is_columns(g))
          simd::column_moments(g.groups, from, begin, end, mean, squares);
        else
          simd::run_moments(g, from, group, group_end, begin, end, mean, squares);
      });
  const auto groups = static_cast<std::size_t>(g.groups);
  Statistics result{{parts.first.begin(), parts.first.begin() + g.groups},
                    {parts.second.begin(), parts.second.begin() + g.groups}};
  auto count = static_cast<double>(parts.count(0, g.positions()));
  for (std::int64_t s = 1; s < parts.slabs; ++s) {
    const auto more = static_cast<double>(parts.count(s, g.positions()));
    if (more == 0) break;
    for (std::size_t i = 0; i < groups; ++i) {
      const std::size_t at = static_cast<std::size_t>(s) * groups + i;
      const double distance = parts.first[at] - result.mean[i];
      result.variance[i] +=
          parts.second[at] + distance * distance * (count * more / (count + more));
      result.mean[i] += distance * (more / (count + more));
    }
    count += more;
  }
  for (double& variance : result.variance) variance /= count;
  return result;
}

Tensor tensor_of(const std::vector<double>& values, const Shape& shape) {
  Tensor x = make_tensor(shape, Dtype::f32);
  float* to = fresh_elements<float>(x);
  for (std::size_t i = 0; i < values.size(); ++i) to[i] = static_cast<float>(values[i]);
  return x;
}

/// Numbers of each group for a pass over the elements.
struct GroupNumbers {
  std::size_t groups;
  std::vector<float> values;
  explicit GroupNumbers(std::int64_t count, std::size_t kinds)
      : groups(static_cast<std::size_t>(count)), values(kinds * groups) {}
  float* operator[](std::size_t kind) { return values.data() + kind * groups; }
};

std::int64_t grain_of(std::int64_t line) {
  return std::max<std::int64_t>(1, kBlockElements / line);
}

Tensor normalize(const Tensor& x, const Grouping& g, const simd::NormScales& scales) {
  Tensor y = like(x);
  const float* from = elements<float>(x);
  float* to = fresh_elements<float>(y);
  if (is_columns(g))
    parallel_for(g.outer, grain_of(g.groups), [&](std::int64_t begin, std::int64_t end) {
      simd::column_normalize(g.groups, scales, from, begin, end, to);
    });
  else
    parallel_for(g.outer * g.groups, grain_of(g.inner), [&](std::int64_t begin, std::int64_t end) {
      simd::run_normalize(g, scales, from, begin, end, to);
    });
  return y;
}

Tensor gradient(const Tensor& dy, const Tensor& x, const Grouping& g,
                const simd::NormSlopes& slopes) {
  Tensor dx = like(x);
  const float *slope = elements<float>(dy), *from = elements<float>(x);
  float* to = fresh_elements<float>(dx);
  if (is_columns(g))
    parallel_for(g.outer, grain_of(g.groups), [&](std::int64_t begin, std::int64_t end) {
      simd::column_gradient(g.groups, slopes, slope, from, begin, end, to);
    });
  else
    parallel_for(g.outer * g.groups, grain_of(g.inner), [&](std::int64_t begin, std::int64_t end) {
      simd::run_gradient(g, slopes, slope, from, begin, end, to);
    });
  return dx;
}

/// The sums of dy and dy (x - centre) of each group; of row_scale dy for columns.
Parts gradient_sums(const Tensor& dy, const Tensor& x, const Grouping& g, const float* centre,
                    const float* row_scale) {
  const float *slope = elements<float>(dy), *from = elements<float>(x);
  Parts parts = in_parts(g, [&](std::int64_t group, std::int64_t group_end, std::int64_t begin,
                                std::int64_t end, double* sums, double* products) {
    if (is_columns(g))
      simd::column_gradient_sums(g.groups, slope, from, centre, row_scale, begin, end, sums,
                                 products);
    else
      simd::run_gradient_sums(g, slope, from, centre, group, group_end, begin, end, sums, products);
  });
  const auto groups = static_cast<std::size_t>(g.groups);
  for (std::size_t i = groups; i < parts.first.size(); ++i) {
    parts.first[i % groups] += parts.first[i];
    parts.second[i % groups] += parts.second[i];
  }
  return parts;
}

double reciprocal_deviation(double variance, double epsilon) {
  return 1 / std::sqrt(variance + epsilon);
}

/// The passes of dx from the sums. of_group(i): the weight of a channel, 1 for layers.
template <class Weight>
Tensor gradient_from_sums(const Tensor& dy, const Tensor& x, const Grouping& g, const Parts& sums,
                          const float* centre, const float* variance, double epsilon,
                          const float* row_scale, const Weight& of_group) {
  GroupNumbers numbers(g.groups, 3);
  const double part = 1 / static_cast<double>(g.positions());
  for (std::size_t i = 0; i < numbers.groups; ++i) {
    const double r = reciprocal_deviation(static_cast<double>(variance[i]), epsilon);
    const double scale = r * of_group(i);
    numbers[0][i] = static_cast<float>(scale);
    numbers[1][i] = static_cast<float>(-scale * r * r * sums.second[i] * part);
    numbers[2][i] = static_cast<float>(-scale * sums.first[i] * part);
  }
  return gradient(dy, x, g, {centre, numbers[0], numbers[1], numbers[2], row_scale});
}

}  // namespace

Normalized batch_norm_simd(const Tensor& x, const Grouping& g, const Tensor& w, const Tensor& b,
                           double epsilon) {
  const Statistics s = statistics_of(x, g);
  const Floats weight(w), bias(b);
  GroupNumbers numbers(g.groups, 3);
  for (std::size_t i = 0; i < numbers.groups; ++i) {
    const double scale =
        reciprocal_deviation(s.variance[i], epsilon) * static_cast<double>(weight.or_else(i, 1));
    numbers[0][i] = static_cast<float>(s.mean[i]);
    numbers[1][i] = static_cast<float>(scale);
    // What rounding took from the centre counts as much as x's own rounding.
    const double lost = static_cast<double>(numbers[0][i]) - s.mean[i];
    numbers[2][i] = static_cast<float>(static_cast<double>(bias.or_else(i, 0)) + lost * scale);
  }
  return {normalize(x, g, {numbers[0], numbers[1], numbers[2]}), tensor_of(s.mean, {g.groups}),
          tensor_of(s.variance, {g.groups})};
}

Tensor batch_norm_inference_simd(const Tensor& x, const Grouping& g, const Tensor& mean,
                                 const Tensor& variance, const Tensor& w, const Tensor& b,
                                 double epsilon) {
  const Floats weight(w), bias(b), centre(mean), spread(variance);
  GroupNumbers numbers(g.groups, 2);
  for (std::size_t i = 0; i < numbers.groups; ++i) {
    const double r = reciprocal_deviation(static_cast<double>(spread.values[i]), epsilon);
    numbers[0][i] = static_cast<float>(r * static_cast<double>(weight.or_else(i, 1)));
    numbers[1][i] = bias.or_else(i, 0);
  }
  return normalize(x, g, {centre.values, numbers[0], numbers[1]});
}

NormGradients batch_norm_gradient_simd(const Tensor& dy, const Tensor& x, const Grouping& g,
                                       const Tensor& mean, const Tensor& variance, const Tensor& w,
                                       double epsilon, NormNeeds needs) {
  const Floats weight(w), centre(mean), spread(variance);
  const Parts sums = gradient_sums(dy, x, g, centre.values, nullptr);
  NormGradients gradients;
  if (needs.db) {
    gradients.db = make_tensor({g.groups}, Dtype::f32);
    float* to = fresh_elements<float>(gradients.db);
    for (std::size_t i = 0; i < static_cast<std::size_t>(g.groups); ++i)
      to[i] = static_cast<float>(sums.first[i]);
  }
  if (needs.dw) {
    gradients.dw = make_tensor({g.groups}, Dtype::f32);
    float* to = fresh_elements<float>(gradients.dw);
    for (std::size_t i = 0; i < static_cast<std::size_t>(g.groups); ++i)
      to[i] = static_cast<float>(
          sums.second[i] * reciprocal_deviation(static_cast<double>(spread.values[i]), epsilon));
  }
  if (needs.dx)
    gradients.dx = gradient_from_sums(
        dy, x, g, sums, centre.values, spread.values, epsilon, nullptr,
        [&](std::size_t i) { return static_cast<double>(weight.or_else(i, 1)); });
  return gradients;
}

Normalized layer_norm_simd(const Tensor& x, const Grouping& g, const Shape& leading,
                           const Tensor& w, const Tensor& b, double epsilon) {
  const Floats weight(w), bias(b);
  if (is_columns(g) && g.positions() > 1) {
    const Statistics s = statistics_of(x, g);
    GroupNumbers numbers(g.groups, 3);
    for (std::size_t i = 0; i < numbers.groups; ++i) {
      const double r = reciprocal_deviation(s.variance[i], epsilon);
      numbers[0][i] = static_cast<float>(s.mean[i]);
      numbers[1][i] = static_cast<float>(r);
      numbers[2][i] = static_cast<float>((static_cast<double>(numbers[0][i]) - s.mean[i]) * r);
    }
    return {normalize(x, g, {numbers[0], numbers[1], numbers[2], weight.values, bias.values}),
            tensor_of(s.mean, leading), tensor_of(s.variance, leading)};
  }
  Normalized result{like(x), make_tensor(leading, Dtype::f32), make_tensor(leading, Dtype::f32)};
  const simd::LayerNorm norm{g.positions(), epsilon, weight.values, bias.values};
  parallel_for(g.groups, grain_of(g.positions()), [&](std::int64_t begin, std::int64_t end) {
    simd::layer_norm(norm, elements<float>(x), begin, end, fresh_elements<float>(result.y),
                     fresh_elements<float>(result.mean), fresh_elements<float>(result.variance));
  });
  return result;
}

namespace {

NormGradients columns_gradient(const Tensor& dy, const Tensor& x, const Grouping& g,
                               const Shape& normalized, const Floats& mean, const Floats& variance,
                               const Floats& weight, double epsilon, NormNeeds needs) {
  NormGradients gradients;
  if (needs.dx)
    gradients.dx = gradient_from_sums(dy, x, g, gradient_sums(dy, x, g, mean.values, weight.values),
                                      mean.values, variance.values, epsilon, weight.values,
                                      [](std::size_t) { return 1.0; });
  if (!needs.dw && !needs.db) return gradients;
  GroupNumbers reciprocal(g.groups, 1);
  for (std::size_t i = 0; i < reciprocal.groups; ++i)
    reciprocal[0][i] =
        static_cast<float>(reciprocal_deviation(static_cast<double>(variance.values[i]), epsilon));
  gradients.dw = make_tensor(normalized, Dtype::f32);
  gradients.db = make_tensor(normalized, Dtype::f32);
  parallel_for(g.outer, grain_of(g.groups), [&](std::int64_t begin, std::int64_t end) {
    simd::row_gradient_sums(g.groups, elements<float>(dy), elements<float>(x), mean.values,
                            reciprocal[0], begin, end, fresh_elements<float>(gradients.dw),
                            fresh_elements<float>(gradients.db));
  });
  return gradients;
}

}  // namespace

NormGradients layer_norm_gradient_simd(const Tensor& dy, const Tensor& x, const Grouping& g,
                                       const Shape& normalized, const Tensor& mean,
                                       const Tensor& variance, const Tensor& w, double epsilon,
                                       NormNeeds needs) {
  const Floats weight(w), centre(mean), spread(variance);
  if (is_columns(g) && g.positions() > 1)
    return columns_gradient(dy, x, g, normalized, centre, spread, weight, epsilon, needs);

  NormGradients gradients;
  if (needs.dx) gradients.dx = like(x);
  const std::int64_t positions = g.positions();
  constexpr std::int64_t kMostParts = 16;  // more would cost as much to add up as the elements
  const std::int64_t grain =
      std::max(grain_of(2 * positions), (g.groups + kMostParts - 1) / kMostParts);
  const std::int64_t blocks = (g.groups + grain - 1) / grain;
  const auto size = static_cast<std::size_t>(positions);
  std::vector<double> dw(needs.dw ? static_cast<std::size_t>(blocks) * size : 0);
  std::vector<double> db(needs.db ? static_cast<std::size_t>(blocks) * size : 0);
  const simd::LayerNorm norm{positions, epsilon, weight.values, nullptr};
  parallel_for(g.groups, grain, [&](std::int64_t begin, std::int64_t end) {
    const std::size_t at = static_cast<std::size_t>(begin / grain) * size;
    simd::layer_norm_gradient(
        norm, elements<float>(dy), elements<float>(x), centre.values, spread.values, begin, end,
        needs.dx ? fresh_elements<float>(gradients.dx) : nullptr,
        needs.dw ? dw.data() + at : nullptr, needs.db ? db.data() + at : nullptr);
  });
  const auto total = [&](std::vector<double>& parts) {
    for (std::size_t at = size; at < parts.size(); at += size)
      for (std::size_t i = 0; i < size; ++i) parts[i] += parts[at + i];
    parts.resize(size);
    return tensor_of(parts, normalized);
  };
  if (needs.dw) gradients.dw = total(dw);
  if (needs.db) gradients.db = total(db);
  return gradients;
}

}  // namespace tenon::kernels
