#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "tenon/core/tensor.h"
#include "tenon/core/where.h"
#include "tenon/optim/better.h"

namespace tenon::optim {

/// What the threshold is: a part of the best value so far, or a number.
enum class PlateauThreshold : std::uint8_t { relative, absolute };

struct ReduceOnPlateauOptions {
  double learning_rate = 1e-3;  ///< at first
  Better better = Better::lower;
  double factor = 0.1;
  std::int64_t patience = 10;  ///< observations without improvement that are put up with
  double threshold = 1e-4;     ///< only what is better by more is an improvement
  PlateauThreshold threshold_mode = PlateauThreshold::relative;
  std::int64_t cooldown = 0;  ///< observations after a reduction that are not counted
  double minimum_learning_rate = 0;
};

/// Multiplies the learning rate by a factor when a value has stopped improving, as PyTorch's
/// ReduceLROnPlateau:
///   optim::ReduceOnPlateau plateau({.learning_rate = 0.1, .factor = 0.5, .patience = 3});
///   optimizer.set_learning_rate(plateau.observe(validation_loss));  // after each epoch
/// A value improves on the best so far if it is better by more than `threshold`, or threshold
/// |best|; NaN does not improve. (PyTorch takes threshold best, so that below zero a worse value
/// may improve.)
class ReduceOnPlateau {
 public:
  /// Throws DataError for options out of range.
  explicit ReduceOnPlateau(ReduceOnPlateauOptions options = {}, Where where = Where::current());

  /// Takes the next value; returns the learning rate from now on.
  double observe(double value);
  double learning_rate() const { return learning_rate_; }
  /// The best value so far; at first infinity, or minus infinity for Better::higher.
  double best() const { return best_; }

  /// What a resumed run needs: the scalars "learning_rate", "best" (f64), "bad_observations" and
  /// "cooldown_left" (i64).
  std::map<std::string, Tensor> state() const;
  /// Takes over such a state; the options stay. Throws CheckpointError, before anything is changed,
  /// that names all missing and unexpected tensors and all with another shape or dtype, or a number
  /// that cannot be.
  void load_state(const std::map<std::string, Tensor>& state, Where where = Where::current());

 private:
  bool improves(double value) const;

  ReduceOnPlateauOptions options_;
  double learning_rate_;
  double best_;
  std::int64_t bad_observations_ = 0;
  std::int64_t cooldown_left_ = 0;
};

}  // namespace tenon::optim
