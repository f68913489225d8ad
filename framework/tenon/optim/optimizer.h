#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/core/tensor.h"
#include "tenon/core/where.h"
#include "tenon/nn/parameter_list.h"

namespace tenon {
class Differences;
}

namespace tenon::optim {

/// What an optimizer keeps for one parameter: tensors by name, "momentum" say.
using Slots = std::map<std::string, Tensor>;

/// Changes parameters by their gradients. A new one is two functions:
///
///   class Momentum : public optim::Optimizer {
///    public:
///     Momentum(const ParameterList& parameters, double learning_rate)
///         : Optimizer(parameters, learning_rate) {}
///    protected:
///     void init(const Tensor& parameter, optim::Slots& slots) override {
///       slots["momentum"] = zeros_like(parameter);
///     }
///     void update(Tensor& parameter, const Tensor& gradient, optim::Slots& slots,
///                 double learning_rate) override {
///       slots["momentum"].copy_from(0.9 * slots["momentum"] + gradient);
///       parameter.copy_from(parameter - learning_rate * slots["momentum"]);
///     }
///   };
class Optimizer {
 public:
  virtual ~Optimizer();
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// Updates, in place and unrecorded, every parameter that requires grad and has a gradient.
  /// Gradients stay as they are.
  void step();
  /// Drops the gradients of all parameters.
  void zero_grad();

  /// The learning rate of a group of parameters; the constructor's are group 0. Throws ShapeError.
  double learning_rate(std::size_t group = 0, Where where = Where::current()) const;
  /// Sets the learning rate of group 0, and the others in proportion to those they were added with.
  /// Throws DataError for a negative or infinite one.
  void set_learning_rate(double learning_rate, Where where = Where::current());
  std::size_t num_groups() const { return groups_.size(); }
  /// How often step() ran.
  std::int64_t step_count() const { return step_count_; }

  /// What a resumed run needs: "step" (i64), "learning_rate" (f64, one a group), and for each
  /// parameter that was updated so far "<parameter>/<slot>" and "<parameter>/updates" (i64). Slots
  /// are not copied.
  std::map<std::string, Tensor> state() const;
  /// Takes over a copy of such a state. Throws CheckpointError, before anything is changed, that
  /// names all missing and unexpected tensors and all with another shape or dtype.
  void load_state(const std::map<std::string, Tensor>& state, Where where = Where::current());

 protected:
  /// Throws an Error for two parameters of one name or a parameter given twice, DtypeError for one
  /// that is not floating, GradientError for one that is no leaf, DataError for a bad learning
  /// rate.
  Optimizer(const ParameterList& parameters, double learning_rate, Where where = Where::current());
  /// More parameters, with a learning rate of their own.
  void add_group(const ParameterList& parameters, double learning_rate,
                 Where where = Where::current());

  /// Makes all slots of a parameter, before its first update. Runs unrecorded.
  virtual void init(const Tensor& parameter, Slots& slots);
  /// Changes the parameter in place. Runs unrecorded; the gradient is not to be written to.
  virtual void update(Tensor& parameter, const Tensor& gradient, Slots& slots,
                      double learning_rate) = 0;
  /// In init and update: the group of the parameter.
  std::size_t group() const { return group_; }
  /// In update: which update of the parameter this is; the first is 1.
  std::int64_t update_number() const { return update_number_; }

 private:
  struct Group {
    double learning_rate;
    double initial_learning_rate;
  };
  struct Entry {
    std::string name;
    Tensor tensor;
    std::size_t group = 0;
    std::int64_t updates = 0;
    Slots slots;  // made with the first update
  };
  struct Loaded;
  friend struct OptimizerAccess;

  Slots make_slots(const Entry& entry);
  /// What a state would give, if it fits; adds the differences, with the label before each name.
  Loaded read_state(std::string_view label, const std::map<std::string, Tensor>& state,
                    Differences& differences);
  void use(Loaded loaded);

  std::vector<Group> groups_;
  std::vector<Entry> entries_;
  std::int64_t step_count_ = 0;
  std::size_t group_ = 0;
  std::int64_t update_number_ = 0;
};

}  // namespace tenon::optim
