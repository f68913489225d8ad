#pragma once

#include "tenon/core/tensor.h"

namespace tenon::kernels {

// One fused pass over a parameter p, its gradient g and its state, in place. f32 and f64, any
// strides; state tensors have the parameter's shape and dtype. All numbers are those of the
// formulas.

/// g += weight_decay p
/// m = first ? g : momentum m + (1 - dampening) g
/// p -= learning_rate (nesterov ? g + momentum m : m)
/// Without momentum m may be undefined, and g takes its place.
struct SgdUpdate {
  double learning_rate;
  double momentum;
  double dampening;
  double weight_decay;
  bool nesterov;
  bool first;
};
void sgd_update(Tensor& p, const Tensor& g, Tensor& m, const SgdUpdate& options);

/// p *= 1 - shrink
/// g += weight_decay p
/// m += (1 - beta1) (g - m)
/// v = beta2 v + (1 - beta2) g^2
/// largest = max(largest, v) and takes v's place below, if defined
/// p -= step_size m / (sqrt(v) / root_correction + epsilon)
struct AdamUpdate {
  double step_size;        ///< learning_rate / (1 - beta1^t)
  double root_correction;  ///< sqrt(1 - beta2^t)
  double beta1;
  double beta2;
  double epsilon;
  double weight_decay;  ///< Adam's, coupled to the gradient
  double shrink;        ///< AdamW's, learning_rate * weight_decay
};
void adam_update(Tensor& p, const Tensor& g, Tensor& m, Tensor& v, Tensor& largest,
                 const AdamUpdate& options);

/// g += weight_decay p
/// s = alpha s + (1 - alpha) g^2
/// mean += (1 - alpha) (g - mean), and max(s - mean^2, 0) takes s's place below, if defined
/// step = g / (sqrt(s) + epsilon)
/// m = momentum m + step, and takes the step's place, if defined
/// p -= learning_rate step
struct RmspropUpdate {
  double learning_rate;
  double alpha;
  double epsilon;
  double weight_decay;
  double momentum;
};
void rmsprop_update(Tensor& p, const Tensor& g, Tensor& s, Tensor& mean, Tensor& m,
                    const RmspropUpdate& options);

/// g += weight_decay p
/// s += g^2
/// p -= learning_rate g / (sqrt(s) + epsilon)
struct AdagradUpdate {
  double learning_rate;
  double weight_decay;
  double epsilon;
};
void adagrad_update(Tensor& p, const Tensor& g, Tensor& s, const AdagradUpdate& options);

/// p *= 1 - shrink
/// g += weight_decay p
/// m += (1 - beta1) (g - m)
/// v = beta2 v + (1 - beta2) g^2
/// p -= (gradient_step g + moment_step m) / (sqrt(v) / root_correction + epsilon)
struct NadamUpdate {
  double gradient_step;    ///< learning_rate (1 - mu_t) / (1 - mu_1 ... mu_t)
  double moment_step;      ///< learning_rate mu_t+1 / (1 - mu_1 ... mu_t+1)
  double root_correction;  ///< sqrt(1 - beta2^t)
  double beta1;
  double beta2;
  double epsilon;
  double weight_decay;  ///< coupled to the gradient
  double shrink;        ///< decoupled, learning_rate * weight_decay
};
void nadam_update(Tensor& p, const Tensor& g, Tensor& m, Tensor& v, const NadamUpdate& options);

/// p = (1 - shrink) p - learning_rate sign(beta1 m + (1 - beta1) g), the sign of NaN being NaN
/// m = beta2 m + (1 - beta2) g
struct LionUpdate {
  double learning_rate;
  double beta1;
  double beta2;
  double shrink;  ///< learning_rate * weight_decay
};
void lion_update(Tensor& p, const Tensor& g, Tensor& m, const LionUpdate& options);

/// The sum of x^2 over all elements, accumulated in double in blocks that do not depend on threads.
double sum_of_squares(const Tensor& x);

}  // namespace tenon::kernels
