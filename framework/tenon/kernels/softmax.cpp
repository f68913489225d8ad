#include "tenon/kernels/softmax.h"

#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/reference/softmax.h"
#include "tenon/kernels/simd/softmax.h"
#include "tenon/kernels/softmax_lines_internal.h"

namespace tenon::kernels {
namespace {

// Nanoseconds an element, of one thread.
constexpr double kExponential = 0.5;
constexpr double kStreaming = 0.25;

bool is_simd(const Tensor& x) { return x.dtype() == Dtype::f32 && x.numel() > 0; }

/// x in the strides of a dense tensor; copied at most once.
Tensor in_strides(const Tensor& x, const Strides& strides, KernelScope& scope) {
  if (has_strides(x, strides)) return x;
  scope.count_reorder();
  return copy_to_strides(x, strides);
}

simd::SoftmaxLines lines_of(const DenseLines& lines) {
  return {lines.outer, lines.count, lines.inner};
}

using Forward = void (*)(const simd::SoftmaxLines&, const float*, std::int64_t, std::int64_t,
                         float*);
using Backward = void (*)(const simd::SoftmaxLines&, const float*, const float*, std::int64_t,
                          std::int64_t, float*);

Tensor forward(const char* name, Forward kernel, const Tensor& x, std::size_t axis) {
  KernelScope scope(name, "simd");
  Tensor y = make_tensor(x.shape(), output_order(x.shape(), {&x}), Dtype::f32);
  const Tensor from = in_strides(x, y.strides(), scope);
  const DenseLines lines = dense_lines(y, axis);
  parallel_for(lines.lines(), lines.grain(kExponential), [&](std::int64_t begin, std::int64_t end) {
    kernel(lines_of(lines), elements<float>(from), begin, end, fresh_elements<float>(y));
  });
  return y;
}

Tensor backward(const char* name, Backward kernel, double element_nanoseconds, const Tensor& dy,
                const Tensor& y, std::size_t axis) {
  KernelScope scope(name, "simd");
  Tensor dx = make_tensor(y.shape(), output_order(y.shape(), {&y, &dy}), Dtype::f32);
  const Tensor from = in_strides(y, dx.strides(), scope);
  const Tensor g = in_strides(dy, dx.strides(), scope);
  const DenseLines lines = dense_lines(dx, axis);
  parallel_for(lines.lines(), lines.grain(element_nanoseconds),
               [&](std::int64_t begin, std::int64_t end) {
                 kernel(lines_of(lines), elements<float>(g), elements<float>(from), begin, end,
                        fresh_elements<float>(dx));
               });
  return dx;
}

}  // namespace

Tensor softmax(const Tensor& x, std::size_t axis) {
  if (is_simd(x)) return forward("softmax", simd::softmax, x, axis);
  const KernelScope scope("softmax", "reference");
  return reference::softmax(x, axis);
}

Tensor softmax_gradient(const Tensor& dy, const Tensor& y, std::size_t axis) {
  constexpr const char* kName = "softmax_gradient";
  if (is_simd(y)) return backward(kName, simd::softmax_gradient, kStreaming, dy, y, axis);
  const KernelScope scope(kName, "reference");
  return reference::softmax_gradient(dy, y, axis);
}

Tensor log_softmax(const Tensor& x, std::size_t axis) {
  if (is_simd(x)) return forward("log_softmax", simd::log_softmax, x, axis);
  const KernelScope scope("log_softmax", "reference");
  return reference::log_softmax(x, axis);
}

Tensor log_softmax_gradient(const Tensor& dy, const Tensor& y, std::size_t axis) {
  constexpr const char* kName = "log_softmax_gradient";
  if (is_simd(y)) return backward(kName, simd::log_softmax_gradient, kExponential, dy, y, axis);
  const KernelScope scope(kName, "reference");
  return reference::log_softmax_gradient(dy, y, axis);
}

}  // namespace tenon::kernels
