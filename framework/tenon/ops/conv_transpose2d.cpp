#include "tenon/autograd/record.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/conv2d.h"
#include "tenon/kernels/elementwise.h"
#include "tenon/ops/conv2d.h"
#include "tenon/ops/conv2d_internal.h"
#include "tenon/ops/conv_geometry_internal.h"
#include "tenon/ops/reduce.h"

namespace tenon {
namespace {

/// [C] as [1, C, 1, 1].
Tensor per_channel(const Tensor& b) {
  return make_view(b, {1, b.shape()[0], 1, 1}, {0, b.strides()[0], 0, 0}, b.impl()->offset);
}

}  // namespace

Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const Tensor& b,
                        const ConvTranspose2dOptions& options, Where where) {
  const ConvGeometry g = conv_transpose2d_geometry(x, w, b, options, where);
  Tensor y = kernels::conv2d_input_gradient(x, w, g);
  if (b.defined()) y = kernels::add(y, per_channel(b));

  return record(
      "conv_transpose2d", {x, w, b}, y,
      [g, x = w.requires_grad() ? Saved(x) : Saved(), w = x.requires_grad() ? Saved(w) : Saved()](
          const Tensor& dy, const Needs& needs) -> Gradients {
        return {needs[0] ? conv2d_with(dy, w.get(), none, g) : none,
                needs[1] ? conv2d_weight_gradient(dy, x.get(), g, false)[0] : none,
                needs[2] ? sum(dy, {0, 2, 3}) : none};
      },
      where);
}

}  // namespace tenon
