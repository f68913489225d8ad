#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "tenon/core/function.h"
#include "tenon/core/tensor.h"
#include "tenon/kernels/onednn/engine.h"

namespace tenon::kernels::onednn {

enum class PlanKind : std::int64_t {
  convolution,
  convolution_input_gradient,
  convolution_weight_gradient,
  matmul,
};

/// What a plan depends on: numbers alone, compared as memory. Everything that shapes the primitive
/// must be added: sizes, strides of the tensors described to it, options.
class PlanKey {
 public:
  explicit PlanKey(PlanKind kind) { add(static_cast<std::int64_t>(kind)); }

  PlanKey& add(std::int64_t number);
  PlanKey& add(const Shape& shape);

  std::uint64_t hash() const;
  friend bool operator==(const PlanKey& a, const PlanKey& b) {
    return a.size_ == b.size_ &&
           std::memcmp(a.numbers_, b.numbers_, a.size_ * sizeof(std::int64_t)) == 0;
  }

 private:
  static constexpr std::size_t kCapacity = 80;
  std::int64_t numbers_[kCapacity] = {};
  std::size_t size_ = 0;
};

/// One argument of a primitive, in the order in which execute() gets the tensors.
struct PlanArgument {
  int index;                ///< DNNL_ARG_SRC, ...
  dnnl::memory::desc desc;  ///< what the primitive reads or writes
  /// What the tensor has, where that differs: weights are then packed (and kept packed while the
  /// storage, its version and the offset stay the same), and an `output` unpacked after each run.
  dnnl::memory::desc tensor_desc = {};
  bool is_output = false;
};

/// What to plan. An empty primitive_desc says that oneDNN has nothing for it.
struct PlanRecipe {
  dnnl::primitive_desc primitive_desc;
  std::vector<PlanArgument> arguments;
};

/// A primitive with preset arguments. Belongs to one thread.
class Plan {
 public:
  Plan(const PlanRecipe& recipe, Work work);
  ~Plan();
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  /// Whether oneDNN can do it.
  explicit operator bool() const { return primitive_ != nullptr; }
  /// oneDNN's name for what it chose, "brgconv:avx512_core"; lives for ever.
  const char* implementation() const { return implementation_; }

  /// Runs it on the tensors of the recipe's arguments, in order; null for an argument that is not
  /// given. The tensors must have the shapes and strides that the recipe described.
  void execute(std::initializer_list<const Tensor*> tensors);

 private:
  struct Conversion;

  dnnl::primitive primitive_object_;
  dnnl_primitive_t primitive_ = nullptr;
  std::vector<dnnl::memory> memories_;                    // the scratchpad's last
  std::vector<dnnl_exec_arg_t> arguments_;                // refers to memories_
  std::vector<std::unique_ptr<Conversion>> conversions_;  // one an argument; mostly null
  std::size_t scratchpad_bytes_ = 0;                      // of the primitive, rounded up
  std::size_t temporary_bytes_ = 0;  // of outputs in the primitive's own format
  const char* implementation_ = "";
  Work work_;
};

/// This thread's plan for the key, made by `recipe` (as if by as many threads as `work` says) if it
/// is new. The least recently used plan goes when there are more than kMaxPlans: the reference
/// stays good until this thread has asked for as many others.
Plan& plan_for(const PlanKey& key, Work work, FunctionRef<PlanRecipe()> recipe);

/// Some 70 kinds and shapes of primitives make up a step of a large residual net.
inline constexpr std::size_t kMaxPlans = 256;

/// Counted over all threads since start, for tests and reports.
struct PlanCounters {
  std::int64_t primitives_created = 0;
  std::int64_t weights_packed = 0;
  std::int64_t live_plans = 0;
};
PlanCounters plan_counters();

}  // namespace tenon::kernels::onednn
