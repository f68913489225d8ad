#include "tenon/kernels/reference/norm.h"

#include <algorithm>
#include <cmath>

#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"

namespace tenon::kernels::reference {
namespace {

// About 20 us at 1 to 2 ns an element.
constexpr std::int64_t kElementsOfTask = 16384;
// More blocks would make their partial sums cost as much as the elements.
constexpr std::int64_t kMaxBlocks = 16;
constexpr std::int64_t kLanes = 8;

struct Pair {
  double first = 0;
  double second = 0;
};

/// Adds up value(outer, group, inner) of each group, in order within blocks that depend on the
/// sizes alone.
template <class Value>
void sum_groups(const Grouping& g, std::vector<double>& first, std::vector<double>& second,
                const Value& value) {
  const auto groups = static_cast<std::size_t>(g.groups);
  first.assign(groups, 0);
  second.assign(groups, 0);
  if (g.numel() == 0) return;
  if (g.inner > 1) {
    const std::int64_t grain = kElementsOfTask / g.positions() + 1;
    parallel_for(g.groups, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t group = begin; group < end; ++group) {
        // Independent lanes, so that an addition need not wait for the one before.
        Pair lanes[kLanes];
        for (std::int64_t outer = 0; outer < g.outer; ++outer) {
          for (std::int64_t inner = 0; inner < g.inner; inner += kLanes) {
            const std::int64_t count = std::min(kLanes, g.inner - inner);
            for (std::int64_t lane = 0; lane < count; ++lane) {
              const Pair pair = value(outer, group, inner + lane);
              lanes[lane].first += pair.first;
              lanes[lane].second += pair.second;
            }
          }
        }
        Pair total;
        for (const Pair& lane : lanes) {
          total.first += lane.first;
          total.second += lane.second;
        }
        first[static_cast<std::size_t>(group)] = total.first;
        second[static_cast<std::size_t>(group)] = total.second;
      }
    });
    return;
  }
  const std::int64_t grain =
      std::max(kElementsOfTask / g.groups + 1, (g.outer + kMaxBlocks - 1) / kMaxBlocks);
  const std::int64_t blocks = (g.outer + grain - 1) / grain;
  std::vector<Pair> partial(static_cast<std::size_t>(blocks) * groups);
  parallel_for(g.outer, grain, [&](std::int64_t begin, std::int64_t end) {
    Pair* totals = partial.data() + static_cast<std::size_t>(begin / grain) * groups;
    for (std::int64_t outer = begin; outer < end; ++outer) {
      for (std::int64_t group = 0; group < g.groups; ++group) {
        const Pair pair = value(outer, group, 0);
        totals[group].first += pair.first;
        totals[group].second += pair.second;
      }
    }
  });
  for (std::size_t i = 0; i < partial.size(); ++i) {
    first[i % groups] += partial[i].first;
    second[i % groups] += partial[i].second;
  }
}

/// Calls body(element, group, position) for every element, in parallel.
template <class Body>
void for_each_element(const Grouping& g, const Body& body) {
  if (g.numel() == 0) return;
  if (g.inner > 1) {
    parallel_for(g.outer * g.groups, kElementsOfTask / g.inner + 1,
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t run = begin; run < end; ++run) {
                     const std::int64_t outer = run / g.groups, group = run % g.groups;
                     for (std::int64_t inner = 0; inner < g.inner; ++inner)
                       body(run * g.inner + inner, group, outer * g.inner + inner);
                   }
                 });
    return;
  }
  parallel_for(g.outer, kElementsOfTask / g.groups + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t outer = begin; outer < end; ++outer) {
      for (std::int64_t group = 0; group < g.groups; ++group)
        body(outer * g.groups + group, group, outer);
    }
  });
}

std::vector<double> reciprocal_deviations(const std::vector<double>& variance, double epsilon) {
  std::vector<double> r(variance.size());
  for (std::size_t i = 0; i < r.size(); ++i) r[i] = 1.0 / std::sqrt(variance[i] + epsilon);
  return r;
}

std::vector<double> or_else(const std::vector<double>& values, std::int64_t count,
                            double otherwise) {
  return values.empty() ? std::vector<double>(static_cast<std::size_t>(count), otherwise) : values;
}

}  // namespace

GroupStatistics statistics(const Tensor& x, const Grouping& grouping) {
  GroupStatistics result;
  std::vector<double> unused;
  const double count = static_cast<double>(std::max<std::int64_t>(grouping.positions(), 1));
  visit_floating(x.dtype(), [&](auto zero) {
    const auto* px = elements<decltype(zero)>(x);
    const std::int64_t groups = grouping.groups, inner_count = grouping.inner;
    sum_groups(
        grouping, result.mean, unused,
        [=](std::int64_t outer, std::int64_t group, std::int64_t inner) {
          return Pair{static_cast<double>(px[(outer * groups + group) * inner_count + inner]), 0};
        });
    for (double& mean : result.mean) mean /= count;
    const double* mean = result.mean.data();
    sum_groups(grouping, result.variance, unused,
               [=](std::int64_t outer, std::int64_t group, std::int64_t inner) {
                 const double centred =
                     static_cast<double>(px[(outer * groups + group) * inner_count + inner]) -
                     mean[group];
                 return Pair{centred * centred, 0};
               });
    for (double& variance : result.variance) variance /= count;
  });
  return result;
}

void normalize(const Tensor& x, Tensor& y, const Grouping& grouping,
               const GroupStatistics& statistics, Affine affine, const std::vector<double>& w,
               const std::vector<double>& b, double epsilon) {
  const std::int64_t affine_count =
      affine == Affine::group ? grouping.groups : grouping.positions();
  const std::vector<double> r = reciprocal_deviations(statistics.variance, epsilon);
  const std::vector<double> weights = or_else(w, affine_count, 1),
                            biases = or_else(b, affine_count, 0);
  visit_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* px = elements<T>(x);
    T* py = fresh_elements<T>(y);
    const double *pm = statistics.mean.data(), *pr = r.data(), *pw = weights.data(),
                 *pb = biases.data();
    const auto normalized = [=](std::int64_t i, std::int64_t group) {
      return (static_cast<double>(px[i]) - pm[group]) * pr[group];
    };
    if (affine == Affine::group) {
      for_each_element(grouping, [=](std::int64_t i, std::int64_t group, std::int64_t) {
        py[i] = static_cast<T>(normalized(i, group) * pw[group] + pb[group]);
      });
    } else {
      for_each_element(grouping, [=](std::int64_t i, std::int64_t group, std::int64_t position) {
        py[i] = static_cast<T>(normalized(i, group) * pw[position] + pb[position]);
      });
    }
  });
}

NormSums group_sums(const Tensor& dy, const Tensor& x, const Grouping& grouping,
                    const GroupStatistics& statistics, const std::vector<double>& w,
                    double epsilon) {
  const std::vector<double> r = reciprocal_deviations(statistics.variance, epsilon);
  NormSums sums;
  visit_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *px = elements<T>(x), *pdy = elements<T>(dy);
    const double *pm = statistics.mean.data(), *pr = r.data(), *pw = w.empty() ? nullptr : w.data();
    const std::int64_t groups = grouping.groups, inner_count = grouping.inner;
    sum_groups(
        grouping, sums.dy, sums.dy_normalized,
        [=](std::int64_t outer, std::int64_t group, std::int64_t inner) {
          const std::int64_t i = (outer * groups + group) * inner_count + inner;
          const double weight = pw ? pw[outer * inner_count + inner] : 1.0;
          const double gradient = static_cast<double>(pdy[i]) * weight;
          return Pair{gradient, gradient * (static_cast<double>(px[i]) - pm[group]) * pr[group]};
        });
  });
  return sums;
}

NormSums position_sums(const Tensor& dy, const Tensor& x, const Grouping& grouping,
                       const GroupStatistics& statistics, double epsilon) {
  const std::vector<double> r = reciprocal_deviations(statistics.variance, epsilon);
  NormSums sums;
  visit_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *px = elements<T>(x), *pdy = elements<T>(dy);
    const double *pm = statistics.mean.data(), *pr = r.data();
    const auto pair = [=](std::int64_t i, std::int64_t group) {
      const auto gradient = static_cast<double>(pdy[i]);
      return Pair{gradient, gradient * (static_cast<double>(px[i]) - pm[group]) * pr[group]};
    };
    // The same memory, summed over the groups: what was a position is a group now.
    const std::int64_t groups = grouping.groups, positions = grouping.positions();
    if (grouping.outer == 1) {
      sum_groups({groups, positions, 1}, sums.dy, sums.dy_normalized,
                 [=](std::int64_t group, std::int64_t position, std::int64_t) {
                   return pair(group * positions + position, group);
                 });
    } else {
      sum_groups({1, positions, groups}, sums.dy, sums.dy_normalized,
                 [=](std::int64_t, std::int64_t position, std::int64_t group) {
                   return pair(position * groups + group, group);
                 });
    }
  });
  return sums;
}

void normalize_gradient(const Tensor& dy, const Tensor& x, Tensor& dx, const Grouping& grouping,
                        const GroupStatistics& statistics, Affine affine,
                        const std::vector<double>& w, const NormSums& sums, double epsilon) {
  const std::int64_t affine_count =
      affine == Affine::group ? grouping.groups : grouping.positions();
  const std::vector<double> r = reciprocal_deviations(statistics.variance, epsilon);
  const std::vector<double> weights = or_else(w, affine_count, 1);
  const double scale = 1.0 / static_cast<double>(std::max<std::int64_t>(grouping.positions(), 1));
  visit_floating(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *px = elements<T>(x), *pdy = elements<T>(dy);
    T* pdx = fresh_elements<T>(dx);
    const double *pm = statistics.mean.data(), *pr = r.data(), *pw = weights.data();
    const double *sum_dy = sums.dy.data(), *sum_normalized = sums.dy_normalized.data();
    const auto gradient = [=](std::int64_t i, std::int64_t group, double weight) {
      const double normalized = (static_cast<double>(px[i]) - pm[group]) * pr[group];
      const double mean = (sum_dy[group] + normalized * sum_normalized[group]) * scale;
      pdx[i] = static_cast<T>(pr[group] * (weight * static_cast<double>(pdy[i]) - mean));
    };
    if (affine == Affine::group) {
      for_each_element(grouping, [=](std::int64_t i, std::int64_t group, std::int64_t) {
        gradient(i, group, pw[group]);
      });
    } else {
      for_each_element(grouping, [=](std::int64_t i, std::int64_t group, std::int64_t position) {
        gradient(i, group, pw[position]);
      });
    }
  });
}

}  // namespace tenon::kernels::reference
