#pragma once

#include "tenon/kernels/conv_geometry.h"
#include "tenon/kernels/onednn/plan.h"

namespace tenon::kernels::onednn {

/// Whether oneDNN divides this average as PyTorch does (it does not leave out what reaches over the
/// padding), and no tensor is empty. There is no maximum here: oneDNN's drops NaN.
bool takes(const PoolGeometry& geometry);

/// For channels-last f32. execute({&x, &y})
Plan& avg_pool2d_plan(const PoolGeometry& geometry);
/// execute({&dy, &dx})
Plan& avg_pool2d_gradient_plan(const PoolGeometry& geometry);

}  // namespace tenon::kernels::onednn
