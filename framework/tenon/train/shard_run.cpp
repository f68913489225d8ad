#include <fmt/format.h>

#include "tenon/autograd/node_internal.h"
#include "tenon/autograd/thread_state_internal.h"
#include "tenon/core/call_path_internal.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/parallel_internal.h"
#include "tenon/core/shard_internal.h"
#include "tenon/train/shard_run_internal.h"

namespace tenon {
namespace {

/// A thread's guards, module calls and origin.
struct CallerState {
  ThreadState state = ThreadState::current();
  ThreadCalls calls = ThreadCalls::current();

  void install() const {
    state.install();
    ThreadCalls::install(calls);
  }
};

/// Gives the thread the caller's state while it runs shards.
class BorrowedThread {
 public:
  explicit BorrowedThread(const CallerState& caller) { caller.install(); }
  ~BorrowedThread() { own_.install(); }
  BorrowedThread(const BorrowedThread&) = delete;
  BorrowedThread& operator=(const BorrowedThread&) = delete;

 private:
  CallerState own_;
  ShardScope shard_;
};

}  // namespace

ShardCut cut_into_shards(const char* operation, const Tensor& inputs, std::int64_t shard_size,
                         Where where) {
  if (in_shard())
    Fault(operation, where)
        .raise<Error>("it was called inside a shard, and shards cannot be cut again");
  check_defined(operation, "inputs", inputs, where);
  if (inputs.rank() == 0 || inputs.shape()[0] == 0)
    Fault(operation, where)
        .operand("inputs", inputs)
        .raise<ShapeError>("the batch has no samples on axis 0");
  if (shard_size < 1)
    Fault(operation, where)
        .raise<ShapeError>(fmt::format("shard_size must be at least 1 but is {}", shard_size));
  return {inputs.shape()[0], shard_size < inputs.shape()[0] ? shard_size : inputs.shape()[0]};
}

void check_total_weight(const char* operation, double weight, Where where) {
  if (weight > 0) return;
  Fault(operation, where)
      .fix("Leave out batches whose targets are all ignored.")
      .raise<DataError>(
          fmt::format("the weights of the losses sum to {} but must be above 0", weight));
}

std::vector<nn::ShardContext> run_shard_groups(const ShardCut& cut, bool per_shard_batch_norm,
                                               FunctionRef<void(std::int64_t, std::int64_t)> body) {
  std::vector<nn::ShardContext> contexts(static_cast<std::size_t>(cut.shards()));
  CallerState caller;
  caller.state.leaf_hooks = false;
  run_shards(cut.groups(), [&](std::int64_t group) {
    const BorrowedThread thread(caller);
    NodeIds::renew();  // what a shard records is newer than anything the caller did
    for (std::int64_t shard = cut.first_shard(group); shard < cut.first_shard(group + 1); ++shard) {
      nn::ShardContext& context = contexts[static_cast<std::size_t>(shard)];
      context.first_sample = cut.first_sample(shard);
      context.samples = cut.end_sample(shard) - context.first_sample;
      context.batch_samples = cut.samples;
      context.per_shard_batch_norm = per_shard_batch_norm;
      const nn::ShardContextScope scope(context);
      body(group, shard);
    }
  });
  return contexts;
}

}  // namespace tenon
