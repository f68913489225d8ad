#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/core/tensor.h"
#include "tenon/io/hdf5_internal.h"
#include "tenon/nn/differences_internal.h"
#include "tenon/nn/module.h"

namespace tenon {

// What weights files and checkpoints share.

inline constexpr const char* kWeightsFormat = "tenon-weights";
inline constexpr const char* kCheckpointFormat = "tenon-checkpoint";
inline constexpr std::int64_t kFormatVersion = 1;

/// "conv1.weight" as a path of groups, "conv1/weight". Throws hdf5::Failure for a name that is no
/// such path.
std::string path_of(std::string_view dotted_name);
/// The reverse.
std::string name_of(std::string_view path);

/// A tree with the attributes that every file has.
hdf5::Tree new_tree(const char* format);
/// Adds the parameters and buffers of a model, below /model.
void add_model(hdf5::Tree& tree, const nn::Module& model);
/// Writes the file. Throws CheckpointError.
void write_tree(const char* operation, const std::string& path, const hdf5::Tree& tree,
                Where where);

/// Reads a file of one of our formats, its given groups. Throws CheckpointError.
hdf5::Tree read_tree(const char* operation, const std::string& path,
                     const std::vector<std::string>& groups, Where where);
/// The format of a tree that was read.
const std::string& format_of(const hdf5::Tree& tree);

/// Adds how the tensors below /model differ from the model's.
void compare_model(const hdf5::Tree& tree, const nn::Module& model, Differences& differences);
/// Copies them into the model, which they fit.
void load_model(const hdf5::Tree& tree, const nn::Module& model);
/// Throws a CheckpointError that lists the differences, if there are any.
void check_fit(const char* operation, const std::string& path, const Differences& differences,
               Where where);

}  // namespace tenon
