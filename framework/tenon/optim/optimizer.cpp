#include "tenon/optim/optimizer.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "tenon/autograd/grad_mode.h"
#include "tenon/core/fault_internal.h"
#include "tenon/optim/optimizer_internal.h"

namespace tenon::optim {
namespace {

constexpr const char* kStep = "step";
constexpr const char* kLearningRate = "learning_rate";
constexpr const char* kUpdates = "updates";

}  // namespace

void check_not_negative(const char* operation, const char* name, double value, Where where) {
  if (!std::isfinite(value) || value < 0)
    Fault(operation, where)
        .raise<DataError>(fmt::format("{} is {} but must be finite and at least 0", name, value));
}

void check_decay(const char* operation, const char* name, double value, Where where) {
  if (!(value >= 0 && value < 1))
    Fault(operation, where)
        .raise<DataError>(fmt::format("{} is {} but must be in [0, 1)", name, value));
}

Optimizer::Optimizer(const ParameterList& parameters, double learning_rate, Where where) {
  add_group(parameters, learning_rate, where);
}

Optimizer::~Optimizer() = default;

void Optimizer::add_group(const ParameterList& parameters, double learning_rate, Where where) {
  constexpr const char* kName = "Optimizer";
  check_not_negative(kName, kLearningRate, learning_rate, where);
  std::vector<Entry> entries = entries_;
  for (const auto& [name, tensor] : parameters) {
    if (name.empty() || name.find('/') != std::string::npos)
      Fault(kName, where)
          .raise<Error>(fmt::format("the parameter name \"{}\" is empty or has a slash", name));
    check_floating(kName, tensor, where, name.c_str());
    if (!tensor.is_leaf())
      Fault(kName, where)
          .operand(name, tensor)
          .fix("Give it detached from the graph: parameters are leaves.")
          .raise<GradientError>(fmt::format("{} is the result of an operation", name));
    for (const Entry& other : entries) {
      if (other.tensor.impl() == tensor.impl())
        Fault(kName, where)
            .operand(name, tensor)
            .raise<Error>(
                other.name == name
                    ? fmt::format("parameter {} is given twice", name)
                    : fmt::format("{} and {} are one parameter, given twice", other.name, name));
      if (other.name == name)
        Fault(kName, where)
            .fix("Take both from the parameters() of one module, which names them apart.")
            .raise<Error>(fmt::format("two parameters are named {}", name));
    }
    entries.push_back({name, tensor, groups_.size(), 0, {}});
  }
  entries_ = std::move(entries);
  groups_.push_back({learning_rate, learning_rate});
}

void Optimizer::init(const Tensor&, Slots&) {}

Slots Optimizer::make_slots(const Entry& entry) {
  group_ = entry.group;
  Slots slots;
  init(entry.tensor, slots);
  std::erase_if(slots, [](const auto& slot) { return !slot.second.defined(); });
  return slots;
}

void Optimizer::step() {
  const NoGradGuard no_grad;
  for (Entry& entry : entries_) {
    const Tensor gradient = entry.tensor.grad();
    if (!gradient.defined() || !entry.tensor.requires_grad()) continue;
    if (entry.updates == 0) entry.slots = make_slots(entry);
    group_ = entry.group;
    update_number_ = ++entry.updates;
    update(entry.tensor, gradient, entry.slots, groups_[entry.group].learning_rate);
  }
  ++step_count_;
}

void Optimizer::zero_grad() {
  for (Entry& entry : entries_) entry.tensor.zero_grad();
}

double Optimizer::learning_rate(std::size_t group, Where where) const {
  if (group >= groups_.size())
    Fault("learning_rate", where)
        .raise<ShapeError>(fmt::format("group {} is outside of {} groups", group, groups_.size()));
  return groups_[group].learning_rate;
}

void Optimizer::set_learning_rate(double learning_rate, Where where) {
  check_not_negative("set_learning_rate", kLearningRate, learning_rate, where);
  const double first = groups_[0].initial_learning_rate;
  for (Group& group : groups_)
    group.learning_rate = group.initial_learning_rate == first || first == 0
                              ? learning_rate
                              : learning_rate * (group.initial_learning_rate / first);
}

std::map<std::string, Tensor> Optimizer::state() const {
  std::map<std::string, Tensor> state;
  std::vector<double> learning_rates;
  for (const Group& group : groups_) learning_rates.push_back(group.learning_rate);
  state[kStep] = Tensor::from(step_count_);
  state[kLearningRate] =
      Tensor::from(learning_rates, {static_cast<std::int64_t>(learning_rates.size())}, Dtype::f64);
  for (const Entry& entry : entries_) {
    if (entry.updates == 0) continue;
    state[fmt::format("{}/{}", entry.name, kUpdates)] = Tensor::from(entry.updates);
    for (const auto& [slot, tensor] : entry.slots)
      if (tensor.defined()) state[fmt::format("{}/{}", entry.name, slot)] = tensor;
  }
  return state;
}

Optimizer::Loaded Optimizer::read_state(std::string_view label,
                                        const std::map<std::string, Tensor>& state,
                                        Differences& differences) {
  const NoGradGuard no_grad;
  std::map<std::string, TensorKind> wanted{
      {kStep, {Dtype::i64, {}}},
      {kLearningRate, {Dtype::f64, {static_cast<std::int64_t>(groups_.size())}}}};
  std::map<std::string, TensorKind> found;
  for (const auto& [key, tensor] : state)
    if (tensor.defined()) found[key] = kind_of(tensor);

  // A parameter without any entry was not updated yet when the state was taken.
  Loaded loaded;
  loaded.slots.resize(entries_.size());
  loaded.updates.resize(entries_.size());
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const std::string prefix = entries_[i].name + "/";
    const auto first = found.lower_bound(prefix);
    if (first == found.end() || !first->first.starts_with(prefix)) continue;
    wanted[prefix + kUpdates] = {Dtype::i64, {}};
    loaded.slots[i] = make_slots(entries_[i]);
    for (const auto& [slot, tensor] : loaded.slots[i]) wanted[prefix + slot] = kind_of(tensor);
  }
  differences.compare(label, wanted, found);
  if (!differences.empty()) return loaded;

  loaded.step_count = state.at(kStep).item<std::int64_t>();
  loaded.learning_rates = state.at(kLearningRate).to_vector<double>();
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const auto updates = state.find(entries_[i].name + "/" + kUpdates);
    if (updates == state.end()) continue;
    loaded.updates[i] = updates->second.item<std::int64_t>();
    for (auto& [slot, tensor] : loaded.slots[i])
      tensor.copy_from(state.at(entries_[i].name + "/" + slot));
  }
  return loaded;
}

void Optimizer::load_state(const std::map<std::string, Tensor>& state, Where where) {
  Differences differences;
  Loaded loaded = read_state("", state, differences);
  check_state("load_state", "the optimizer", differences, where);
  use(std::move(loaded));
}

void Optimizer::use(Loaded loaded) {
  step_count_ = loaded.step_count;
  for (std::size_t i = 0; i < groups_.size(); ++i)
    groups_[i].learning_rate = loaded.learning_rates[i];
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    entries_[i].updates = loaded.updates[i];
    entries_[i].slots = std::move(loaded.slots[i]);
  }
}

OptimizerAccess::Loaded OptimizerAccess::read_state(Optimizer& optimizer,
                                                    const std::map<std::string, Tensor>& state,
                                                    Differences& differences) {
  return optimizer.read_state("optimizer ", state, differences);
}

void OptimizerAccess::use(Optimizer& optimizer, Loaded loaded) { optimizer.use(std::move(loaded)); }

}  // namespace tenon::optim
