#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <typeinfo>

#include "tenon/core/fault_internal.h"
#include "tenon/core/type_name_internal.h"
#include "tenon/io/checkpoint.h"
#include "tenon/nn/differences_internal.h"
#include "tenon/train/trainer_state_internal.h"

namespace tenon {
namespace {

using NamedTensors = std::map<std::string, Tensor>;

constexpr const char* kPosition = "trainer/position";
constexpr const char* kLoss = "trainer/loss";
constexpr const char* kLoader = "trainer/loader";
constexpr const char* kShardSize = "trainer/shard_size";
constexpr const char* kOptions = "trainer/options";  // numbers that change the bits of a run
constexpr std::string_view kHistory = "history/";
constexpr std::string_view kAverage = "average/";  // of the parameters, by their names

constexpr const char* kOptionNames[] = {"batches_per_step", "max_gradient_norm",
                                        "max_gradient_value", "average_decay", "batch_norm"};
std::vector<double> numbers_of(const TrainerOptions& options) {
  return {static_cast<double>(options.batches_per_step), options.max_gradient_norm,
          options.max_gradient_value, options.average_decay,
          static_cast<double>(options.batch_norm)};
}

/// Throws a CheckpointError that lists the options that were others.
void check_options(const TrainerOptions& options, std::int64_t shard_size,
                   const NamedTensors& state, Where where) {
  const std::vector<double> now = numbers_of(options);
  const std::vector<double> saved = state.at(kOptions).to_vector<double>();
  const auto saved_shards = state.at(kShardSize).item<std::int64_t>();
  Fault fault("Trainer::resume", where);
  int different = 0;
  for (std::size_t i = 0; i < now.size(); ++i)
    if (now[i] != saved[i]) {
      fault.note(fmt::format("  {} was {} and is {} now", kOptionNames[i], saved[i], now[i]));
      ++different;
    }
  if (shard_size != kChooseShards && saved_shards != kChooseShards && shard_size != saved_shards) {
    fault.note(fmt::format("  shard_size was {} and is {} now", saved_shards, shard_size));
    ++different;
  }
  if (different > 0)
    fault.fix("Give the trainer the options of the saved run.")
        .raise<CheckpointError>(fmt::format("{} options of the saved run were others", different));
}

/// The tensors whose names begin with `prefix`, without it.
NamedTensors below(const NamedTensors& state, std::string_view prefix) {
  NamedTensors found;
  for (const auto& [name, tensor] : state)
    if (name.starts_with(prefix)) found[name.substr(prefix.size())] = tensor;
  return found;
}

// Figures are numbered, for their order: "history/02/accuracy" f64 [epochs], NaN where an epoch has
// none.
void add_history(const std::vector<Logs>& history, NamedTensors& state) {
  std::vector<std::string> names;
  for (const Logs& logs : history)
    for (const auto& [name, value] : logs)
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::vector<double> values;
    values.reserve(history.size());
    for (const Logs& logs : history)
      values.push_back(logs.contains(names[i]) ? logs.at(names[i])
                                               : std::numeric_limits<double>::quiet_NaN());
    state[fmt::format("{}{:02}/{}", kHistory, i, names[i])] =
        Tensor::from(values, {static_cast<std::int64_t>(values.size())}, Dtype::f64);
  }
}

std::vector<Logs> history_of(const NamedTensors& state, std::size_t epochs) {
  std::vector<Logs> history(epochs);
  for (const auto& [numbered, tensor] : below(state, kHistory)) {
    const std::string name = numbered.substr(std::min(numbered.find('/') + 1, numbered.size()));
    const std::vector<double> values = tensor.to_vector<double>();
    for (std::size_t i = 0; i < std::min(epochs, values.size()); ++i)
      history[i].set(name, values[i]);
  }
  return history;
}

}  // namespace

std::vector<TrainerPart> Trainer::State::parts() const {
  std::vector<TrainerPart> parts;
  std::map<std::string, int> count;
  const auto add = [&](const std::string& name, TrainerPart part) {
    const int number = ++count[name];
    part.name = number == 1 ? name + "/" : fmt::format("{} {}/", name, number);
    parts.push_back(part);
  };
  for (const auto& callback : callbacks) {
    const Callback& object = *callback;
    add("callbacks/" + short_type_name(typeid(object).name()), {.callback = callback.get()});
  }
  for (const auto& metric : metrics) add("metrics/" + metric->name(), {.metric = metric.get()});
  return parts;
}

void Trainer::save(const std::string& path, Where where) const {
  const State& s = *state_;
  if (s.batches_in_step != 0)
    Fault("Trainer::save", where)
        .fix("Save in Callback::on_checkpoint, which runs between steps.")
        .raise<Error>(fmt::format("{} of {} batches of a step are done; a checkpoint stands "
                                  "between steps",
                                  s.batches_in_step, s.options.batches_per_step));
  NamedTensors state;
  state[kPosition] =
      Tensor::from({s.position.epoch, s.position.batch, s.position.step, s.samples_seen}, {4});
  state[kLoss] = Tensor::from({s.epoch_loss.sum, s.epoch_loss.weight}, {2}, Dtype::f64);
  state[kShardSize] = Tensor::from(s.shard_size);
  const std::vector<double> options = numbers_of(s.options);
  state[kOptions] = Tensor::from(options, {static_cast<std::int64_t>(options.size())}, Dtype::f64);
  state[kLoader] = Tensor::from(s.loader_kind, {static_cast<std::int64_t>(s.loader_kind.size())});
  add_history(s.history, state);
  for (const auto& [name, tensor] : s.average.state()) state[std::string(kAverage) + name] = tensor;
  for (const TrainerPart& part : s.parts())
    for (const auto& [name, tensor] : part.state()) state[part.name + name] = tensor;
  save_checkpoint(path,
                  {.model = &s.runner.model(),
                   .optimizer = &s.optimizer,
                   .epoch = s.position.epoch,
                   .step = s.position.step,
                   .state = state},
                  where);
}

void Trainer::resume(const std::string& path, Where where) {
  State& s = *state_;
  const auto take = [&](const CheckpointInfo& info) {
    const std::vector<TrainerPart> parts = s.parts();
    std::map<std::string, TensorKind> wanted{
        {kPosition, {Dtype::i64, {4}}},
        {kLoss, {Dtype::f64, {2}}},
        {kOptions, {Dtype::f64, {5}}},
        {kShardSize, {Dtype::i64, {}}},
        {kLoader, {Dtype::i64, {std::int64_t{kLoaderNumbers}}}}};
    if (s.options.average_decay > 0 && info.step > 0)
      for (const auto& [name, tensor] : s.runner.model().parameters())
        wanted[std::string(kAverage) + name] = kind_of(tensor);
    NamedTensors rest = info.state;
    for (const TrainerPart& part : parts)
      for (const auto& [name, tensor] : below(info.state, part.name)) rest.erase(part.name + name);
    for (const auto& [name, tensor] : below(info.state, kHistory))
      rest.erase(std::string(kHistory) + name);
    check_state("Trainer::resume", "the trainer", wanted, rest, where);
    check_options(s.options, s.shard_size, info.state, where);

    // All or nothing: those that took a state over give it back when a later one throws.
    std::vector<NamedTensors> before;
    try {
      for (const TrainerPart& part : parts) {
        before.push_back(part.state());
        part.load_state(below(info.state, part.name), where);
      }
    } catch (...) {
      for (std::size_t i = 0; i + 1 < before.size(); ++i) parts[i].load_state(before[i], where);
      throw;
    }
    const auto position = info.state.at(kPosition).to_vector<std::int64_t>();
    const auto loss = info.state.at(kLoss).to_vector<double>();
    s.average.load_state(below(info.state, kAverage));
    s.position = {.epoch = position[0], .batch = position[1], .step = position[2]};
    s.samples_seen = position[3];
    s.epoch_loss = {loss[0], loss[1]};
    s.shard_size = info.state.at(kShardSize).item<std::int64_t>();
    s.loader_kind = info.state.at(kLoader).to_vector<std::int64_t>();
    s.history = history_of(info.state, static_cast<std::size_t>(position[0]));
    s.is_resumed = true;
  };
  const FunctionRef<void(const CheckpointInfo&)> take_state = take;
  load_checkpoint(
      path, {.model = &s.runner.model(), .optimizer = &s.optimizer, .take_state = &take_state},
      where);
}

}  // namespace tenon
