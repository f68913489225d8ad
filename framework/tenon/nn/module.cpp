#include "tenon/nn/module.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <typeinfo>

#include "tenon/autograd/grad_mode.h"
#include "tenon/core/call_path_internal.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/type_name_internal.h"
#include "tenon/nn/call_observer_internal.h"
#include "tenon/nn/shard_context_internal.h"

namespace tenon::nn {
namespace {

struct Slot {
  std::string name;
  Tensor tensor;
};
using Slots =
    std::vector<std::unique_ptr<Slot>>;  // the handles that register_* return stay in place

template <class F>
struct Hook {
  std::int64_t number;
  F call;
};

thread_local const detail::Construction* t_construction = nullptr;
thread_local const CallObserver* t_observer = nullptr;

}  // namespace

struct Module::State {
  struct Child {
    std::string name;
    std::unique_ptr<Module> module;
  };

  std::string name;  ///< as a child; empty for a root
  bool training = true;
  Slots parameters;
  Slots buffers;
  std::vector<Child> children;
  std::vector<Hook<Function<Tensor(Module&, const Tensor&)>>> pre_hooks;
  std::vector<Hook<Function<Tensor(Module&, const Tensor&, const Tensor&)>>> hooks;
  std::int64_t next_hook = 1;

  void collect(Slots State::*slots, const std::string& prefix,
               std::vector<NamedTensor>& list) const {
    for (const auto& slot : this->*slots) {
      const bool listed = std::any_of(list.begin(), list.end(), [&](const NamedTensor& named) {
        return named.tensor.impl() == slot->tensor.impl();
      });
      if (!listed) list.push_back({prefix + slot->name, slot->tensor});
    }
    for (const Child& child : children)
      child.module->state_->collect(slots, prefix + child.name + ".", list);
  }

  static void convert(Module& module, Dtype dtype, std::vector<std::pair<Tensor, Tensor>>& made) {
    for (const Slots* slots : {&module.state_->parameters, &module.state_->buffers})
      for (const auto& slot : *slots) {
        if (!is_floating(slot->tensor.dtype())) continue;
        const auto known = std::find_if(made.begin(), made.end(), [&](const auto& pair) {
          return pair.first.impl() == slot->tensor.impl();
        });
        if (known != made.end()) {
          slot->tensor = known->second;
          continue;
        }
        Tensor converted = slot->tensor.detach().to(dtype);
        if (slot->tensor.requires_grad()) converted.set_requires_grad();
        made.emplace_back(slot->tensor, converted);
        slot->tensor = converted;
      }
    for (const Child& child : module.state_->children) convert(*child.module, dtype, made);
  }

  static void list_modules(Module& module, const std::string& name,
                           std::vector<NamedModule>& list) {
    list.push_back({name, module});
    for (const Child& child : module.state_->children)
      list_modules(*child.module, name.empty() ? child.name : name + "." + child.name, list);
  }
};

Call::Call(const Module& module, Where where) {
  static_assert(sizeof(CallFrame) <= kFrameBytes && alignof(CallFrame) <= alignof(void*));
  // The root of a path is a mangled type name, which becomes text only when an error prints it.
  if (!ThreadCalls::current().frame) {
    new (frame_) CallFrame(typeid(module).name(), where);
  } else {
    const std::string& name = module.state_->name;
    new (frame_) CallFrame(name.empty() ? module.type_name() : name, where);
  }
}
Call::~Call() { std::launder(reinterpret_cast<CallFrame*>(frame_))->~CallFrame(); }

detail::Construction::Construction(Where where, Where forwarder)
    : where_(where), forwarder_(forwarder), previous_(t_construction) {
  t_construction = this;
}
detail::Construction::~Construction() { t_construction = previous_; }

Where detail::construction_site(Where where) {
  const bool forwarded =
      t_construction && std::strcmp(where.file(), t_construction->forwarder_.file()) == 0;
  return forwarded ? t_construction->where_ : where;
}

const CallObserver* call_observer() noexcept { return t_observer; }
CallObserverScope::CallObserverScope(const CallObserver& observer) noexcept
    : previous_(t_observer) {
  t_observer = &observer;
}
CallObserverScope::~CallObserverScope() { t_observer = previous_; }

Module::Module() : state_(new State) {}
Module::~Module() { delete state_; }

Tensor Module::forward(const Tensor&) {
  Fault(type_name(), call_site())
      .fix(
          "Override Tensor forward(const Tensor& x), or, for other inputs or outputs, define an "
          "operator() of your own that "
          "begins with: const nn::Call call = enter(where);")
      .raise<Error>("forward is not defined");
}

Tensor Module::operator()(const Tensor& x, Where where) {
  const Call call(*this, where);
  if (!x.defined()) check_defined(type_name().c_str(), "x", x, where);
  Tensor input = x;
  for (auto& hook : state_->pre_hooks)
    if (Tensor replaced = hook.call(*this, input); replaced.defined()) input = std::move(replaced);
  Tensor output = forward(input);
  for (auto& hook : state_->hooks)
    if (Tensor replaced = hook.call(*this, input, output); replaced.defined())
      output = std::move(replaced);
  if (!output.defined())
    Fault(type_name(), where)
        .operand("x", input)
        .raise<ShapeError>("forward returned an undefined tensor");
  if (const CallObserver* observer = call_observer())
    if (Tensor replaced = (*observer)(*this, input, output); replaced.defined())
      output = std::move(replaced);
  return output;
}

ParameterList Module::parameters() const {
  std::vector<NamedTensor> list;
  state_->collect(&State::parameters, "", list);
  return ParameterList(std::move(list));
}

ParameterList Module::buffers() const {
  std::vector<NamedTensor> list;
  state_->collect(&State::buffers, "", list);
  return ParameterList(std::move(list));
}

std::int64_t Module::num_parameters() const {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : parameters()) count += tensor.numel();
  return count;
}

std::vector<NamedModule> Module::children() const {
  std::vector<NamedModule> list;
  for (const State::Child& child : state_->children) list.push_back({child.name, *child.module});
  return list;
}

std::vector<NamedModule> Module::modules() {
  std::vector<NamedModule> list;
  State::list_modules(*this, "", list);
  return list;
}

std::string Module::type_name() const { return short_type_name(typeid(*this).name()); }

void Module::set_training(bool training) {
  state_->training = training;
  for (const State::Child& child : state_->children) child.module->set_training(training);
}

bool Module::is_training() const { return state_->training; }

void Module::set_requires_grad(bool requires_grad) {
  for (auto [name, tensor] : parameters()) tensor.set_requires_grad(requires_grad);
}

void Module::zero_grad() {
  for (auto [name, tensor] : parameters()) tensor.zero_grad();
}

void Module::to(Dtype dtype, Where where) {
  if (!is_floating(dtype))
    Fault("Module::to", where)
        .fix("Give it Dtype::f32 or Dtype::f64.")
        .raise<DtypeError>(
            fmt::format("parameters are floating and cannot be {}", to_string(dtype)));
  const NoGradGuard no_grad;
  std::vector<std::pair<Tensor, Tensor>> made;
  State::convert(*this, dtype, made);
}

void Module::update_buffer(std::string_view name, Function<Tensor(const Tensor&)> next,
                           Where where) {
  const auto slot = std::find_if(state_->buffers.begin(), state_->buffers.end(),
                                 [&](const auto& buffer) { return buffer->name == name; });
  if (slot == state_->buffers.end())
    Fault("update_buffer", where)
        .fix("Register it in the constructor: register_buffer(...).")
        .raise<Error>(fmt::format("{} has no buffer named \"{}\"", type_name(), name));
  if (ShardContext* shard = shard_context()) {
    shard->updates.push_back({this, std::string(name), std::move(next)});
    return;
  }
  const NoGradGuard no_grad;
  Tensor& buffer = (*slot)->tensor;
  const Tensor value = next(buffer);
  check_defined("update_buffer", "the new value", value, where);
  if (!(value.shape() == buffer.shape()) || value.dtype() != buffer.dtype())
    Fault("update_buffer", where)
        .operand("buffer", buffer)
        .operand("value", value)
        .raise<ShapeError>(fmt::format("the new value of \"{}\" has another shape or dtype", name));
  buffer.copy_from(value, where);
}

std::int64_t Module::add_pre_hook(Function<Tensor(Module&, const Tensor&)> hook) {
  state_->pre_hooks.push_back({state_->next_hook, std::move(hook)});
  return state_->next_hook++;
}

std::int64_t Module::add_hook(Function<Tensor(Module&, const Tensor&, const Tensor&)> hook) {
  state_->hooks.push_back({state_->next_hook, std::move(hook)});
  return state_->next_hook++;
}

void Module::remove_hook(std::int64_t hook, Where where) {
  const auto has_number = [&](const auto& entry) { return entry.number == hook; };
  if (std::erase_if(state_->pre_hooks, has_number) + std::erase_if(state_->hooks, has_number) == 0)
    Fault("remove_hook", where).raise<Error>(fmt::format("{} has no hook {}", type_name(), hook));
}

std::int64_t Module::multiply_adds(const Shape&, const Shape&) const { return 0; }

std::string Module::details() const { return {}; }

void Module::check_name(const char* operation, const Name& name) const {
  const std::string& text = name.text();
  const Fault fault(operation, name.where());
  if (text.empty()) fault.raise<Error>(fmt::format("a name in {} is empty", type_name()));
  const auto is_forbidden = [](char c) {
    return c == '.' || c == '/' || static_cast<unsigned char>(c) < ' ';
  };
  if (std::any_of(text.begin(), text.end(), is_forbidden))
    fault.raise<Error>(fmt::format(
        "the name \"{}\" in {} has a dot, a slash or a control character", text, type_name()));
  const auto is_same = [&](const auto& slot) { return slot->name == text; };
  if (std::any_of(state_->parameters.begin(), state_->parameters.end(), is_same) ||
      std::any_of(state_->buffers.begin(), state_->buffers.end(), is_same) ||
      std::any_of(state_->children.begin(), state_->children.end(),
                  [&](const State::Child& child) { return child.name == text; }))
    fault.raise<Error>(
        fmt::format("{} already has a child, parameter or buffer named \"{}\"", type_name(), text));
}

void Module::adopt(const Name& name, Module* child) {
  std::unique_ptr<Module> owned(child);
  check_name("child", name);  // the child's constructor may have been given this module
  owned->state_->name = name.text();
  state_->children.push_back({name.text(), std::move(owned)});
}

Tensor& Module::register_parameter(const Name& name, Tensor tensor) {
  check_name("register_parameter", name);
  check_floating("register_parameter", tensor, name.where(), name.text().c_str());
  if (!tensor.is_leaf())
    Fault("register_parameter", name.where())
        .operand(name.text(), tensor)
        .fix("Register the tensor itself, or what its detach() returns.")
        .raise<GradientError>(
            "the tensor is the result of a recorded operation, a parameter is a leaf");
  tensor.set_requires_grad(true, name.where());
  state_->parameters.push_back(std::make_unique<Slot>(Slot{name.text(), std::move(tensor)}));
  return state_->parameters.back()->tensor;
}

Tensor& Module::register_buffer(const Name& name, const Tensor& tensor) {
  check_name("register_buffer", name);
  check_defined("register_buffer", name.text().c_str(), tensor, name.where());
  state_->buffers.push_back(std::make_unique<Slot>(Slot{name.text(), tensor.detach()}));
  return state_->buffers.back()->tensor;
}

Call Module::enter(Where where) const {
  if (!state_->pre_hooks.empty() || !state_->hooks.empty())
    Fault(type_name(), where)
        .fix("Register the hooks on its children, or call them in its operator().")
        .raise<Error>(
            "hooks are registered, but this module has an operator() of its own, which does not "
            "run them");
  return Call(*this, where);
}

}  // namespace tenon::nn
