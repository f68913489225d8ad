#include "tenon/kernels/elementwise.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "tenon/core/error.h"
#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/convert_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/loop_internal.h"
#include "tenon/kernels/reference/elementwise.h"
#include "tenon/kernels/simd/elementwise.h"

namespace tenon::kernels {
namespace {

constexpr const char* kUnaryNames[] = {
    "negate", "abs",      "sign",    "floor",       "round",      "exp", "log",
    "log1p",  "expm1",    "sqrt",    "rsqrt",       "square",     "sin", "cos",
    "erf",    "tanh",     "sigmoid", "relu",        "leaky_relu", "elu", "gelu",
    "silu",   "softplus", "clamp",   "logical_not", "isnan"};
constexpr const char* kBinaryNames[] = {
    "add",          "subtract",      "multiply",         "divide",        "power",
    "maximum",      "minimum",       "maximum_share",    "equal",         "not_equal",
    "less",         "less_equal",    "greater",          "greater_equal", "logical_and",
    "logical_or",   "tanh_gradient", "sigmoid_gradient", "relu_gradient", "leaky_relu_gradient",
    "elu_gradient", "gelu_gradient", "silu_gradient",    "clamp_gradient"};

const char* name_of(Unary operation) { return kUnaryNames[static_cast<std::size_t>(operation)]; }
const char* name_of(Binary operation) { return kBinaryNames[static_cast<std::size_t>(operation)]; }

// Nanoseconds an element, of one thread: they only place the cuts between blocks.
constexpr double kCheap = 0.25;      // streaming through vector registers
constexpr double kPlain = 1;         // a strided loop
constexpr double kVectorMath = 0.7;  // an elementary function in simd/
constexpr double kPlainMath = 10;    // one of the C library

bool is_math(Unary operation) {
  switch (operation) {
    case Unary::exp:
    case Unary::log:
    case Unary::log1p:
    case Unary::expm1:
    case Unary::sin:
    case Unary::cos:
    case Unary::erf:
    case Unary::tanh:
    case Unary::sigmoid:
    case Unary::elu:
    case Unary::gelu:
    case Unary::silu:
    case Unary::softplus: return true;
    default: return false;
  }
}
bool is_math(Binary operation) {
  return operation == Binary::power || operation == Binary::gelu_gradient ||
         operation == Binary::silu_gradient;
}
double cost(bool is_simd, bool is_math) {
  return is_simd ? (is_math ? kVectorMath : kCheap) : (is_math ? kPlainMath : kPlain);
}

bool is_predicate(Binary operation) {
  return operation >= Binary::equal && operation <= Binary::logical_or;
}

[[noreturn]] void no_kernel(const char* name, Dtype dtype) {
  throw DtypeError(std::string(name) + ": there is no kernel for " + std::string(to_string(dtype)) +
                   ".");
}

/// One number in memory, as an element of a dtype.
struct Number {
  alignas(8) unsigned char bytes[8] = {};
  Number(const Argument& number, Dtype dtype) {
    visit_dtype(dtype, [&](auto zero) {
      using T = decltype(zero);
      const T value =
          is_integer(dtype) ? convert_value<T>(number.integer()) : convert_value<T>(number.real());
      std::memcpy(bytes, &value, sizeof(value));
    });
  }
};

const void* first_element(const Tensor& x) {
  return static_cast<const char*>(x.impl()->storage->data) +
         x.impl()->offset * static_cast<std::int64_t>(size_bytes(x.dtype()));
}

constexpr std::int64_t kChunk = 256;  // two chunks stay in L1

/// A line of `count` floats: itself, or gathered into `chunk`.
const float* gather(const float* x, std::int64_t stride, std::int64_t count, float* chunk) {
  if (stride <= 1) return x;
  for (std::int64_t i = 0; i < count; ++i) chunk[i] = x[i * stride];
  return chunk;
}

void run_simd(Unary operation, const Parameters& p, const Run& run, const float* x, float* y) {
  x += run.offset[1];
  y += run.offset[0];
  if (run.stride[1] == 1) return simd::unary(operation, p, x, y, run.count);
  float chunk[kChunk];
  for (std::int64_t i = 0; i < run.count; i += kChunk) {
    const std::int64_t count = std::min(kChunk, run.count - i);
    if (run.stride[1] == 0) std::fill(chunk, chunk + count, *x);
    simd::unary(
        operation, p,
        run.stride[1] == 0 ? chunk : gather(x + i * run.stride[1], run.stride[1], count, chunk),
        y + i, count);
  }
}

void run_simd(Binary operation, const Parameters& p, const Run& run, const float* a, const float* b,
              float* y) {
  a += run.offset[1];
  b += run.offset[2];
  y += run.offset[0];
  const std::int64_t sa = run.stride[1], sb = run.stride[2];
  if (sa <= 1 && sb <= 1) return simd::binary(operation, p, a, sa == 0, b, sb == 0, y, run.count);
  float chunk_a[kChunk], chunk_b[kChunk];
  for (std::int64_t i = 0; i < run.count; i += kChunk) {
    const std::int64_t count = std::min(kChunk, run.count - i);
    simd::binary(operation, p, gather(a + i * sa, sa, count, chunk_a), sa == 0,
                 gather(b + i * sb, sb, count, chunk_b), sb == 0, y + i, count);
  }
}

/// y = f(x); y may be x.
void run_unary(Unary operation, const Tensor& x, Tensor& y, const Parameters& p) {
  const bool is_simd = x.dtype() == Dtype::f32 && simd::has(operation);
  const KernelScope scope(name_of(operation), is_simd ? "simd" : "reference");
  const Loop loop = make_loop(y, {&x});
  const std::int64_t grain = grain_for(cost(is_simd, is_math(operation)));
  if (is_simd) {
    for_each_run(loop, grain,
                 [&, from = elements<float>(x), to = fresh_elements<float>(y)](const Run& run) {
                   run_simd(operation, p, run, from, to);
                 });
  } else {
    const reference::UnaryKernel kernel = reference::find_unary(operation, x.dtype());
    if (!kernel) no_kernel(name_of(operation), x.dtype());
    void* to = const_cast<void*>(first_element(y));
    for_each_run(loop, grain,
                 [&, from = first_element(x)](const Run& run) { kernel(run, p, from, to); });
  }
}

}  // namespace

Tensor unary(Unary operation, const Tensor& x, Parameters p) {
  const bool is_predicate = operation == Unary::logical_not || operation == Unary::isnan;
  Tensor y = make_tensor(x.shape(), output_order(x.shape(), {&x}),
                         is_predicate ? Dtype::boolean : x.dtype());
  run_unary(operation, x, y, p);
  return y;
}

Tensor binary(Binary operation, const Argument& a, const Argument& b, Parameters p) {
  const Tensor& some = a.tensor() ? *a.tensor() : *b.tensor();
  const Dtype dtype = some.dtype();
  if (operation == Binary::power && !b.tensor() && is_floating(dtype)) {
    if (b.real() == 2) return unary(Unary::square, some);
    if (b.real() == 1) return binary(Binary::multiply, a, 1.0);
    if (b.real() == 0.5) return unary(Unary::sqrt, some);
    if (b.real() == -0.5) return unary(Unary::rsqrt, some);
    if (b.real() == -1) return binary(Binary::divide, 1.0, a);
  }
  const bool is_simd = dtype == Dtype::f32 && simd::has(operation);
  const KernelScope scope(name_of(operation), is_simd ? "simd" : "reference");
  const bool two_tensors = a.tensor() && b.tensor();
  const Shape shape =
      two_tensors ? broadcast_shape(a.tensor()->shape(), b.tensor()->shape()) : some.shape();
  const Strides strides =
      two_tensors ? output_order(shape, {a.tensor(), b.tensor()}) : output_order(shape, {&some});
  Tensor y = make_tensor(shape, strides, is_predicate(operation) ? Dtype::boolean : dtype);
  const Loop loop = make_loop(y, {a.tensor(), b.tensor()});
  const Number number(a.tensor() ? b : a, dtype);
  const void* left = a.tensor() ? first_element(*a.tensor()) : number.bytes;
  const void* right = b.tensor() ? first_element(*b.tensor()) : number.bytes;
  const std::int64_t grain = grain_for(cost(is_simd, is_math(operation)));
  void* to = y.impl()->storage->data;
  if (is_simd) {
    for_each_run(loop, grain, [&](const Run& run) {
      run_simd(operation, p, run, static_cast<const float*>(left), static_cast<const float*>(right),
               static_cast<float*>(to));
    });
  } else {
    const reference::BinaryKernel kernel = reference::find_binary(operation, dtype);
    if (!kernel) no_kernel(name_of(operation), dtype);
    for_each_run(loop, grain, [&](const Run& run) { kernel(run, p, left, right, to); });
  }
  return y;
}

Tensor where(const Tensor& condition, const Argument& a, const Argument& b, Dtype dtype) {
  const KernelScope scope("where", "reference");
  Shape shape = condition.shape();
  if (a.tensor()) shape = broadcast_shape(shape, a.tensor()->shape());
  if (b.tensor()) shape = broadcast_shape(shape, b.tensor()->shape());
  const Tensor& first = a.tensor() ? *a.tensor() : condition;
  const Tensor& second = b.tensor() ? *b.tensor() : condition;
  Tensor y = make_tensor(shape, output_order(shape, {&first, &second, &condition}), dtype);
  const Number a_number(a, dtype), b_number(b, dtype);
  const void* left = a.tensor() ? first_element(*a.tensor()) : a_number.bytes;
  const void* right = b.tensor() ? first_element(*b.tensor()) : b_number.bytes;
  void* to = y.impl()->storage->data;
  const reference::WhereKernel kernel = reference::find_where(dtype);
  for_each_run(make_loop(y, {&condition, a.tensor(), b.tensor()}), grain_for(kPlain),
               [&](const Run& run) { kernel(run, elements<bool>(condition), left, right, to); });
  return y;
}

ActivationKernel kernel_of(Activation activation) {
  switch (activation) {
    case Activation::sigmoid: return {Unary::sigmoid, {}};
    case Activation::relu: return {Unary::relu, {}};
    case Activation::leaky_relu: return {Unary::leaky_relu, {0.01}};
    case Activation::elu: return {Unary::elu, {1.0}};
    case Activation::gelu: return {Unary::gelu, {}};
    case Activation::silu: return {Unary::silu, {}};
    default: return {Unary::tanh, {}};
  }
}

Tensor activate(const Tensor& x, Activation activation) {
  if (activation == Activation::none) return convert(x, x.dtype());
  const ActivationKernel kernel = kernel_of(activation);
  return unary(kernel.operation, x, kernel.p);
}

void activate_in_place(Tensor& y, Activation activation) {
  if (activation == Activation::none) return;
  const ActivationKernel kernel = kernel_of(activation);
  run_unary(kernel.operation, y, y, kernel.p);
}

Tensor activation_gradient(const Tensor& dy, const Tensor& y, Activation activation) {
  switch (activation) {
    case Activation::tanh: return binary(Binary::tanh_gradient, dy, y);
    case Activation::sigmoid: return binary(Binary::sigmoid_gradient, dy, y);
    case Activation::relu: return binary(Binary::relu_gradient, dy, y);
    case Activation::leaky_relu: return binary(Binary::leaky_relu_gradient, dy, y, {0.01});
    case Activation::elu: return binary(Binary::elu_gradient, dy, y, {1.0});
    default: return convert(dy, dy.dtype());
  }
}

}  // namespace tenon::kernels
