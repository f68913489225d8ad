#pragma once

#include <cstdint>
#include <exception>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tenon/core/tensor.h"
#include "tenon/io/container_internal.h"

namespace tenon::hdf5 {

/// What libhdf5 could not do, or what is not as we write it.
class Failure : public std::exception {
 public:
  explicit Failure(std::string text) : text_(std::move(text)) {}
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

using Attribute = std::variant<std::string, std::int64_t, std::uint64_t, double>;
using Attributes = std::map<std::string, Attribute>;

/// What one of our files holds: tensors by path ("model/conv1/weight"), and attributes by the path
/// of their group, empty for the root.
struct Tree {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, Attributes> groups;
};

/// The whole file: 512 bytes left for the block, then HDF5. The same tree gives the same bytes.
/// Throws Failure.
Bytes write_image(const Tree& tree);

/// Reads the attributes of the root, and what the named groups of the root hold. Throws Failure.
/// The image must have been checked: libhdf5 may crash on a damaged one.
Tree read_image(std::span<const unsigned char> image, const std::vector<std::string>& groups);

}  // namespace tenon::hdf5
