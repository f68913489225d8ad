#pragma once

#include <cmath>

namespace tenon::metrics {

/// A sum of doubles with what rounding lost: the error of the sum of n numbers stays near that of
/// one addition (Knuth's two-sum; Ogita, Rump and Oishi 2005, "Accurate sum and dot product",
/// algorithm 4.3).
struct RunningSum {
  double sum = 0;
  double lost = 0;

  void add(double x) {
    const double next = sum + x;
    const double added = next - sum;
    lost += (sum - (next - added)) + (x - added);
    sum = next;
  }
  /// An infinite sum lost infinities, and says nothing else.
  double value() const { return std::isfinite(sum) ? sum + lost : sum; }
};

}  // namespace tenon::metrics
