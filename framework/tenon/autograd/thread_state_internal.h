#pragma once

namespace tenon {

/// The guards of a thread, to be installed on another (a shard's).
struct ThreadState {
  bool recording = true;
  bool anomaly = false;
  bool leaf_hooks =
      true;  ///< false in shards: hooks of parameters run once, on the summed gradient
  static ThreadState current() noexcept;
  void install() const noexcept;
};

}  // namespace tenon
