#pragma once

#include <cstdint>
#include <initializer_list>
#include <oneapi/dnnl/dnnl.hpp>

#include "tenon/core/function.h"
#include "tenon/core/tensor.h"

namespace tenon::kernels::onednn {

/// How much a primitive has to do. Small work (below about 20 us) is planned for and run on one
/// thread; large work is planned for kLogicalThreads, whatever number of threads then runs it:
/// convolutions and normalisations split their sums by the number they were planned for, and so
/// give the same bits on any number. To be decided from shapes alone. (Primitives whose
/// implementation is named "gemm:..." ask for the threads again when they run: a sum that is split
/// over threads would not repeat there.)
enum class Work : std::uint8_t { small, large };

/// Measured on LeNet-5 and 64 to 256 channels: planned for 16, run on 2 threads, costs at most 3 %
/// more than planned for 2; planned for 32, up to 25 %.
inline constexpr int kLogicalThreads = 16;

/// The work in nanoseconds of one thread (roughly), to Work.
constexpr Work work_of(double nanoseconds) {
  return nanoseconds < 20000 ? Work::small : Work::large;
}

const dnnl::engine& engine();
const dnnl::stream& stream();

/// Makes primitives as if `threads` threads were there.
void plan_for_threads(int threads, FunctionRef<void()> body);

/// Attributes as every plan needs them: the scratchpad is the caller's.
dnnl::primitive_attr attributes();

/// The shape and strides of a tensor, f32, i32 or u8. Rank 0 becomes [1].
dnnl::memory::desc desc_of(const Tensor& x);
dnnl::memory::desc desc_of(const Shape& shape, const Strides& strides, Dtype dtype = Dtype::f32);
/// f32 images [N, C, H, W], C innermost. (By oneDNN's own name for it: with one channel or pixel
/// the strides alone would not say so, and oneDNN would take its slowest path.)
dnnl::memory::desc channels_last(const Shape& shape);
/// f32 in whatever format the primitive likes best: for weights alone.
dnnl::memory::desc any_format(const Shape& shape);
/// Whether desc_of can describe it: no element is missing or repeated, and no size is 0 or above
/// 2^31 - 1.
bool is_describable(const Tensor& x);

}  // namespace tenon::kernels::onednn
