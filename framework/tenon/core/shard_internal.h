#pragma once

namespace tenon {

/// Whether this thread runs one shard of a sharded call (train/shards.h).
bool in_shard() noexcept;

/// While it lives, in_shard() is true on this thread.
class ShardScope {
 public:
  ShardScope() noexcept;
  ~ShardScope();
  ShardScope(const ShardScope&) = delete;
  ShardScope& operator=(const ShardScope&) = delete;

 private:
  bool previous_;
};

}  // namespace tenon
