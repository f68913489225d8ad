#pragma once

#include "tenon/core/tensor.h"
#include "tenon/kernels/loss.h"
#include "tenon/ops/loss.h"

namespace tenon {

/// Where the classes are: axis 1, or 0 for a single sample.
inline std::size_t class_axis(const Tensor& logits) { return logits.rank() > 1 ? 1 : 0; }

/// Checks logits, class weights and class indices and turns the latter into i64 rows. Throws
/// ShapeError, DtypeError, GradientError (weights that require grad) or DataError (an index that is
/// no class).
kernels::ClassTargets class_targets(const char* operation, const char* logits_name,
                                    const Tensor& logits, const Tensor& targets,
                                    const Tensor& weight, std::int64_t ignore_index, Where where);
/// Throws unless weight is none or [C], of the logits' dtype, without gradient.
void check_class_weight(const char* operation, const char* logits_name, const Tensor& logits,
                        const Tensor& weight, Where where);

/// Throws unless both are floating, of one dtype and of one shape.
void check_same(const char* operation, const char* name_a, const Tensor& a, const char* name_b,
                const Tensor& b, Where where);

Tensor reduce_losses(const Tensor& losses, Reduction reduction);

}  // namespace tenon
