#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "tenon/core/block_internal.h"
#include "tenon/core/handle_internal.h"
#include "tenon/core/memory_internal.h"
#include "tenon/core/tensor.h"

namespace tenon {

/// Memory that tensors share: 64-byte aligned; poisoned with NaN in test builds while fresh.
struct Storage final : RefCounted {
  /// Throws Error when there is no memory.
  static Handle<Storage> make(std::size_t size_bytes);

  void* const data;
  const std::size_t bytes;
  const std::uint64_t id;                 ///< never reused
  std::atomic<std::uint32_t> version{0};  ///< bumped by every in-place write

 protected:
  void dispose() noexcept override;

 private:
  Storage(void* data_in, std::size_t size_bytes) noexcept;
  ~Storage() override;
};

/// What core knows of the graph: a node that a tensor is an output of. autograd/node_internal.h
/// derives.
struct NodeBase : RefCounted {
  explicit NodeBase(bool leaf) : is_leaf(leaf) {}
  const bool is_leaf;
};

/// What a Tensor refers to. Two tensors of one impl are the same tensor; a view is another impl on
/// the same storage.
struct TensorImpl final : RefCounted, InBlock {
  TensorImpl(Handle<Storage> storage_in, const Shape& shape_in, const Strides& strides_in,
             std::int64_t offset_in, Dtype dtype_in) noexcept;
  ~TensorImpl() override;

  Handle<Storage> storage;
  Shape shape;
  Strides strides;
  std::int64_t offset;  ///< in elements
  Dtype dtype;
  std::uint16_t output_index = 0;  ///< which output of `node` this is
  Handle<NodeBase> node;           ///< null: no gradient
};

/// Row-major strides.
Strides contiguous_strides(const Shape& shape);
/// Throws ShapeError unless each size is >= 0 and the bytes fit; `operation` names the caller.
void check_sizes(const char* operation, const Shape& shape, Dtype dtype, Where where);

/// A fresh tensor without values.
Tensor make_tensor(const Shape& shape, const Strides& strides, Dtype dtype);
Tensor make_tensor(const Shape& shape, Dtype dtype);
/// Another view on x's storage, without history.
Tensor make_view(const Tensor& x, const Shape& shape, const Strides& strides, std::int64_t offset);

/// The first element, without checks. The mutable one does not bump the version: for fresh outputs.
template <class T>
const T* elements(const Tensor& x) {
  return static_cast<const T*>(x.impl()->storage->data) + x.impl()->offset;
}
template <class T>
T* fresh_elements(Tensor& x) {
  return static_cast<T*>(x.impl()->storage->data) + x.impl()->offset;
}
inline void bump_version(Tensor& x) {
  x.impl()->storage->version.fetch_add(1, std::memory_order_relaxed);
}

/// Calls f with a zero of the C++ type of `dtype`: visit(dtype, [&](auto zero) { using T =
/// decltype(zero); ... }).
template <class F>
decltype(auto) visit_dtype(Dtype dtype, F&& f) {
  switch (dtype) {
    case Dtype::boolean: return f(bool{});
    case Dtype::u8: return f(std::uint8_t{});
    case Dtype::i32: return f(std::int32_t{});
    case Dtype::i64: return f(std::int64_t{});
    case Dtype::f32: return f(float{});
    case Dtype::f64: break;
  }
  return f(double{});
}
/// The same for f32 and f64 alone.
template <class F>
decltype(auto) visit_floating(Dtype dtype, F&& f) {
  return dtype == Dtype::f32 ? f(float{}) : f(double{});
}

/// Resolves a negative axis. Throws ShapeError unless -rank <= axis < rank.
std::size_t normalize_axis(const char* operation, const Tensor& x, std::int64_t axis, Where where);

}  // namespace tenon
