#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/reference/reduce_plan_internal.h"

namespace tenon::kernels::reference {

// A reduction is a type with
//   Accumulator, Accumulator start(), kCentered,
//   void step(Accumulator&, T value, Center center), void merge(Accumulator&, Accumulator later).
// `center` is a number an output element, given to centered reductions: the mean for a variance.

/// About 20 us of work.
inline constexpr std::int64_t kBlockElements = 32768;
/// Output elements that are accumulated side by side.
inline constexpr std::int64_t kTile = 256;
/// Independent chains of additions, enough to hide their latency.
inline constexpr int kLanes = 8;

/// Whether neighbours in memory belong to one output element. A few interleaved ones are also read
/// one by one.
inline bool reduces_runs(const ReducePlan& plan) {
  const Loop& kept = plan.kept.inner();
  const Loop& reduced = plan.reduced.inner();
  if (plan.kept.numel() == 1 || kept.stride == 0) return true;
  return reduced.size > 1 &&
         (reduced.stride < kept.stride || (kept.size < kLanes && reduced.size >= kLanes));
}

template <class R, class T>
void step_run(const R& reduction, const T* x, std::int64_t count, std::int64_t stride,
              double center, typename R::Accumulator* lanes) {
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (int lane = 0; lane < kLanes; ++lane)
      reduction.step(lanes[lane], x[(i + lane) * stride], center);
  for (; i < count; ++i) reduction.step(lanes[0], x[i * stride], center);
}

/// Elements [kept_begin, kept_end) of the output, of the reduced elements [begin, end).
template <class R, class T, class Sink>
void reduce_runs(const R& reduction, const ReducePlan& plan, const T* x, const double* centers,
                 std::int64_t kept_begin, std::int64_t kept_end, std::int64_t begin,
                 std::int64_t end, Sink&& sink) {
  Walk kept(plan.kept, kept_begin);
  const std::int64_t stride = plan.reduced.inner().stride;
  for (std::int64_t k = kept_begin; k < kept_end; ++k, kept.advance(1)) {
    typename R::Accumulator lanes[kLanes];
    std::fill_n(lanes, kLanes, reduction.start());
    const double center = R::kCentered ? centers[k] : 0;
    Walk walk(plan.reduced, begin);
    for (std::int64_t at = begin; at < end;) {
      const std::int64_t run = std::min(walk.run(), end - at);
      const T* from = x + kept.offset() + walk.offset();
      if (stride == 1)
        step_run(reduction, from, run, 1, center, lanes);
      else
        step_run(reduction, from, run, stride, center, lanes);
      walk.advance(run);
      at += run;
    }
    for (int lane = 1; lane < kLanes; ++lane) reduction.merge(lanes[0], lanes[lane]);
    sink(k, lanes[0]);
  }
}

template <class R, class T>
void step_row(const R& reduction, const T* x, std::int64_t count, std::int64_t stride,
              const double* centers, typename R::Accumulator* tile) {
  for (std::int64_t i = 0; i < count; ++i)
    reduction.step(tile[i], x[i * stride], R::kCentered ? centers[i] : 0);
}

/// The same, where neighbours in memory belong to different output elements.
template <class R, class T, class Sink>
void reduce_rows(const R& reduction, const ReducePlan& plan, const T* x, const double* centers,
                 std::int64_t kept_begin, std::int64_t kept_end, std::int64_t begin,
                 std::int64_t end, Sink&& sink) {
  Walk kept(plan.kept, kept_begin);
  const std::int64_t stride = plan.kept.inner().stride;
  for (std::int64_t k = kept_begin; k < kept_end;) {
    const std::int64_t count = std::min({kept.run(), kept_end - k, kTile});
    typename R::Accumulator tile[kTile];
    std::fill_n(tile, count, reduction.start());
    const double* tile_centers = R::kCentered ? centers + k : nullptr;
    Walk walk(plan.reduced, begin);
    for (std::int64_t at = begin; at < end; ++at, walk.advance(1)) {
      const T* from = x + kept.offset() + walk.offset();
      if (stride == 1)
        step_row(reduction, from, count, 1, tile_centers, tile);
      else
        step_row(reduction, from, count, stride, tile_centers, tile);
    }
    for (std::int64_t i = 0; i < count; ++i) sink(k + i, tile[i]);
    kept.advance(count);
    k += count;
  }
}

/// y[i] = finish(i, accumulator) for each element i of the output.
template <class R, class T, class Finish>
void reduce(const R& reduction, const ReducePlan& plan, const T* x, const double* centers,
            Finish&& finish) {
  using Accumulator = typename R::Accumulator;
  const std::int64_t kept = plan.kept.numel();
  const std::int64_t reduced = plan.reduced.numel();
  if (kept == 0) return;
  const bool runs = reduces_runs(plan);
  const auto block = [&](std::int64_t kept_begin, std::int64_t kept_end, std::int64_t begin,
                         std::int64_t end, auto&& sink) {
    if (runs)
      reduce_runs(reduction, plan, x, centers, kept_begin, kept_end, begin, end, sink);
    else
      reduce_rows(reduction, plan, x, centers, kept_begin, kept_end, begin, end, sink);
  };

  std::int64_t kept_block =
      std::max<std::int64_t>(1, kBlockElements / std::max<std::int64_t>(1, reduced));
  if (!runs) kept_block = std::max(kept_block, kTile);
  kept_block = std::min(kept_block, kept);
  const std::int64_t kept_blocks = (kept + kept_block - 1) / kept_block;
  constexpr std::int64_t kEnoughBlocks =
      8;  // to keep a few cores busy without cutting the reduced axes
  constexpr std::int64_t kMostSlabs = 64;
  std::int64_t slabs = 1;
  if (kept_blocks < kEnoughBlocks)
    slabs = std::clamp<std::int64_t>(kept_block * reduced / kBlockElements, 1, kMostSlabs);
  const std::int64_t slab = (reduced + slabs - 1) / slabs;

  if (slabs == 1) {
    parallel_for(kept, kept_block, [&](std::int64_t kept_begin, std::int64_t kept_end) {
      block(kept_begin, kept_end, 0, reduced, finish);
    });
    return;
  }
  std::vector<Accumulator> partial(static_cast<std::size_t>(slabs * kept));
  parallel_for(kept_blocks * slabs, 1, [&](std::int64_t index, std::int64_t) {
    const std::int64_t kept_begin = index / slabs * kept_block;
    const std::int64_t begin = std::min(reduced, index % slabs * slab);
    Accumulator* out = partial.data() + index % slabs * kept;
    block(kept_begin, std::min(kept, kept_begin + kept_block), begin,
          std::min(reduced, begin + slab),
          [&](std::int64_t k, const Accumulator& value) { out[k] = value; });
  });
  for (std::int64_t k = 0; k < kept; ++k) {
    Accumulator total = partial[static_cast<std::size_t>(k)];
    for (std::int64_t s = 1; s < slabs; ++s)
      reduction.merge(total, partial[static_cast<std::size_t>(s * kept + k)]);
    finish(k, total);
  }
}

}  // namespace tenon::kernels::reference
