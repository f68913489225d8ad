#pragma once

#include <string>

#include "tenon/core/where.h"
#include "tenon/nn/module.h"

namespace tenon {

/// Writes the parameters and buffers of a model to an HDF5 file (docs/checkpoint-format.md), which
/// replaces an old one only when all of it is on the disk. Throws CheckpointError that names the
/// path and the reason.
void save_weights(const nn::Module& model, const std::string& path, Where where = Where::current());

/// Reads them back, from a weights file or a checkpoint. Throws CheckpointError, before anything is
/// changed, for a file that is missing, foreign or damaged, or whose tensors differ from the
/// model's in name, shape or dtype: then it lists all differences.
void load_weights(nn::Module& model, const std::string& path, Where where = Where::current());

}  // namespace tenon
