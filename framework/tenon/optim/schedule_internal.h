#pragma once

#include <cstdint>

#include "tenon/core/where.h"

namespace tenon::optim {

// What all schedules share. The checks throw DataError.

void check_at_least(const char* operation, const char* name, std::int64_t value, std::int64_t least,
                    Where where);
void check_common(const char* operation, double learning_rate, std::int64_t warmup_steps,
                  std::int64_t step, Where where);
/// The learning rate of a step before warmup_steps.
double warm_up(double learning_rate, std::int64_t warmup_steps, std::int64_t step);

}  // namespace tenon::optim
