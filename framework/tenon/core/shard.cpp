#include "tenon/core/shard_internal.h"

namespace tenon {
namespace {
thread_local bool t_in_shard = false;
}

bool in_shard() noexcept { return t_in_shard; }

ShardScope::ShardScope() noexcept : previous_(t_in_shard) { t_in_shard = true; }
ShardScope::~ShardScope() { t_in_shard = previous_; }

}  // namespace tenon
