#include "tenon/optim/schedule_any.h"

#include <fmt/format.h>

#include <atomic>
#include <cmath>

#include "tenon/core/fault_internal.h"
#include "tenon/optim/schedule_internal.h"

namespace tenon::optim {

struct Schedule::Shared {
  Function<double(std::int64_t, Where)> function;
  std::atomic<std::int64_t> owners = 1;
};

void Schedule::share(Function<double(std::int64_t, Where)> function) {
  shared_ = new Shared{std::move(function)};
}

Schedule::Schedule(const Schedule& other) noexcept : shared_(other.shared_) {
  if (shared_ != nullptr) shared_->owners.fetch_add(1, std::memory_order_relaxed);
}

Schedule::~Schedule() {
  if (shared_ != nullptr && shared_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1)
    delete shared_;
}

double Schedule::operator()(std::int64_t step, Where where) const {
  constexpr const char* kName = "Schedule";
  if (shared_ == nullptr)
    Fault(kName, where)
        .fix("Give it a schedule, ConstantSchedule say, or a function of the step.")
        .raise<DataError>("it is empty");
  check_at_least(kName, "step", step, 0, where);
  const double value = shared_->function(step, where);
  if (!std::isfinite(value) || value < 0)
    Fault(kName, where)
        .raise<DataError>(fmt::format(
            "the function gave {} at step {} but must give finite numbers of at least 0", value,
            step));
  return value;
}

double LambdaSchedule::operator()(std::int64_t step, Where where) const {
  constexpr const char* kName = "LambdaSchedule";
  check_common(kName, learning_rate, warmup_steps, step, where);
  if (!factor)
    Fault(kName, where)
        .fix("Give it a function of the step: {.factor = [](std::int64_t step) { return 1.0; }}.")
        .raise<DataError>("factor is empty");
  if (step < warmup_steps) return warm_up(learning_rate, warmup_steps, step);
  return learning_rate * factor(step - warmup_steps, where);
}

}  // namespace tenon::optim
