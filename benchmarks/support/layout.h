#pragma once

#include <tenon/tenon.h>

namespace tenon::benchmarks {

/// The orders in memory that kernels know for images [N, C, H, W].
enum class Layout : std::uint8_t { rows, channels_last, batch_inner };

/// "rows", "channels-last", "batch-inner"
const char* to_text(Layout layout);
/// A copy of an image in that order.
Tensor in_layout(const Tensor& image, Layout layout);

/// Normally distributed numbers, the same in every run.
Tensor noise(const Shape& shape);

/// Which kernels ran since reset_kernel_report(): "conv2d: onednn brgconv:avx512_core, 2 reorders".
std::string kernels_used();

}  // namespace tenon::benchmarks
