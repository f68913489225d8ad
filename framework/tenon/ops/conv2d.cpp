#include "tenon/ops/conv2d.h"

#include "tenon/autograd/record.h"
#include "tenon/kernels/conv2d.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/conv2d_internal.h"
#include "tenon/ops/conv_geometry_internal.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/shape.h"

namespace tenon {
namespace {

Saved saved_if(bool wanted, const Tensor& x) { return wanted ? Saved(x) : Saved(); }

/// What the kernels read instead of x, and rules keep: without a history it may be a copy in their
/// order, so that a batch of images changes its layout once, not again for the weight gradient.
Tensor operand(const Tensor& x, const ConvGeometry& g) {
  return x.requires_grad() ? x : kernels::conv2d_operand(x, g);
}

/// The gradients of x, w and b, from that of conv(x, w) + b. `with_bias`: the operation had one.
Gradients conv2d_gradients(const Tensor& dz, const Saved& x, const Saved& w, bool with_bias,
                           const ConvGeometry& g, const Needs& needs) {
  Gradients d = Gradients::undefined(3);
  if (needs[0]) d[0] = conv2d_input_gradient(dz, w.get(), g);
  if (needs[1]) {
    std::vector<Tensor> dwb = conv2d_weight_gradient(x.get(), dz, g, with_bias && needs[2]);
    d[1] = dwb[0];
    if (with_bias && needs[2]) d[2] = dwb[1];
  } else if (with_bias && needs[2]) {
    d[2] = sum(dz, {0, 2, 3});
  }
  return d;
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dOptions& options,
              Where where) {
  const ConvGeometry g = conv2d_geometry(x, w, b, options, where);
  const Tensor inputs[] = {x, w, b};
  if (!has_gradient_from_output(options.activation) && detail::is_recorded(inputs, 3))
    return activate(conv2d_with(x, w, b, g, where), options.activation, where);
  if (options.activation == Activation::none) return conv2d_with(x, w, b, g, where);

  const Tensor x_read = operand(x, g);
  Tensor y = kernels::conv2d(x_read, w, b, g, options.activation);
  return record(
      "conv2d", {x, w, b}, y,
      [g, activation = options.activation, with_bias = b.defined(), y = Saved::output(y),
       x = saved_if(w.requires_grad(), x_read),
       w = saved_if(x.requires_grad(), w)](const Tensor& dy, const Needs& needs) -> Gradients {
        return conv2d_gradients(activation_gradient(dy, y.get(), activation), x, w, with_bias, g,
                                needs);
      },
      where);
}

Tensor conv2d_with(const Tensor& x, const Tensor& w, const Tensor& b, const ConvGeometry& g,
                   Where where) {
  const Tensor x_read = operand(x, g);
  Tensor y = kernels::conv2d(x_read, w, b, g, Activation::none);

  return record(
      "conv2d", {x, w, b}, y,
      [g, with_bias = b.defined(), x = saved_if(w.requires_grad(), x_read),
       w = saved_if(x.requires_grad(), w)](const Tensor& dy, const Needs& needs) -> Gradients {
        return conv2d_gradients(dy, x, w, with_bias, g, needs);
      },
      where);
}

Tensor conv2d_input_gradient(const Tensor& dy, const Tensor& w, const ConvGeometry& g,
                             Where where) {
  Tensor dx = kernels::conv2d_input_gradient(dy, w, g);

  return record(
      "conv2d_input_gradient", {dy, w}, dx,
      [g, dy = saved_if(w.requires_grad(), dy), w = saved_if(dy.requires_grad(), w)](
          const Tensor& d, const Needs& needs) -> Gradients {
        return {needs[0] ? conv2d_with(d, w.get(), none, g) : none,
                needs[1] ? conv2d_weight_gradient(d, dy.get(), g, false)[0] : none};
      },
      where);
}

std::vector<Tensor> conv2d_weight_gradient(const Tensor& x, const Tensor& dy, const ConvGeometry& g,
                                           bool with_bias, Where where) {
  kernels::ConvWeightGradient gradient = kernels::conv2d_weight_gradient(x, dy, g, with_bias);
  std::vector<Tensor> outputs{gradient.dw};
  if (with_bias) outputs.push_back(gradient.db);

  return record(
      "conv2d_weight_gradient", {x, dy}, outputs,
      [g, x = saved_if(dy.requires_grad(), x), dy = saved_if(x.requires_grad(), dy)](
          const Gradients& ds, const Needs& needs) -> Gradients {
        const Tensor& d_dw = ds[0];
        const Tensor d_db = ds.size() > 1 ? ds[1] : none;
        Gradients d = Gradients::undefined(2);
        if (needs[0] && d_dw.defined()) d[0] = conv2d_input_gradient(dy.get(), d_dw, g);
        if (!needs[1]) return d;
        if (d_dw.defined()) {
          d[1] = conv2d_with(x.get(), d_dw, d_db, g);
        } else if (d_db.defined()) {
          d[1] = expand(reshape(d_db, {1, g.out_channels, 1, 1}), g.y_shape());
        }
        return d;
      },
      where);
}

}  // namespace tenon
