#include <fmt/format.h>

#include <algorithm>

#include "tenon/autograd/grad_mode.h"
#include "tenon/core/fault_internal.h"
#include "tenon/nn/shard_context_internal.h"
#include "tenon/ops/arithmetic.h"

namespace tenon::nn {
namespace {

thread_local ShardContext* t_context = nullptr;

std::int64_t calls_of(const ShardContext& shard, const Module* module) {
  for (const NoiseCalls& noise : shard.noise)
    if (noise.module == module) return noise.calls;
  return 0;
}

/// The average over the shards, by their counts, of one call's statistics.
struct Average {
  const NormStatistics* first;
  std::int64_t count;
  Tensor mean;      ///< times count
  Tensor variance;  ///< times count
};

/// Averages the k-th call of a layer in each shard with the k-th calls in the others, in the order
/// of the shards.
std::vector<Average> average_statistics(const std::vector<ShardContext>& shards) {
  struct Place {
    const Module* module;
    int call;
    std::size_t average;
  };
  std::vector<Average> averages;
  std::vector<Place> places;
  for (const ShardContext& shard : shards) {
    std::vector<std::pair<const Module*, int>> calls;
    for (const NormStatistics& seen : shard.statistics) {
      auto counter = std::find_if(calls.begin(), calls.end(),
                                  [&](const auto& entry) { return entry.first == seen.module; });
      if (counter == calls.end()) counter = calls.insert(calls.end(), {seen.module, 0});
      const int call = counter->second++;
      const auto weight = static_cast<double>(seen.count);
      const auto place = std::find_if(places.begin(), places.end(), [&](const Place& known) {
        return known.module == seen.module && known.call == call;
      });
      if (place == places.end()) {
        places.push_back({seen.module, call, averages.size()});
        averages.push_back({&seen, seen.count, seen.mean * weight, seen.variance * weight});
      } else {
        Average& average = averages[place->average];
        average.count += seen.count;
        average.mean += seen.mean * weight;
        average.variance += seen.variance * weight;
      }
    }
  }
  return averages;
}

}  // namespace

std::int64_t ShardContext::next_noise_call(Module& module) {
  for (NoiseCalls& known : noise)
    if (known.module == &module) return known.calls++;
  noise.push_back({&module, 1});
  return 0;
}

ShardContext* shard_context() noexcept { return t_context; }

ShardContextScope::ShardContextScope(ShardContext& context) noexcept : previous_(t_context) {
  t_context = &context;
}
ShardContextScope::~ShardContextScope() { t_context = previous_; }

void check_noise_calls(const std::vector<ShardContext>& shards, Where where) {
  for (const ShardContext& some : shards)
    for (const NoiseCalls& noise : some.noise)
      for (std::size_t i = 0; i < shards.size(); ++i)
        if (const std::int64_t calls = calls_of(shards[i], noise.module); calls != noise.calls)
          Fault("backward_in_shards", where)
              .fix(
                  "Call such a layer equally often for every shard: its masks are numbered by its "
                  "calls.")
              .raise<Error>(fmt::format(
                  "{} drew noise {} times in shard {} but {} times in shard {}",
                  noise.module->type_name(), noise.calls, &some - shards.data(), calls, i));
}

void apply_shards(std::vector<ShardContext>& shards, Where where) {
  const NoGradGuard no_grad;
  for (ShardContext& shard : shards)
    for (BufferUpdate& update : shard.updates)
      update.module->update_buffer(update.buffer, std::move(update.next), where);
  if (!shards.empty())
    for (const NoiseCalls& noise : shards.front().noise)
      noise.module->update_buffer(
          "calls", [&](const Tensor& calls) { return calls + noise.calls; }, where);
  for (const Average& average : average_statistics(shards)) {
    const auto count = static_cast<double>(average.count);
    update_running_statistics(*average.first->module, average.first->momentum, average.mean / count,
                              average.variance / count);
  }
}

void update_running_statistics(Module& module, double momentum, const Tensor& mean,
                               const Tensor& variance) {
  const auto move_towards = [momentum](const Tensor& value) {
    return [momentum, value](const Tensor& running) {
      return (1 - momentum) * running + momentum * value.to(running.dtype());
    };
  };
  module.update_buffer("running_mean", move_towards(mean));
  module.update_buffer("running_var", move_towards(variance));
}

}  // namespace tenon::nn
