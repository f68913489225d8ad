#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "tenon/core/function.h"
#include "tenon/core/where.h"

namespace tenon::optim {

/// Any schedule as one type, for what takes "a schedule": each of schedule.h converts to it, and so
/// does a function of the user's from the step to the learning rate:
///   optim::Schedule schedule = optim::CosineSchedule{.learning_rate = 2e-3, .total_steps = 4690};
///   schedule = [](std::int64_t step) { return 0.1 / (1.0 + 0.01 * static_cast<double>(step)); };
/// A small value: copies share the function, which must be pure, so that a resumed run continues
/// it.
class Schedule {
 public:
  Schedule() noexcept = default;  ///< empty
  /// A null pointer or an empty std::function makes it empty.
  template <class F, std::enable_if_t<!std::is_same_v<F, Schedule> &&
                                          (std::is_invocable_r_v<double, F&, std::int64_t, Where> ||
                                           std::is_invocable_r_v<double, F&, std::int64_t>),
                                      int> = 0>
  Schedule(F function) {
    if constexpr (std::is_pointer_v<F> || requires { function.operator bool(); })
      if (!function) return;
    if constexpr (std::is_invocable_r_v<double, F&, std::int64_t, Where>)
      share(std::move(function));
    else
      share([function = std::move(function)](std::int64_t step, Where) mutable -> double {
        return static_cast<double>(function(step));
      });
  }
  Schedule(const Schedule& other) noexcept;
  Schedule(Schedule&& other) noexcept : shared_(std::exchange(other.shared_, nullptr)) {}
  Schedule& operator=(Schedule other) noexcept {
    std::swap(shared_, other.shared_);
    return *this;
  }
  ~Schedule();

  explicit operator bool() const { return shared_ != nullptr; }
  /// The learning rate of a step, counted from 0. Throws DataError for an empty schedule, a
  /// negative step, or a function that gave a negative, infinite or undefined number.
  double operator()(std::int64_t step, Where where = Where::current()) const;

 private:
  struct Shared;
  void share(Function<double(std::int64_t, Where)> function);

  Shared* shared_ = nullptr;
};

/// learning_rate factor(step - warmup_steps): any function of the user's, with warm-up.
///   const optim::LambdaSchedule schedule{
///       .learning_rate = 0.1, .factor = [](std::int64_t step) { return step < 900 ? 1.0 : 0.1; }};
/// Throws DataError as a Schedule does.
struct LambdaSchedule {
  double learning_rate = 1e-3;
  Schedule factor = {};
  std::int64_t warmup_steps = 0;

  double operator()(std::int64_t step, Where where = Where::current()) const;
};

}  // namespace tenon::optim
