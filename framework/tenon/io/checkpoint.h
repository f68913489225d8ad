#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "tenon/core/function.h"
#include "tenon/core/random.h"
#include "tenon/core/where.h"
#include "tenon/io/metadata.h"
#include "tenon/nn/module.h"
#include "tenon/optim/optimizer.h"

namespace tenon {

/// What a checkpoint holds. All of it may be left out.
struct CheckpointContents {
  const nn::Module* model = nullptr;
  const optim::Optimizer* optimizer = nullptr;
  std::int64_t epoch = 0;
  std::int64_t step = 0;
  const Rng* rng = nullptr;                            ///< the random stream "rng"
  std::map<std::string, const Rng*> rngs = {};         ///< more streams, by name
  std::map<std::string, MetadataValue> metadata = {};  ///< {{"model", "LeNet5"}, {"seed", 1}}
  /// Whatever else a resumed run needs, by names whose parts may be joined by slashes:
  /// "metrics/accuracy/count".
  std::map<std::string, Tensor> state = {};
};

/// What a checkpoint says beside.
struct CheckpointInfo {
  std::int64_t epoch = 0;
  std::int64_t step = 0;
  std::string library_version;  ///< of the Tenon that wrote it
  std::map<std::string, MetadataValue> metadata;
  std::map<std::string, Tensor> state;
};

/// Where a checkpoint is to be read into; what is left out is not read.
struct CheckpointTargets {
  nn::Module* model = nullptr;
  optim::Optimizer* optimizer = nullptr;
  Rng* rng = nullptr;
  std::map<std::string, Rng*> rngs = {};
  /// Called when the file is known to fit all of these, and before they are changed: takes over the
  /// state, or throws.
  const FunctionRef<void(const CheckpointInfo& info)>* take_state = nullptr;
};

/// Writes a checkpoint to an HDF5 file (docs/checkpoint-format.md), which replaces an old one only
/// when all of it is on the disk: a crash at any moment leaves the old one or the new one.
///   save_checkpoint("run.h5", {.model = &model, .optimizer = &optimizer, .epoch = 3, .step = 1404,
///   .rng = &rng});
/// Throws CheckpointError that names the path and the reason.
void save_checkpoint(const std::string& path, const CheckpointContents& contents,
                     Where where = Where::current());

/// Reads a checkpoint back. Without targets it only returns what it says beside. Throws
/// CheckpointError, before anything is changed, for a file that is missing, foreign or damaged, or
/// that does not fit: then it lists all differences of model, optimizer and random streams.
CheckpointInfo load_checkpoint(const std::string& path, const CheckpointTargets& targets = {},
                               Where where = Where::current());

}  // namespace tenon
