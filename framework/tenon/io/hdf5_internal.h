#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <map>
#include <memory>
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

/// Memory from malloc, which libhdf5 makes grow.
struct Free {
  void operator()(unsigned char* memory) const { std::free(memory); }
};
using GrowingMemory = std::unique_ptr<unsigned char[], Free>;

/// Tensors from this size on are not copied into images.
inline constexpr std::size_t kLargeBytes = std::size_t{1} << 20;

/// All bytes of a file behind its block, in order: what libhdf5 wrote, and large tensors where they
/// lie.
struct Image {
  std::vector<Piece> pieces;
  GrowingMemory memory;
  std::vector<Tensor> large;
};

/// The same tree gives the same bytes. Throws Failure.
Image write_image(const Tree& tree);

/// Reads the attributes of the root, and what the named groups of the root hold, from a whole file,
/// u8 [bytes]. Large tensors may be views of it. Throws Failure. The image must have been checked:
/// libhdf5 may crash on a damaged one.
Tree read_image(const Tensor& image, const std::vector<std::string>& groups);

}  // namespace tenon::hdf5
