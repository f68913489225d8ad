#include "tenon/train/metric.h"

#include <fmt/format.h>

#include <utility>

#include "tenon/core/fault_internal.h"
#include "tenon/train/metric_internal.h"

namespace tenon::metrics {

Metric::Metric(std::string name) : name_(std::move(name)) {}
Metric::~Metric() = default;

void check_metric_state(const Metric& metric, const std::map<std::string, TensorKind>& wanted,
                        const std::map<std::string, Tensor>& state, Where where) {
  check_state("load_state", "the metric " + metric.name(), wanted, state, where);
  for (const auto& [name, tensor] : state) {
    if (!tensor.defined() || tensor.dtype() != Dtype::i64) continue;
    for (const std::int64_t count : tensor.to_vector<std::int64_t>())
      if (count < 0)
        Fault("load_state", where)
            .operand(name, tensor)
            .raise<CheckpointError>(fmt::format(
                "the state does not fit the metric {}: {} has the count {}, which is below 0",
                metric.name(), name, count));
  }
}

std::int64_t length_in(const std::map<std::string, Tensor>& state,
                       std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const auto found = state.find(name);
        found != state.end() && found->second.defined() && found->second.rank() == 1)
      return found->second.numel();
  return 0;
}

}  // namespace tenon::metrics
