#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "tenon/core/function.h"
#include "tenon/core/tensor.h"
#include "tenon/nn/parameter_list.h"

namespace tenon::nn {

class Module;

/// The name of a child, parameter or buffer, with the line that gives it.
class Name {
 public:
  Name(const char* text, Where where = Where::current()) : text_(text), where_(where) {}
  Name(std::string text, Where where = Where::current()) : text_(std::move(text)), where_(where) {}

  const std::string& text() const { return text_; }
  Where where() const { return where_; }

 private:
  std::string text_;
  Where where_;
};

/// A module and its dotted name below the one that was asked; empty for that one itself.
struct NamedModule {
  std::string name;
  Module& module;
};

/// One call of a module: while it lives, errors and graph nodes of this thread name the module and
/// the caller's line. Module::enter makes it.
class [[nodiscard]] Call {
 public:
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  friend class Module;
  Call(const Module& module, Where where);

  static constexpr std::size_t kFrameBytes = 48;  // of the internal CallFrame
  alignas(void*) unsigned char frame_[kFrameBytes];
};

namespace detail {
/// While a child is constructed: the line that names it, for the errors of its constructor.
class Construction {
 public:
  explicit Construction(Where where, Where forwarder = Where::current());
  ~Construction();
  Construction(const Construction&) = delete;
  Construction& operator=(const Construction&) = delete;

 private:
  friend Where construction_site(Where where);
  Where where_;
  Where forwarder_;
  const Construction* previous_;
};
/// The user's line that constructs a layer: `where`, unless a forwarding template took it, as
/// child() does.
Where construction_site(Where where);
}  // namespace detail

/// A part of a model: owns parameters, buffers and children by name. Derive from it, register in
/// the constructor, override forward, and call it as a function:
///
///   class Net : public nn::Module {
///    public:
///     explicit Net(Rng& rng) : conv_(child<nn::Conv2d>("conv", 1, 8, 3, rng)),
///     head_(child<nn::Linear>("head", 8, 10, rng)) {} Tensor forward(const Tensor& x) override {
///     return head_(mean(relu(conv_(x)), {2, 3})); }
///    private:
///     nn::Conv2d& conv_;
///     nn::Linear& head_;
///   };
///
/// Forward changes no state but buffers, and these through update_buffer alone: so shards of a
/// batch can run it on several threads at once.
class Module {
 public:
  Module();
  virtual ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// What the module computes. The default throws an Error that says what to override.
  virtual Tensor forward(const Tensor& x);
  /// Runs the pre-hooks, forward and the hooks. Throws ShapeError for an undefined x.
  Tensor operator()(const Tensor& x, Where where = Where::current());

  /// The parameters of this module, then those of its children, in order of registration. A tensor
  /// that is registered twice (tied weights) is listed once, by its first name.
  ParameterList parameters() const;
  /// The buffers, in the same order.
  ParameterList buffers() const;
  /// Elements of all parameters.
  std::int64_t num_parameters() const;
  std::vector<NamedModule> children() const;
  /// This module and all below it, parents first.
  std::vector<NamedModule> modules();
  /// The class, without its namespaces: "LeNet5".
  std::string type_name() const;

  /// Training mode (at first) or evaluation, for this module and all below: batch normalisation and
  /// dropout ask.
  void set_training(bool training = true);
  bool is_training() const;
  /// Freezes (false) or thaws every parameter.
  void set_requires_grad(bool requires_grad);
  /// Drops the gradient of every parameter.
  void zero_grad();
  /// Converts floating parameters and buffers; makes new tensors, so make optimizers afterwards.
  void to(Dtype dtype, Where where = Where::current());

  /// Replaces a buffer's values by what `next` returns for it (same shape and dtype, not recorded):
  /// at once, or, in a shard, when all shards have ended, in their order.
  void update_buffer(std::string_view name, Function<Tensor(const Tensor& buffer)> next,
                     Where where = Where::current());

  /// Calls hook(module, x) before forward; a defined tensor that it returns replaces x. It may
  /// return nothing. Returns the number that remove_hook takes. In shards hooks run on several
  /// threads at once.
  template <class F>
  std::int64_t register_forward_pre_hook(F hook) {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, Module&, const Tensor&>>)
      return add_pre_hook([hook = std::move(hook)](Module& module, const Tensor& x) mutable {
        hook(module, x);
        return Tensor();
      });
    else
      return add_pre_hook(std::move(hook));
  }
  /// Calls hook(module, x, y) after forward; a defined tensor that it returns replaces y. It may
  /// return nothing.
  template <class F>
  std::int64_t register_forward_hook(F hook) {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, Module&, const Tensor&, const Tensor&>>)
      return add_hook(
          [hook = std::move(hook)](Module& module, const Tensor& x, const Tensor& y) mutable {
            hook(module, x, y);
            return Tensor();
          });
    else
      return add_hook(std::move(hook));
  }
  /// Throws an Error when there is no such hook (any more).
  void remove_hook(std::int64_t hook, Where where = Where::current());

  /// Whether, in training, the output for a sample depends on the others of its batch: then a batch
  /// in shards is not what it is as a whole. Batch normalisation does; asked of each module.
  virtual bool couples_samples() const { return false; }
  /// Multiply-adds of one call, for summary(); those of children are not counted. 0 unless
  /// overridden.
  virtual std::int64_t multiply_adds(const Shape& x, const Shape& y) const;
  /// What plot_model says of it besides type and parameters: "5 x 5, tanh". Empty unless
  /// overridden.
  virtual std::string details() const;

 protected:
  /// Makes a child, which this module owns, from the arguments of its constructor. Names have
  /// neither dots nor slashes and are unique among a module's children, parameters and buffers;
  /// else an Error.
  template <class T, class... Args>
  T& child(const Name& name, Args&&... args) {
    static_assert(std::is_base_of_v<Module, T>,
                  "tenon: a child is a class derived from nn::Module");
    check_name("child", name);
    T* made;
    {
      const detail::Construction construction(name.where());
      made = new T(std::forward<Args>(args)...);
    }
    adopt(name, made);
    return *made;
  }
  /// Registers a leaf that requires grad, and returns the module's own handle, which lives as long
  /// as the module.
  Tensor& register_parameter(const Name& name, Tensor tensor);
  /// Registers a tensor that is saved with the model but not trained.
  Tensor& register_buffer(const Name& name, const Tensor& tensor);

  /// For a module with other inputs or outputs, which defines its own operator() and first does
  ///   const nn::Call call = enter(where);
  /// to be named in errors as the built-in operator() does. Hooks see one tensor in, one out: they
  /// run in the built-in operator() only, and enter throws an Error where some are registered.
  Call enter(Where where) const;

 private:
  friend class Call;
  struct State;

  void check_name(const char* operation, const Name& name) const;
  void adopt(const Name& name, Module* child);
  std::int64_t add_pre_hook(Function<Tensor(Module&, const Tensor&)> hook);
  std::int64_t add_hook(Function<Tensor(Module&, const Tensor&, const Tensor&)> hook);

  State* state_;
};

}  // namespace tenon::nn
