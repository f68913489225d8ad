#include "tenon/train/monitor.h"

#include <limits>

namespace tenon {

double worst_of(const Monitor& monitor) {
  const double infinity = std::numeric_limits<double>::infinity();
  return monitor.better == Better::lower ? infinity : -infinity;
}

}  // namespace tenon
