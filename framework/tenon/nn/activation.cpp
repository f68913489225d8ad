#include "tenon/nn/activation.h"

#include "tenon/core/call_path_internal.h"
#include "tenon/ops/activation.h"
#include "tenon/ops/softmax.h"

namespace tenon::nn {

Tensor Tanh::forward(const Tensor& x) { return tanh(x, call_site()); }
Tensor Sigmoid::forward(const Tensor& x) { return sigmoid(x, call_site()); }
Tensor Relu::forward(const Tensor& x) { return relu(x, call_site()); }
Tensor LeakyRelu::forward(const Tensor& x) { return leaky_relu(x, slope_, call_site()); }
Tensor Elu::forward(const Tensor& x) { return elu(x, alpha_, call_site()); }
Tensor Gelu::forward(const Tensor& x) { return gelu(x, call_site()); }
Tensor Silu::forward(const Tensor& x) { return silu(x, call_site()); }
Tensor Softplus::forward(const Tensor& x) { return softplus(x, call_site()); }
Tensor Softmax::forward(const Tensor& x) { return softmax(x, axis_, call_site()); }
Tensor LogSoftmax::forward(const Tensor& x) { return log_softmax(x, axis_, call_site()); }

}  // namespace tenon::nn
