#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <vector>

#include "tenon/core/dtype.h"
#include "tenon/core/function.h"
#include "tenon/core/random.h"
#include "tenon/core/shape.h"
#include "tenon/core/where.h"

namespace tenon {

class Tensor;
struct TensorImpl;  // core/tensor_internal.h

/// No tensor: what a rule returns for an input that has no gradient.
struct None {};
inline constexpr None none;

struct TensorOptions {
  Dtype dtype = Dtype::f32;
};
struct UniformOptions {
  double low = 0;
  double high = 1;
  Dtype dtype = Dtype::f32;
};
struct NormalOptions {
  double mean = 0;
  double stddev = 1;
  Dtype dtype = Dtype::f32;
};
struct BackwardOptions;

/// The i of x[i], with the caller's line.
class AxisIndex {
 public:
  template <class T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
  AxisIndex(T index, Where where = Where::current())
      : index_(static_cast<std::int64_t>(index)), where_(where) {}
  std::int64_t index() const { return index_; }
  Where where() const { return where_; }

 private:
  std::int64_t index_;
  Where where_;
};

/// A dense array of numbers with a shape, strides and a dtype; a small value. Copies and views
/// share storage. Recorded operations on it can be differentiated.
class Tensor {
 public:
  Tensor() noexcept = default;  ///< undefined
  Tensor(None) noexcept {}      ///< undefined
  Tensor(const Tensor& other) noexcept : impl_(other.impl_) {
    if (impl_) share();
  }
  Tensor(Tensor&& other) noexcept : impl_(other.impl_) { other.impl_ = nullptr; }
  Tensor& operator=(const Tensor& other) noexcept { return *this = Tensor(other); }
  Tensor& operator=(Tensor&& other) noexcept {
    TensorImpl* const mine = impl_;
    impl_ = other.impl_;
    other.impl_ = mine;
    return *this;
  }
  ~Tensor() {
    if (impl_) drop();
  }

  /// Factories. Rows (row-major); sizes must be >= 0 and their bytes fit (ShapeError).
  static Tensor empty(const Shape& shape, TensorOptions options = {},
                      Where where = Where::current());
  static Tensor zeros(const Shape& shape, TensorOptions options = {},
                      Where where = Where::current());
  static Tensor ones(const Shape& shape, TensorOptions options = {},
                     Where where = Where::current());
  static Tensor full(const Shape& shape, double value, TensorOptions options = {},
                     Where where = Where::current());
  /// The identity matrix [n, n].
  static Tensor eye(std::int64_t n, TensorOptions options = {}, Where where = Where::current());
  /// start, start + step, ... below stop (above it for a negative step). i64, if any argument is
  /// floating f32.
  template <
      class A, class B, class C = int,
      std::enable_if_t<
          std::is_arithmetic_v<A> && std::is_arithmetic_v<B> && std::is_arithmetic_v<C>, int> = 0>
  static Tensor arange(A start, B stop, C step = 1, Where where = Where::current()) {
    if constexpr (std::is_integral_v<A> && std::is_integral_v<B> && std::is_integral_v<C>)
      return arange_integer(static_cast<std::int64_t>(start), static_cast<std::int64_t>(stop),
                            static_cast<std::int64_t>(step), where);
    else
      return arange_floating(static_cast<double>(start), static_cast<double>(stop),
                             static_cast<double>(step), where);
  }
  /// 0, 1, ... below stop.
  template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
  static Tensor arange(T stop, Where where = Where::current()) {
    return arange(T(0), stop, T(1), where);
  }
  /// `count` numbers from start to stop, both included.
  static Tensor linspace(double start, double stop, std::int64_t count, TensorOptions options = {},
                         Where where = Where::current());

  /// The values in row-major order. Floating literals give f32, integer ones i64, bools boolean,
  /// unless a dtype is named. Throws ShapeError when the shape wants another number of values.
  template <class T>
  static Tensor from(std::initializer_list<T> values, const Shape& shape,
                     Where where = Where::current()) {
    return from_values(values.begin(), values.size(), dtype_of_value<T>, shape, default_dtype<T>(),
                       where);
  }
  template <class T>
  static Tensor from(std::initializer_list<T> values, const Shape& shape, Dtype dtype,
                     Where where = Where::current()) {
    return from_values(values.begin(), values.size(), dtype_of_value<T>, shape, dtype, where);
  }
  template <class T>
  static Tensor from(const std::vector<T>& values, const Shape& shape,
                     Where where = Where::current()) {
    return from_vector(values, shape, default_dtype<T>(), where);
  }
  template <class T>
  static Tensor from(const std::vector<T>& values, const Shape& shape, Dtype dtype,
                     Where where = Where::current()) {
    return from_vector(values, shape, dtype, where);
  }
  /// A scalar, rank 0.
  template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
  static Tensor from(T value, Where where = Where::current()) {
    return from({value}, {}, where);
  }

  /// Numbers uniform in [low, high).
  static Tensor uniform(const Shape& shape, Rng& rng, UniformOptions options = {},
                        Where where = Where::current());
  /// Normally distributed numbers (Box and Muller 1958).
  static Tensor normal(const Shape& shape, Rng& rng, NormalOptions options = {},
                       Where where = Where::current());
  /// Integers uniform in [low, high), i64.
  static Tensor randint(std::int64_t low, std::int64_t high, const Shape& shape, Rng& rng,
                        Where where = Where::current());
  /// The numbers 0 to n - 1 in random order, i64 (Fisher and Yates).
  static Tensor randperm(std::int64_t n, Rng& rng, Where where = Where::current());

  bool defined() const noexcept { return impl_ != nullptr; }
  /// These throw ShapeError on an undefined tensor.
  const Shape& shape() const;
  const Strides& strides() const;
  Dtype dtype() const;
  std::int64_t rank() const { return static_cast<std::int64_t>(shape().rank()); }
  std::int64_t numel() const { return shape().numel(); }
  /// The size of an axis; negative axes count from the end.
  std::int64_t size(std::int64_t axis, Where where = Where::current()) const;
  /// Row-major without gaps.
  bool is_contiguous() const;
  /// How many in-place writes the storage has seen.
  std::uint32_t version() const;

  /// The elements of a row-major tensor of exactly this dtype; else ShapeError or DtypeError.
  template <class T>
  const T* data(Where where = Where::current()) const {
    return static_cast<const T*>(raw_data(dtype_of<T>, where));
  }
  /// The same for writing: counts as an in-place write.
  template <class T>
  T* mutable_data(Where where = Where::current()) {
    return static_cast<T*>(raw_mutable_data(dtype_of<T>, where));
  }
  /// The value of a tensor with one element, converted to T.
  template <class T>
  T item(Where where = Where::current()) const {
    T value;
    copy_out(&value, dtype_of<T>, 1, where);
    return value;
  }
  /// The values in row-major order, converted to T, whatever the strides.
  template <class T>
  std::vector<T> to_vector(Where where = Where::current()) const {
    std::vector<T> values(static_cast<std::size_t>(checked_numel(where)));
    if constexpr (std::is_same_v<T, bool>) {
      for (std::size_t i = 0; const std::uint8_t value : to_vector<std::uint8_t>(where))
        values[i++] = value != 0;
    } else {
      copy_out(values.data(), dtype_of<T>, -1, where);
    }
    return values;
  }

  /// Differentiable, as operations are.
  Tensor to(Dtype dtype, Where where = Where::current()) const;
  /// A copy with storage of its own and the same strides order.
  Tensor clone(Where where = Where::current()) const;
  /// This tensor if it is row-major, else a row-major copy.
  Tensor contiguous(Where where = Where::current()) const;
  /// x[i]: the i-th part along axis 0, a view; negative i counts from the end.
  Tensor operator[](AxisIndex index) const;

  /// In-place writes: never recorded. GradientError while recording when this tensor requires grad
  /// or has history, or the source has; open a NoGradGuard for them.
  void fill(double value, Where where = Where::current());
  /// Copies values, converting the dtype; the shapes must be equal.
  void copy_from(const Tensor& source, Where where = Where::current());

  /// Whether a gradient flows into or through this tensor.
  bool requires_grad() const noexcept;
  /// Marks a floating leaf as one whose gradient backward() computes (or no longer). Returns the
  /// tensor.
  Tensor set_requires_grad(bool requires_grad = true, Where where = Where::current());
  /// No recorded operation made it.
  bool is_leaf() const noexcept;
  /// The gradient that backward() added up for this leaf; undefined before and after zero_grad().
  Tensor grad() const;
  /// Replaces the gradient: same shape and dtype, or none.
  void set_grad(const Tensor& gradient, Where where = Where::current());
  /// Drops the gradient.
  void zero_grad();
  /// Adds the gradient of this tensor to grad() of every leaf it was computed from.
  void backward(Where where = Where::current()) const;
  void backward(const BackwardOptions& options, Where where = Where::current()) const;
  /// The same values without history; shares storage.
  Tensor detach() const;
  /// Calls `hook` with the whole gradient of this tensor during backward; what it returns, unless
  /// undefined, replaces the gradient. Needs requires_grad(). Lives as long as the graph.
  void register_hook(Function<Tensor(const Tensor& gradient)> hook, Where where = Where::current());

  /// For the library: the shared state. adopt() takes over one reference.
  TensorImpl* impl() const noexcept { return impl_; }
  static Tensor adopt(TensorImpl* impl) noexcept {
    Tensor tensor;
    tensor.impl_ = impl;
    return tensor;
  }

 private:
  template <class T>
  static constexpr Dtype dtype_of_value = [] {
    if constexpr (std::is_same_v<T, bool>)
      return Dtype::boolean;
    else if constexpr (std::is_floating_point_v<T>)
      return sizeof(T) == 4 ? Dtype::f32 : Dtype::f64;
    else if constexpr (sizeof(T) == 1)
      return Dtype::u8;
    else
      return sizeof(T) == 4 ? Dtype::i32 : Dtype::i64;
  }();
  template <class T>
  static constexpr Dtype default_dtype() {
    static_assert(std::is_arithmetic_v<T>, "tenon: a tensor holds numbers");
    if (std::is_same_v<T, bool>) return Dtype::boolean;
    return std::is_floating_point_v<T> ? Dtype::f32 : Dtype::i64;
  }
  template <class T>
  static Tensor from_vector(const std::vector<T>& values, const Shape& shape, Dtype dtype,
                            Where where) {
    if constexpr (std::is_same_v<T, bool>) {
      const std::vector<std::uint8_t> bytes(values.begin(), values.end());
      return from_values(bytes.data(), bytes.size(), Dtype::boolean, shape, dtype, where);
    } else {
      return from_values(values.data(), values.size(), dtype_of_value<T>, shape, dtype, where);
    }
  }
  static Tensor from_values(const void* values, std::size_t count, Dtype values_dtype,
                            const Shape& shape, Dtype dtype, Where where);
  static Tensor arange_integer(std::int64_t start, std::int64_t stop, std::int64_t step,
                               Where where);
  static Tensor arange_floating(double start, double stop, double step, Where where);
  void share() const noexcept;
  void drop() noexcept;
  const void* raw_data(Dtype dtype, Where where) const;
  void* raw_mutable_data(Dtype dtype, Where where);
  std::int64_t checked_numel(Where where) const;
  /// Writes the values, row-major, converted to `dtype`; `expected_count` -1 takes any number.
  void copy_out(void* values, Dtype dtype, std::int64_t expected_count, Where where) const;

  TensorImpl* impl_ = nullptr;
};

struct BackwardOptions {
  /// The gradient of each output; empty: ones, for scalars alone.
  std::vector<Tensor> output_gradients = {};
  /// Record the gradients themselves, so that they can be differentiated.
  bool create_graph = false;
  /// Keep the graph for a second backward; create_graph keeps it too.
  bool retain_graph = false;
};

Tensor empty_like(const Tensor& x, Where where = Where::current());
Tensor zeros_like(const Tensor& x, Where where = Where::current());
Tensor ones_like(const Tensor& x, Where where = Where::current());
Tensor full_like(const Tensor& x, double value, Where where = Where::current());
Tensor uniform_like(const Tensor& x, Rng& rng, Where where = Where::current());
Tensor normal_like(const Tensor& x, Rng& rng, Where where = Where::current());

/// As NumPy prints: nested brackets, four digits, the middle of long axes left out, then shape and
/// dtype.
std::string to_string(const Tensor& x);

struct Tolerance {
  double relative = 1e-5;
  double absolute = 1e-8;
};
/// Whether |a - b| <= absolute + relative * |b| for every element. Shapes must be equal
/// (ShapeError). NaN is close to nothing.
bool all_close(const Tensor& a, const Tensor& b, Tolerance tolerance = {},
               Where where = Where::current());

}  // namespace tenon
