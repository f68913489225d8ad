#pragma once

#include <tenon/io/checkpoint.h>

#include <optional>
#include <string>
#include <vector>

namespace tenon::cli {

// A run is a folder with the checkpoints and the log of one training.

/// The first of runs/lenet5-1, runs/lenet5-2, ... that there is not, made. Throws an Error where it
/// cannot be.
std::string make_run(const std::string& model);
/// Makes a folder that was named, with those above, unless it is there. Throws an Error where it
/// cannot be.
void make_named_run(const std::string& folder);
/// Throws an Error for a folder that holds anything.
void check_is_new(const std::string& folder);
/// That of runs/lenet5-1, ... whose last checkpoint is the newest; empty where none has one.
std::string newest_run(const std::string& model);

struct FoundCheckpoint {
  std::string path;
  CheckpointInfo info;
};
/// The newest intact checkpoint of a run; of newer ones it tells on standard error what is wrong.
/// None where the run has no checkpoint. Throws CheckpointError when all are damaged.
std::optional<FoundCheckpoint> newest_checkpoint(const std::string& run);

/// Keeps other processes out of a run while it lives.
class RunLock {
 public:
  /// Throws an Error while another process has the lock.
  explicit RunLock(const std::string& run);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int folder_;
};

}  // namespace tenon::cli
