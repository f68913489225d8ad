#pragma once

#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "tenon/core/function.h"
#include "tenon/core/tensor.h"
#include "tenon/core/where.h"
#include "tenon/ops/loss.h"

namespace tenon {

/// The loss of some samples as a sum, and what their mean divides it by. So the losses of shards,
/// or of several batches between two steps, add up: the mean is the sum of the sums / the sum of
/// the weights.
struct LossSum {
  Tensor sum;         ///< one element
  double weight = 0;  ///< the number of samples or elements, or the sum of their weights
};

/// Losses of many samples, added up.
struct LossTotal {
  double sum = 0;
  double weight = 0;

  double mean() const { return sum / weight; }
  LossTotal& operator+=(const LossTotal& other) {
    sum += other.sum;
    weight += other.weight;
    return *this;
  }
};

/// What a Trainer minimises: a function of a model's outputs and the targets. Several threads may
/// call it at once.
///   Trainer trainer(model, losses::CrossEntropy(), optimizer);
///   Trainer trainer(model, [](const Tensor& y, const Tensor& t) { return mean(abs(y - t)); },
///                   optimizer);
class Loss {
 public:
  /// A function that returns a LossSum tells samples apart, and is computed shard by shard. One
  /// that returns a Tensor, the loss itself, is computed of whole batches; their mean weighs each
  /// batch by its samples.
  template <class F, class Result = std::invoke_result_t<F&, const Tensor&, const Tensor&>>
  Loss(F function) : type_(typeid(F).name()), adds_up_(std::is_same_v<Result, LossSum>) {
    function_ = [function = std::move(function)](const Tensor& outputs, const Tensor& targets,
                                                 Where where) mutable -> LossSum {
      if constexpr (!std::is_same_v<Result, LossSum>)
        return of_batch(function(outputs, targets), outputs);
      else if constexpr (std::is_invocable_v<F&, const Tensor&, const Tensor&, Where>)
        return function(outputs, targets, where);
      else
        return function(outputs, targets);
    };
  }

  LossSum operator()(const Tensor& outputs, const Tensor& targets, Where where = Where::current()) {
    return function_(outputs, targets, where);
  }
  /// Whether it tells samples apart.
  bool adds_up() const { return adds_up_; }
  /// Of its type, "CrossEntropy"; "function" for a lambda.
  std::string name() const;

 private:
  static LossSum of_batch(const Tensor& mean, const Tensor& outputs);

  Function<LossSum(const Tensor&, const Tensor&, Where)> function_;
  const char* type_;
  bool adds_up_;
};

// The losses of ops/loss.h as sums; their option `reduction` counts nothing.
namespace losses {

/// cross_entropy, weighed as its mean: by the targets' class weights, those ignored left out.
class CrossEntropy {
 public:
  explicit CrossEntropy(CrossEntropyOptions options = {}) : options_(std::move(options)) {}
  LossSum operator()(const Tensor& logits, const Tensor& targets,
                     Where where = Where::current()) const;

 private:
  CrossEntropyOptions options_;
};

/// nll_loss, weighed as its mean.
class NegativeLogLikelihood {
 public:
  explicit NegativeLogLikelihood(NllOptions options = {}) : options_(std::move(options)) {}
  LossSum operator()(const Tensor& log_probabilities, const Tensor& targets,
                     Where where = Where::current()) const;

 private:
  NllOptions options_;
};

/// mse_loss: the mean over all elements.
class MeanSquaredError {
 public:
  LossSum operator()(const Tensor& prediction, const Tensor& target,
                     Where where = Where::current()) const;
};

/// l1_loss: the mean over all elements.
class MeanAbsoluteError {
 public:
  LossSum operator()(const Tensor& prediction, const Tensor& target,
                     Where where = Where::current()) const;
};

/// binary_cross_entropy_with_logits: the mean over all elements, whatever their weights, which must
/// broadcast to any number of samples.
class BinaryCrossEntropy {
 public:
  explicit BinaryCrossEntropy(BinaryCrossEntropyOptions options = {})
      : options_(std::move(options)) {}
  LossSum operator()(const Tensor& logits, const Tensor& targets,
                     Where where = Where::current()) const;

 private:
  BinaryCrossEntropyOptions options_;
};

}  // namespace losses
}  // namespace tenon
