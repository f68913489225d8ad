#include <algorithm>

#include "tenon/core/inline_vector_internal.h"
#include "tenon/core/order_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/copy.h"
#include "tenon/kernels/simd/add_lines.h"
#include "tenon/train/gradient_sets_internal.h"

namespace tenon {
namespace {

/// The tensors of one parameter that are to be added, and where its elements lie among those of all
/// parameters.
struct Column {
  Tensor total;
  std::vector<Tensor> others;
  std::int64_t first;
};

// Sets of groups: at most ShardCut::kMaxGroups, but any number will do.
void add_range(Column& column, std::int64_t begin, std::int64_t end) {
  if (column.total.dtype() == Dtype::f32) {
    InlineVector<const float*, 16> lines(column.others.size());
    for (std::size_t k = 0; k < lines.size(); ++k)
      lines[k] = elements<float>(column.others[k]) + begin;
    kernels::simd::add_lines(fresh_elements<float>(column.total) + begin, lines.data(),
                             static_cast<std::int64_t>(lines.size()), end - begin);
    return;
  }
  auto* total = fresh_elements<double>(column.total);
  for (const Tensor& other : column.others)
    for (std::int64_t i = begin; i < end; ++i) total[i] += elements<double>(other)[i];
}

}  // namespace

void add_to_set(GradientSet& set, const std::vector<Tensor>& parameters,
                std::vector<Tensor> gradients) {
  set.resize(parameters.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    Tensor& gradient = gradients[i];
    if (!gradient.defined()) continue;
    if (set[i].defined()) {
      kernels::add_into(set[i], gradient);
      continue;
    }
    const Strides strides = output_order(parameters[i].shape(), {&parameters[i]});
    const bool is_ours = gradient.impl()->unique() && gradient.impl()->storage->unique() &&
                         gradient.strides() == strides;
    set[i] = is_ours ? std::move(gradient) : kernels::copy_to_strides(gradient, strides);
  }
}

GradientSet sum_of_sets(std::vector<GradientSet> sets) {
  const std::size_t parameters = sets.front().size();
  std::vector<Column> columns;
  GradientSet sums(parameters);
  std::int64_t elements_in_all = 0;
  for (std::size_t i = 0; i < parameters; ++i) {
    Column column{{}, {}, elements_in_all};
    for (GradientSet& set : sets) {
      if (!set[i].defined()) continue;
      if (column.total.defined())
        column.others.push_back(std::move(set[i]));
      else
        column.total = std::move(set[i]);
    }
    if (!column.total.defined()) continue;
    elements_in_all += column.total.numel();
    sums[i] = column.total;
    columns.push_back(std::move(column));
  }
  // 2^19 additions are about 30 us of work; on two threads less takes no less time.
  const std::int64_t grain = (1 << 19) / static_cast<std::int64_t>(sets.size());
  parallel_for(elements_in_all, grain, [&](std::int64_t begin, std::int64_t end) {
    auto column =
        std::upper_bound(columns.begin(), columns.end(), begin,
                         [](std::int64_t element, const Column& c) { return element < c.first; });
    for (--column; column != columns.end() && column->first < end; ++column) {
      const std::int64_t size = column->total.numel();
      add_range(*column, std::max<std::int64_t>(begin - column->first, 0),
                std::min(end - column->first, size));
    }
  });
  return sums;
}

}  // namespace tenon
