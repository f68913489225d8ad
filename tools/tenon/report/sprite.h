#pragma once

#include <tenon/core/tensor.h>

#include <nlohmann/json_fwd.hpp>

namespace tenon::cli::report {

/// Images of one size in one PNG, row by row: {"png": a data URI, "count", "columns", "width",
/// "height"}, the sizes those of one image. images: [N, 1, H, W], or [N, 3, H, W], in [0, 1].
nlohmann::ordered_json sprite_of(const Tensor& images);

/// Numbers as colours, [N, 1, H, W] -> [N, 3, H, W]: blue for -limit, white for 0, orange for
/// limit.
Tensor diverging_colours(const Tensor& values, double limit);

}  // namespace tenon::cli::report
