#include "tenon/kernels/reduce.h"

#include <algorithm>
#include <vector>

#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/reference/reduce.h"
#include "tenon/kernels/reference/reduce_plan_internal.h"
#include "tenon/kernels/simd/reduce.h"
#include "tenon/kernels/simd/softmax.h"
#include "tenon/kernels/softmax_lines_internal.h"

namespace tenon::kernels {
namespace {

using reference::ReducePlan;

constexpr std::int64_t kBlockElements = 131072;  // 10 to 20 us
constexpr std::int64_t kChunk = 1024;            // output elements
constexpr std::int64_t kEnoughBlocks = 8;  // to keep a few cores busy without cutting reduced axes
constexpr std::int64_t kMostSlabs = 64;

bool is_simd(const Tensor& x, const ReducePlan& plan) {
  return x.dtype() == Dtype::f32 && x.numel() > 0 && simd::takes(plan);
}

/// finish(k, value) for each element k of the output. block(kept_begin, kept_end, begin, end,
/// values) reduces a part of the work; where the reduced axes are cut, merge(value, later) joins
/// the parts in order. The cuts depend on the sizes alone.
template <class Value, class Block, class Merge, class Finish>
void reduce_in_blocks(const ReducePlan& plan, const Block& block, const Merge& merge,
                      const Finish& finish) {
  const std::int64_t kept = plan.kept.numel(), reduced = plan.reduced.numel();
  std::int64_t kept_block = std::max<std::int64_t>(1, kBlockElements / reduced);
  if (simd::takes_columns(plan)) kept_block = std::max(kept_block, kChunk);
  kept_block = std::min(kept_block, kept);
  const std::int64_t kept_blocks = (kept + kept_block - 1) / kept_block;
  std::int64_t slabs = 1;
  if (kept_blocks < kEnoughBlocks)
    slabs = std::clamp<std::int64_t>(kept_block * reduced / kBlockElements, 1, kMostSlabs);
  if (slabs == 1) {
    parallel_for(kept, kept_block, [&](std::int64_t begin, std::int64_t end) {
      Value values[kChunk];
      for (std::int64_t k = begin; k < end; k += kChunk) {
        const std::int64_t chunk_end = std::min(end, k + kChunk);
        block(k, chunk_end, std::int64_t{0}, reduced, values);
        for (std::int64_t i = k; i < chunk_end; ++i) finish(i, values[i - k]);
      }
    });
    return;
  }
  const std::int64_t slab = (reduced + slabs - 1) / slabs;
  std::vector<Value> parts(static_cast<std::size_t>(slabs * kept));
  parallel_for(kept_blocks * slabs, 1, [&](std::int64_t index, std::int64_t) {
    const std::int64_t kept_begin = index / slabs * kept_block;
    const std::int64_t begin = std::min(reduced, index % slabs * slab);
    block(kept_begin, std::min(kept, kept_begin + kept_block), begin,
          std::min(reduced, begin + slab), parts.data() + index % slabs * kept + kept_begin);
  });
  for (std::int64_t k = 0; k < kept; ++k) {
    Value total = parts[static_cast<std::size_t>(k)];
    for (std::int64_t s = 1; s < slabs; ++s)
      total = merge(total, parts[static_cast<std::size_t>(s * kept + k)]);
    finish(k, total);
  }
}

/// The sums of f32, each divided.
Tensor simd_sum(const Tensor& x, const ReducePlan& plan, double divisor) {
  Tensor y = make_tensor(plan.shape, plan.strides, Dtype::f32);
  const float* from = elements<float>(x);
  float* to = fresh_elements<float>(y);
  reduce_in_blocks<double>(
      plan,
      [&plan, from](std::int64_t kept_begin, std::int64_t kept_end, std::int64_t begin,
                    std::int64_t end, double* sums) {
        simd::sum(plan, from, kept_begin, kept_end, begin, end, sums);
      },
      [](double total, double later) { return total + later; },
      [to, divisor](std::int64_t k, double total) { to[k] = static_cast<float>(total / divisor); });
  return y;
}

Tensor simd_extreme(const Tensor& x, const ReducePlan& plan, simd::Extreme which) {
  Tensor y = make_tensor(plan.shape, plan.strides, Dtype::f32);
  const float* from = elements<float>(x);
  float* to = fresh_elements<float>(y);
  const bool is_max = which == simd::Extreme::greatest;
  reduce_in_blocks<float>(
      plan,
      [&plan, from, which](std::int64_t kept_begin, std::int64_t kept_end, std::int64_t begin,
                           std::int64_t end, float* values) {
        simd::extreme(plan, which, from, kept_begin, kept_end, begin, end, values);
      },
      [is_max](float best, float later) {
        if (best != best || later != later) return best != best ? best : later;
        return is_max ? std::max(best, later) : std::min(best, later);
      },
      [to](std::int64_t k, float best) { to[k] = best; });
  return y;
}

Tensor simd_logsumexp(const Tensor& x, const ReducePlan& plan) {
  Tensor y = make_tensor(plan.shape, plan.strides, Dtype::f32);
  DenseLines lines;
  lines.count = plan.reduced.numel();
  lines.inner = lines.count == 1 ? 1 : plan.reduced.inner().stride;
  lines.outer = plan.kept.numel() / lines.inner;
  constexpr double kNanoseconds = 0.5;
  parallel_for(lines.lines(), lines.grain(kNanoseconds), [&](std::int64_t begin, std::int64_t end) {
    simd::logsumexp({lines.outer, lines.count, lines.inner}, elements<float>(x), begin, end,
                    fresh_elements<float>(y));
  });
  return y;
}

}  // namespace

Tensor sum(const Tensor& x, const Axes& axes, bool keepdim) {
  if (x.dtype() == Dtype::f32) {
    const ReducePlan plan = reference::reduce_plan(x, axes, keepdim);
    if (is_simd(x, plan)) {
      const KernelScope scope("sum", "simd");
      return simd_sum(x, plan, 1);
    }
  }
  const KernelScope scope("sum", "reference");
  return reference::sum(x, axes, keepdim);
}

Tensor mean(const Tensor& x, const Axes& axes, bool keepdim) {
  if (x.dtype() == Dtype::f32) {
    const ReducePlan plan = reference::reduce_plan(x, axes, keepdim);
    if (is_simd(x, plan)) {
      const KernelScope scope("mean", "simd");
      return simd_sum(x, plan, static_cast<double>(plan.reduced.numel()));
    }
  }
  const KernelScope scope("mean", "reference");
  return reference::mean(x, axes, keepdim);
}

Tensor prod(const Tensor& x, const Axes& axes, bool keepdim) {
  const KernelScope scope("prod", "reference");
  return reference::prod(x, axes, keepdim);
}

Tensor max(const Tensor& x, const Axes& axes, bool keepdim) {
  if (x.dtype() == Dtype::f32) {
    const ReducePlan plan = reference::reduce_plan(x, axes, keepdim);
    if (is_simd(x, plan)) {
      const KernelScope scope("max", "simd");
      return simd_extreme(x, plan, simd::Extreme::greatest);
    }
  }
  const KernelScope scope("max", "reference");
  return reference::max(x, axes, keepdim);
}

Tensor min(const Tensor& x, const Axes& axes, bool keepdim) {
  if (x.dtype() == Dtype::f32) {
    const ReducePlan plan = reference::reduce_plan(x, axes, keepdim);
    if (is_simd(x, plan)) {
      const KernelScope scope("min", "simd");
      return simd_extreme(x, plan, simd::Extreme::least);
    }
  }
  const KernelScope scope("min", "reference");
  return reference::min(x, axes, keepdim);
}

Tensor any(const Tensor& x, const Axes& axes, bool keepdim) {
  const KernelScope scope("any", "reference");
  return reference::any(x, axes, keepdim);
}

Tensor all(const Tensor& x, const Axes& axes, bool keepdim) {
  const KernelScope scope("all", "reference");
  return reference::all(x, axes, keepdim);
}

Tensor variance(const Tensor& x, const Axes& axes, bool keepdim, std::int64_t correction,
                bool root) {
  const KernelScope scope(root ? "stddev" : "var", "reference");
  return reference::variance(x, axes, keepdim, correction, root);
}

Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdim) {
  if (x.dtype() == Dtype::f32 && x.numel() > 0 && is_dense(x)) {
    const ReducePlan plan = reference::reduce_plan(x, axes, keepdim);
    if (plan.reduced.depth() == 1) {  // the reduced axes are neighbours in memory
      const KernelScope scope("logsumexp", "simd");
      return simd_logsumexp(x, plan);
    }
  }
  const KernelScope scope("logsumexp", "reference");
  return reference::logsumexp(x, axes, keepdim);
}

Tensor argmax(const Tensor& x, std::int64_t axis, bool keepdim) {
  const KernelScope scope("argmax", "reference");
  return reference::argmax(x, axis, keepdim);
}

Tensor argmin(const Tensor& x, std::int64_t axis, bool keepdim) {
  const KernelScope scope("argmin", "reference");
  return reference::argmin(x, axis, keepdim);
}

Tensor cumsum(const Tensor& x, std::int64_t axis) {
  const KernelScope scope("cumsum", "reference");
  return reference::cumsum(x, axis);
}

}  // namespace tenon::kernels
