#pragma once

#include <cstdint>

#include "tenon/core/tensor.h"

namespace tenon::kernels::reference {

/// See kernels/reduce.h.
Tensor sum(const Tensor& x, const Axes& axes, bool keepdim);
Tensor mean(const Tensor& x, const Axes& axes, bool keepdim);
Tensor prod(const Tensor& x, const Axes& axes, bool keepdim);
Tensor max(const Tensor& x, const Axes& axes, bool keepdim);
Tensor min(const Tensor& x, const Axes& axes, bool keepdim);
Tensor any(const Tensor& x, const Axes& axes, bool keepdim);
Tensor all(const Tensor& x, const Axes& axes, bool keepdim);
Tensor variance(const Tensor& x, const Axes& axes, bool keepdim, std::int64_t correction,
                bool root);
Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdim);
Tensor argmax(const Tensor& x, std::int64_t axis, bool keepdim);
Tensor argmin(const Tensor& x, std::int64_t axis, bool keepdim);
Tensor cumsum(const Tensor& x, std::int64_t axis);

}  // namespace tenon::kernels::reference
