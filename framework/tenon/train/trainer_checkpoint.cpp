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
constexpr std::string_view kHistory = "history/", kHistoryGaps = "history_gaps/";
constexpr std::string_view kAverage = "average/";  // of the parameters, by their names

/// The tensors whose names begin with `prefix`, without it.
NamedTensors below(const NamedTensors& state, std::string_view prefix) {
  NamedTensors found;
  for (const auto& [name, tensor] : state)
    if (name.starts_with(prefix)) found[name.substr(prefix.size())] = tensor;
  return found;
}

// Figures are numbered, for their order: "history/02/accuracy" f64 [epochs]. One that some epochs
// lack is NaN there, and "history_gaps/02/accuracy" boolean [epochs] tells which.
void add_history(const std::vector<Logs>& history, NamedTensors& state) {
  std::vector<std::string> names;
  for (const Logs& logs : history)
    for (const auto& [name, value] : logs)
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  const Shape shape{static_cast<std::int64_t>(history.size())};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string numbered = fmt::format("{:02}/{}", i, names[i]);
    std::vector<double> values, gaps;
    for (const Logs& logs : history) {
      const bool has = logs.contains(names[i]);
      values.push_back(has ? logs.at(names[i]) : std::numeric_limits<double>::quiet_NaN());
      gaps.push_back(has ? 0 : 1);
    }
    state[std::string(kHistory) + numbered] = Tensor::from(values, shape, Dtype::f64);
    if (std::find(gaps.begin(), gaps.end(), 1) != gaps.end())
      state[std::string(kHistoryGaps) + numbered] = Tensor::from(gaps, shape, Dtype::boolean);
  }
}

std::vector<Logs> history_of(const NamedTensors& state, std::size_t epochs) {
  std::vector<Logs> history(epochs);
  const NamedTensors gaps = below(state, kHistoryGaps);
  for (const auto& [numbered, tensor] : below(state, kHistory)) {
    const std::string name = numbered.substr(std::min(numbered.find('/') + 1, numbered.size()));
    const std::vector<double> values = tensor.to_vector<double>();
    std::vector<double> lacks(values.size());
    if (const auto found = gaps.find(numbered); found != gaps.end())
      lacks = found->second.to_vector<double>();
    for (std::size_t i = 0; i < std::min({epochs, values.size(), lacks.size()}); ++i)
      if (lacks[i] == 0) history[i].set(name, values[i]);
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
  add_history(s.history, state);
  for (const auto& [name, tensor] : s.average.state()) state[std::string(kAverage) + name] = tensor;
  for (const TrainerPart& part : s.parts())
    for (const auto& [name, tensor] : part.state()) state[part.name + name] = tensor;
  save_checkpoint(path,
                  {.model = &s.runner.model(),
                   .optimizer = &s.optimizer,
                   .epoch = s.position.epoch,
                   .step = s.position.step,
                   .metadata = s.configuration(),
                   .state = state},
                  where);
}

void Trainer::resume(const std::string& path, Where where) {
  State& s = *state_;
  const auto take = [&](const CheckpointInfo& info) {
    const std::vector<TrainerPart> parts = s.parts();
    std::map<std::string, TensorKind> wanted{{kPosition, {Dtype::i64, {4}}},
                                             {kLoss, {Dtype::f64, {2}}}};
    if (s.options.average_decay > 0 && info.step > 0)
      for (const auto& [name, tensor] : s.runner.model().parameters())
        wanted[std::string(kAverage) + name] = kind_of(tensor);
    NamedTensors rest = info.state;
    for (const TrainerPart& part : parts)
      for (const auto& [name, tensor] : below(info.state, part.name)) rest.erase(part.name + name);
    for (const std::string_view prefix : {kHistory, kHistoryGaps})
      for (const auto& [name, tensor] : below(info.state, prefix))
        rest.erase(std::string(prefix) + name);
    check_state("Trainer::resume", "the trainer", wanted, rest, where);
    s.check_configuration(info.metadata, where);

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
    s.use_configuration(info.metadata);
    s.history = history_of(info.state, static_cast<std::size_t>(position[0]));
    s.is_resumed = true;
  };
  const FunctionRef<void(const CheckpointInfo&)> take_state = take;
  load_checkpoint(
      path, {.model = &s.runner.model(), .optimizer = &s.optimizer, .take_state = &take_state},
      where);
}

}  // namespace tenon
