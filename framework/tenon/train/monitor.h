#pragma once

#include <string>

#include "tenon/optim/better.h"

namespace tenon {

/// A figure of the epochs' logs that a callback watches.
struct Monitor {
  std::string name = "validation_loss";
  Better better = Better::lower;
  double least_improvement = 0;  ///< what counts as better is more than this
};

/// Whether `value` is better than `best` by more than the least improvement; NaN never is.
inline bool is_better(const Monitor& monitor, double value, double best) {
  return monitor.better == Better::lower ? value < best - monitor.least_improvement
                                         : value > best + monitor.least_improvement;
}
/// What everything is better than.
double worst_of(const Monitor& monitor);

}  // namespace tenon
