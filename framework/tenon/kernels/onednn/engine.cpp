#include "tenon/kernels/onednn/engine.h"

#include <tbb/task_arena.h>

#include <limits>

#include "tenon/core/error.h"
#include "tenon/core/order_internal.h"

namespace tenon::kernels::onednn {
namespace {

/// oneDNN's own cache holds the code that the threads' plans share. Its default of 1024 entries
/// keeps hundreds of megabytes of code alive when shapes vary.
constexpr int kPrimitiveCacheCapacity = 128;

struct Context {
  dnnl::engine engine;
  dnnl::stream stream;

  Context() : engine(dnnl::engine::kind::cpu, 0), stream(engine) {
    const dnnl_version_t* version = dnnl_version();
    if (version->major != DNNL_VERSION_MAJOR || version->cpu_runtime != DNNL_RUNTIME_TBB)
      throw Error(
          "tenon: the oneDNN library that was loaded is not of the version and threads it was "
          "built for.");
    dnnl_set_primitive_cache_capacity(kPrimitiveCacheCapacity);
  }
};

/// Never destroyed: threads hold plans until they end.
Context& context() {
  static Context* const instance = new Context;
  return *instance;
}

dnnl::memory::dims to_dims(const Shape& shape) {
  if (shape.rank() == 0) return {1};
  return {shape.begin(), shape.end()};
}

/// An axis of size 1 may have any stride; oneDNN wants one that fits between its neighbours'.
Strides without_stray_strides(const Shape& shape, Strides strides) {
  for (std::size_t axis = shape.rank(); axis-- > 0;)
    if (shape[axis] == 1)
      strides[axis] = axis + 1 < shape.rank() ? strides[axis + 1] * shape[axis + 1] : 1;
  return strides;
}

dnnl::memory::data_type to_data_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32: return dnnl::memory::data_type::f32;
    case Dtype::i32: return dnnl::memory::data_type::s32;
    case Dtype::u8: return dnnl::memory::data_type::u8;
    default: throw Error("tenon: oneDNN on the CPU has no " + std::string(to_string(dtype)) + ".");
  }
}

}  // namespace

const dnnl::engine& engine() { return context().engine; }

// A stream of a CPU engine holds no queue: executing is a direct call, from any thread.
const dnnl::stream& stream() { return context().stream; }

void plan_for_threads(int threads, FunctionRef<void()> body) {
  context();
  // An arena of the caller's own, all of its slots reserved: no worker is asked for and none can
  // join.
  tbb::task_arena arena(threads, static_cast<unsigned>(threads));
  arena.execute([&] { body(); });
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

dnnl::memory::desc desc_of(const Tensor& x) { return desc_of(x.shape(), x.strides(), x.dtype()); }

dnnl::memory::desc desc_of(const Shape& shape, const Strides& strides, Dtype dtype) {
  return {to_dims(shape), to_data_type(dtype), to_dims(without_stray_strides(shape, strides))};
}

dnnl::memory::desc channels_last(const Shape& shape) {
  return {to_dims(shape), dnnl::memory::data_type::f32, dnnl::memory::format_tag::nhwc};
}

dnnl::memory::desc any_format(const Shape& shape) {
  return {to_dims(shape), dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
}

bool is_describable(const Tensor& x) {
  if (x.numel() == 0) return false;
  for (const std::int64_t size : x.shape())
    if (size > std::numeric_limits<std::int32_t>::max()) return false;
  return is_dense(x.shape(), x.strides());
}

}  // namespace tenon::kernels::onednn
