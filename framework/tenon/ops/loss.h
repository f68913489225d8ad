#pragma once

#include <cstdint>

#include "tenon/core/tensor.h"

namespace tenon {

/// What becomes of the losses of the single samples: kept, their (weighted) mean, their sum.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
    "-Wshadow"  // g++ 12 takes the enumerator for a shadow of tenon::none
enum class Reduction : std::uint8_t { none, mean, sum };
#pragma GCC diagnostic pop

struct LossOptions {
  Reduction reduction = Reduction::mean;
};
struct CrossEntropyOptions {
  Reduction reduction = Reduction::mean;
  double label_smoothing = 0;  ///< in [0, 1]: this share of the target goes to all classes alike
  Tensor weight = {};          ///< [C], of each class; a constant
  std::int64_t ignore_index =
      -100;  ///< targets of this index count nothing; for class indices alone
};
struct NllOptions {
  Reduction reduction = Reduction::mean;
  Tensor weight = {};                ///< [C], of each class; a constant
  std::int64_t ignore_index = -100;  ///< targets of this index count nothing
};
struct BinaryCrossEntropyOptions {
  Reduction reduction = Reduction::mean;
  Tensor weight = {};      ///< of each element, broadcast
  Tensor pos_weight = {};  ///< of positive examples, broadcast
};

/// loss = -sum over c of q_c weight_c log(softmax(logits)_c), the targets q smoothed: (1 - s) q + s
/// / C. logits [C], [N, C] or [N, C, ...], floating; targets: class indices (i64, i32 or u8) of the
/// logits' shape without the class axis, or probabilities of the logits' shape and dtype,
/// differentiable too. The mean over class indices divides by the sum of the targets' weights (of
/// those not ignored: NaN if there is none), that over probabilities by N. As in PyTorch (Szegedy
/// et al. 2016 for the smoothing). ShapeError for shapes that do not fit, DataError for an index
/// that is no class.   dlogits = dloss * (softmax - q)
Tensor cross_entropy(const Tensor& logits, const Tensor& targets,
                     const CrossEntropyOptions& options = {}, Where where = Where::current());

/// loss = -weight_t log_probabilities_t.   log_probabilities [C], [N, C] or [N, C, ...]; targets
/// and mean as in cross_entropy, class indices alone.
Tensor nll_loss(const Tensor& log_probabilities, const Tensor& targets,
                const NllOptions& options = {}, Where where = Where::current());

/// loss = (prediction - target)^2.   Equal shapes and floating dtypes: nothing is broadcast.
Tensor mse_loss(const Tensor& prediction, const Tensor& target, LossOptions options = {},
                Where where = Where::current());
/// loss = |prediction - target|.   Equal shapes and floating dtypes; the gradient at 0 is 0.
Tensor l1_loss(const Tensor& prediction, const Tensor& target, LossOptions options = {},
               Where where = Where::current());

/// loss = -weight (pos_weight t log(sigmoid(x)) + (1 - t) log(1 - sigmoid(x))), without overflow.
/// logits, targets: equal shapes and floating dtypes; the weights broadcast to them.
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& targets,
                                        const BinaryCrossEntropyOptions& options = {},
                                        Where where = Where::current());

}  // namespace tenon
