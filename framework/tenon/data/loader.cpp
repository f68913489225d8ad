#include "tenon/data/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "tenon/core/fault_internal.h"
#include "tenon/data/epoch_internal.h"

namespace tenon::data {
namespace {

constexpr std::int64_t kMostWorkers = 256;
constexpr std::int64_t kMostAhead = 1 << 16;

void check_range(const char* name, std::int64_t value, std::int64_t most, Where where) {
  if (value < 0)
    Fault("Loader", where)
        .raise<DataError>(fmt::format("{} is {} but must not be negative", name, value));
  if (value > most)
    Fault("Loader", where)
        .raise<DataError>(fmt::format("{} is {} but can be at most {}", name, value, most));
}

/// The sums of the weights up to and including each.
std::vector<double> checked_sums(const std::vector<double>& weights, std::int64_t samples,
                                 Where where) {
  const auto fail = [&](const std::string& what) { Fault("Loader", where).raise<DataError>(what); };
  if (static_cast<std::int64_t>(weights.size()) != samples)
    fail(fmt::format("there are {} weights for a dataset of {} samples", weights.size(), samples));
  std::vector<double> sums;
  sums.reserve(weights.size());
  double sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (!(weights[i] >= 0) || std::isinf(weights[i]))
      fail(fmt::format("the weight of sample {} is {} but must be finite and not negative", i,
                       weights[i]));
    sum += weights[i];
    sums.push_back(sum);
  }
  if (sum == 0) fail("all weights are 0, so no sample can be drawn");
  if (std::isinf(sum)) fail("the sum of the weights is infinite");
  return sums;
}

}  // namespace

Loader::Loader(const Dataset& dataset, LoaderOptions options, Where where)
    : dataset_(dataset), options_(std::move(options)) {
  if (options_.batch_size < 1)
    Fault("Loader", where)
        .raise<DataError>(
            fmt::format("batch_size is {} but must be at least 1", options_.batch_size));
  check_range("prefetch", options_.prefetch, kMostAhead, where);
  check_range("workers", options_.workers, kMostWorkers, where);
  check_range("samples", options_.samples, std::int64_t{1} << 32, where);
  if (options_.weights.empty()) {
    if (options_.samples > 0)
      Fault("Loader", where)
          .fix("Give .weights too, or leave .samples out: an epoch has every sample once.")
          .raise<DataError>(fmt::format("samples is {} but there are no weights to draw them by",
                                        options_.samples));
    return;
  }
  if (options_.shuffle)
    Fault("Loader", where)
        .fix("Leave .shuffle out: weighted samples come in random order anyway.")
        .raise<DataError>("weights and shuffle = true exclude each other");
  cumulative_weights_ = checked_sums(options_.weights, dataset_.size(), where);
}

std::int64_t Loader::drawn_samples() const {
  return options_.samples > 0 ? options_.samples : dataset_.size();
}

std::int64_t Loader::size() const {
  const std::int64_t samples = drawn_samples(), whole = samples / options_.batch_size;
  return whole + (!options_.drop_last && samples % options_.batch_size != 0 ? 1 : 0);
}

std::int64_t Loader::samples_per_epoch() const {
  const std::int64_t samples = drawn_samples();
  return options_.drop_last ? samples - samples % options_.batch_size : samples;
}

Epoch Loader::epoch(std::int64_t epoch, Where where) const { return this->epoch(epoch, {}, where); }

Epoch Loader::epoch(std::int64_t epoch, const EpochOptions& options, Where where) const {
  if (epoch < 0)
    Fault("Loader::epoch", where)
        .raise<DataError>(fmt::format("epoch is {} but must not be negative", epoch));
  if (options.first_batch < 0 || options.first_batch > size())
    Fault("Loader::epoch", where)
        .raise<DataError>(fmt::format(
            "first_batch is {} but must be at least 0 and at most {}, the number of batches",
            options.first_batch, size()));
  auto* plan = new EpochPlan(dataset_);
  const Epoch result(plan);
  plan->transforms = options_.transforms;
  plan->stream = Rng(options_.seed).fork(static_cast<std::uint64_t>(epoch));
  plan->samples = drawn_samples();
  plan->batch_size = options_.batch_size;
  plan->first_batch = options.first_batch;
  plan->end_batch = size();
  // A worker has to read ahead to be of use, and more of them than batches would idle.
  plan->ahead = std::min(std::max(options_.prefetch, options_.workers), result.size());
  plan->threads =
      std::min(std::max(options_.workers, std::min<std::int64_t>(plan->ahead, 1)), plan->ahead);
  plan->where = where;
  if (!cumulative_weights_.empty())
    plan->order = weighted_order(cumulative_weights_, plan->samples, plan->stream);
  else if (options_.shuffle)
    plan->order = shuffled_order(plan->samples, plan->stream);
  return result;
}

}  // namespace tenon::data
