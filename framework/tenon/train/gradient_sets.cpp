#include <algorithm>

#include "tenon/core/order_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/kernels/copy.h"
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

void add_range(Column& column, std::int64_t begin, std::int64_t end) {
  visit_floating(column.total.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* total = fresh_elements<T>(column.total);
    for (const Tensor& other : column.others) {
      const T* values = elements<T>(other);
      for (std::int64_t i = begin; i < end; ++i) total[i] += values[i];
    }
  });
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
  // 8192 elements of 16 sets are about 20 us of work.
  parallel_for(elements_in_all, 8192, [&](std::int64_t begin, std::int64_t end) {
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
