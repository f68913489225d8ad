#pragma once

#include <cstddef>
#include <initializer_list>
#include <type_traits>
#include <utility>
#include <vector>

#include "tenon/autograd/grad_mode.h"
#include "tenon/autograd/saved.h"
#include "tenon/core/function.h"
#include "tenon/core/tensor.h"
#include "tenon/core/where.h"

namespace tenon {

/// The gradient of an operation: from the gradients of its outputs to those of its inputs.
using Rule = Function<Gradients(const Gradients& dys, const Needs& needs), 112>;

namespace detail {
/// Whether an operation on these inputs is recorded: recording is on and one of them requires grad.
bool is_recorded(const Tensor* inputs, std::size_t count) noexcept;
/// Makes the node; `outputs` must be fresh tensors or views without history.
void record(const char* name, const Tensor* inputs, std::size_t input_count, Tensor* outputs,
            std::size_t output_count, Rule&& rule, Where where);
/// Under AnomalyGuard: throws when an output has a NaN or infinity.
void check_anomaly(const char* name, const Tensor* outputs, std::size_t count, Where where);
bool anomaly_checked() noexcept;

template <class R>
Tensor record_one(const char* name, const Tensor* inputs, std::size_t count, Tensor y, R&& rule,
                  Where where) {
  if (anomaly_checked()) check_anomaly(name, &y, 1, where);
  if (is_recorded(inputs, count))
    record(name, inputs, count, &y, 1,
           Rule([rule = std::forward<R>(rule)](const Gradients& dys, const Needs& needs) mutable
                -> Gradients { return rule(dys[0], needs); }),
           where);
  return y;
}
}  // namespace detail

/// Records y as the result of an operation on `inputs`, built-in or a user's own, and returns it.
/// `rule` is called in backward with the gradient of y (defined, of y's shape) and returns one
/// gradient an input, in order, each of exactly the input's shape and dtype or undefined. It holds
/// tensors only as Saved, and is written in differentiable operations, so that second derivatives
/// work.
///   return record("square", {x}, y, [x = Saved(x)](const Tensor& dy, const Needs&) -> Gradients {
///     return {2.0 * dy * x.get()};
///   });
template <class R, std::enable_if_t<
                       std::is_invocable_r_v<Gradients, R&, const Tensor&, const Needs&>, int> = 0>
Tensor record(const char* name, std::initializer_list<Tensor> inputs, Tensor y, R&& rule,
              Where where = Where::current()) {
  return detail::record_one(name, inputs.begin(), inputs.size(), std::move(y),
                            std::forward<R>(rule), where);
}
template <class R, std::enable_if_t<
                       std::is_invocable_r_v<Gradients, R&, const Tensor&, const Needs&>, int> = 0>
Tensor record(const char* name, const std::vector<Tensor>& inputs, Tensor y, R&& rule,
              Where where = Where::current()) {
  return detail::record_one(name, inputs.data(), inputs.size(), std::move(y), std::forward<R>(rule),
                            where);
}

/// The same for several outputs: the rule gets all their gradients, undefined where an output was
/// not used.
template <
    class R,
    std::enable_if_t<std::is_invocable_r_v<Gradients, R&, const Gradients&, const Needs&>, int> = 0>
std::vector<Tensor> record(const char* name, const std::vector<Tensor>& inputs,
                           std::vector<Tensor> outputs, R&& rule, Where where = Where::current()) {
  if (detail::anomaly_checked()) detail::check_anomaly(name, outputs.data(), outputs.size(), where);
  if (detail::is_recorded(inputs.data(), inputs.size()))
    detail::record(name, inputs.data(), inputs.size(), outputs.data(), outputs.size(),
                   Rule(std::forward<R>(rule)), where);
  return outputs;
}

}  // namespace tenon
