#include "benchmarks/support/instruction_set.h"

#include <hwy/targets.h>

#include <cstdlib>

namespace tenon::benchmarks {

void limit_to_avx2() {
  hwy::DisableTargets(HWY_AVX2 - 1);  // the better a target, the lower its bit
  setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
}

}  // namespace tenon::benchmarks
