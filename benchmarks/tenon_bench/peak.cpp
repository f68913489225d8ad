#include "benchmarks/tenon_bench/peak.h"

#include <tenon/train/progress.h>

#include <algorithm>
#include <cstdint>

#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benchmarks/tenon_bench/peak.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tenon::benchmarks {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Two units with a latency of 4 or 5 cycles need 10 chains; 12 and two factors fit 16 registers.
constexpr int kChains = 12;

/// Runs `rounds` multiply-adds in each chain; returns how many operations that were.
double multiply_adds(std::int64_t rounds, float* result) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const V half = hn::Set(d, 0.5f);
  V chain[kChains];
#pragma GCC unroll 12
  for (int i = 0; i < kChains; ++i) chain[i] = hn::Set(d, static_cast<float>(i));
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) chain[i] = hn::MulAdd(chain[i], half, half);
  }
  V sum = chain[0];
#pragma GCC unroll 12
  for (int i = 1; i < kChains; ++i) sum = hn::Add(sum, chain[i]);
  *result = hn::GetLane(sum);
  return 2.0 * kChains * static_cast<double>(hn::Lanes(d)) * static_cast<double>(rounds);
}

}  // namespace HWY_NAMESPACE
}  // namespace tenon::benchmarks
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tenon::benchmarks {

HWY_EXPORT(multiply_adds);

double measured_peak_gflops() {
  constexpr std::int64_t rounds = 200'000;  // about 0.5 ms
  constexpr int repetitions = 60;           // the best of them: others disturb it only downwards
  double best = 0;
  volatile float kept = 0;
  for (int i = 0; i < repetitions; ++i) {
    float result = 0;
    const double start = steady_seconds();
    const double operations = HWY_DYNAMIC_DISPATCH(multiply_adds)(rounds, &result);
    best = std::max(best, operations / (steady_seconds() - start) * 1e-9);
    kept = result;
  }
  static_cast<void>(kept);
  return best;
}

}  // namespace tenon::benchmarks
#endif
