#include "tenon/kernels/onednn/matmul.h"

#include <algorithm>
#include <cstring>

#include "tenon/core/kernel_report_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/onednn/plan.h"

namespace tenon::kernels::onednn {
namespace {

/// Measured on Zen 3 and Zen 5, one thread: 25 to 55.
constexpr double kMultiplicationsPerNanosecond = 40;

/// Its kernels hold strides in 32 bits, some of them in bytes.
constexpr std::int64_t kLargestStride = INT32_MAX / 4;

/// One matrix as oneDNN takes it: one of the strides is 1.
struct Matrix {
  std::int64_t rows = 0, columns = 0;
  std::int64_t row = 0, column = 0;

  bool is_row_major() const { return column == 1 && row >= columns && row <= kLargestStride; }
  bool is_taken() const {
    return is_row_major() || (row == 1 && rows > 1 && column >= rows && column <= kLargestStride);
  }
};

/// The strides of axes of size 1 mean nothing: they are set to what row-major has.
Matrix matrix_of(std::int64_t rows, std::int64_t columns, std::int64_t row, std::int64_t column) {
  Matrix m{rows, columns, row, column};
  if (columns == 1) m.column = 1;
  if (rows == 1) m.row = m.column == 1 ? columns : 1;
  return m;
}

Tensor view_of(const Tensor& x, const Matrix& m, std::int64_t offset) {
  return make_view(x, {m.rows, m.columns}, {m.row, m.column}, x.impl()->offset + offset);
}

/// What the primitive does after the product.
struct Epilogue {
  bool adds_bias = false;    ///< [1, n]
  bool accumulates = false;  ///< adds what the destination held
};

/// Operands of one product: views of rank 2, and the bias.
struct Operands {
  Tensor a, b, c, bias;
};

Plan& plan_of(const Operands& o, const Epilogue& epilogue, Work work) {
  PlanKey key(PlanKind::matmul);
  key.add(o.a.shape()).add(o.a.strides()).add(o.b.shape()).add(o.b.strides()).add(o.c.strides());
  key.add(static_cast<std::int64_t>(epilogue.adds_bias) +
          2 * static_cast<std::int64_t>(epilogue.accumulates));
  key.add(static_cast<std::int64_t>(work));
  return plan_for(key, work, [&]() -> PlanRecipe {
    dnnl::post_ops post_ops;
    if (epilogue.accumulates) post_ops.append_sum(1.0F);
    dnnl::primitive_attr attr = attributes();
    attr.set_post_ops(post_ops);
    const dnnl::memory::desc a = desc_of(o.a), b = desc_of(o.b), c = desc_of(o.c);
    const dnnl::memory::desc bias({1, o.c.shape()[1]}, dnnl::memory::data_type::f32,
                                  dnnl::memory::format_tag::ab);
    PlanRecipe recipe;
    recipe.primitive_desc = epilogue.adds_bias
                                ? dnnl::matmul::primitive_desc(engine(), a, b, bias, c, attr)
                                : dnnl::matmul::primitive_desc(engine(), a, b, c, attr);
    recipe.arguments = {{DNNL_ARG_SRC, a, a}, {DNNL_ARG_WEIGHTS, b, b}, {DNNL_ARG_DST, c, c}};
    if (epilogue.adds_bias) recipe.arguments.push_back({DNNL_ARG_BIAS, bias, bias});
    return recipe;
  });
}

void execute(Plan& plan, const Operands& o, const Epilogue& epilogue) {
  if (epilogue.adds_bias) {
    plan.execute({&o.a, &o.b, &o.c, &o.bias});
  } else {
    plan.execute({&o.a, &o.b, &o.c});
  }
}

bool starts_with(const char* text, const char* start) {
  return std::strncmp(text, start, std::strlen(start)) == 0;
}

/// A "gemm" asks for the threads when it runs and may split its sums by them: brgemm does not.
bool splits_when_run(const Plan& plan) {
  return std::strstr(plan.implementation(), "gemm") && !std::strstr(plan.implementation(), "brg");
}

/// One large product in blocks of rows, one thread each.
void execute_in_blocks(const Product& p, const Matrix& a, const Matrix& c, const Operands& whole,
                       const Epilogue& epilogue) {
  constexpr std::int64_t kMostRows = 64, kMostBlocks = 16;
  const std::int64_t blocks = std::min(kMostBlocks, (p.m + kMostRows - 1) / kMostRows);
  const std::int64_t rows =
      (p.m + blocks - 1) / blocks;  // equal blocks: one row alone has only slow kernels
  parallel_for(p.m, rows, [&](std::int64_t begin, std::int64_t end) {
    Matrix a_rows = a, c_rows = c;
    a_rows.rows = c_rows.rows = end - begin;
    const Operands block{view_of(whole.a, a_rows, begin * a.row), whole.b,
                         view_of(whole.c, c_rows, begin * c.row), whole.bias};
    execute(plan_of(block, epilogue, Work::small), block, epilogue);
  });
}

/// [m] along the rows of c, for the primitive to add to.
void write_row_bias(const Product& p) {
  Tensor c = make_view(p.c, {p.m, p.n}, {p.c_row, p.c_column}, p.c.impl()->offset);
  copy(c, make_view(p.bias, {p.m, p.n}, {p.bias.strides()[0], 0}, p.bias.impl()->offset));
}

}  // namespace

Taken taken_by_matmul(const Product& p) {
  return {matrix_of(p.m, p.k, p.a_row, p.a_column).is_taken(),
          matrix_of(p.k, p.n, p.b_row, p.b_column).is_taken()};
}

bool multiply(const char* operation, const Product& product, int reorders) {
  // A column-major destination falls to oneDNN's reference: the transposed product lies in the same
  // memory.
  const Product p = product.c_column == 1 ? product : product.transposed();
  const Matrix a = matrix_of(p.m, p.k, p.a_row, p.a_column),
               b = matrix_of(p.k, p.n, p.b_row, p.b_column);
  const Matrix c = matrix_of(p.m, p.n, p.c_row, p.c_column);
  const bool has_bias = p.bias.defined();
  if (p.activation != Activation::none) return false;
  if (!a.is_taken() || !b.is_taken() || !c.is_row_major()) return false;
  if (has_bias && p.bias_per_row && p.batch_rank > 0) return false;
  const Epilogue epilogue = {has_bias && !p.bias_per_row, has_bias && p.bias_per_row};
  const auto operands = [&](std::int64_t i) {
    const ProductOffsets offsets = offsets_of(p, i);
    return Operands{view_of(p.a, a, offsets.a), view_of(p.b, b, offsets.b),
                    view_of(p.c, c, offsets.c), p.bias};
  };

  const std::int64_t matrices = p.batch_count();
  const double nanoseconds =
      p.work() / static_cast<double>(matrices) / kMultiplicationsPerNanosecond;
  // Many matrices are shared out whole; a few large ones take all threads each.
  const Work work = matrices >= kLogicalThreads / 2 ? Work::small : work_of(nanoseconds);
  const Operands first = operands(0);
  Plan& plan = plan_of(first, epilogue, work);
  if (!plan || starts_with(plan.implementation(), "ref")) return false;
  KernelScope scope(operation, "onednn", plan.implementation());
  for (int i = 0; i < reorders; ++i) scope.count_reorder();
  if (epilogue.accumulates) write_row_bias(p);

  if (work == Work::large) {
    const bool in_blocks = splits_when_run(plan);
    for (std::int64_t i = 0; i < matrices; ++i) {
      const Operands o = operands(i);
      if (in_blocks)
        execute_in_blocks(p, a, c, o, epilogue);
      else
        execute(plan_of(o, epilogue, work), o, epilogue);
    }
  } else if (matrices == 1) {
    execute(plan, first, epilogue);
  } else {
    const auto grain = static_cast<std::int64_t>(20000 / (nanoseconds + 500)) + 1;
    parallel_for(matrices, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const Operands o = operands(i);
        execute(plan_of(o, epilogue, work), o, epilogue);
      }
    });
  }
  return true;
}

}  // namespace tenon::kernels::onednn
