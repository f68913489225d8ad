#include "tenon/kernels/simd/target.h"

#include <hwy/targets.h>

namespace tenon::kernels::simd {

const char* target_name() {
  const std::int64_t supported = hwy::SupportedTargets();
  const std::int64_t best = supported & -supported;  // the better a target, the lower its bit
  if (best <= HWY_AVX3) return "AVX-512";
  return hwy::TargetName(best);
}

}  // namespace tenon::kernels::simd
