#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/core/tensor.h"

namespace tenon {

/// What a named tensor is, without its values.
struct TensorKind {
  Dtype dtype = Dtype::f32;
  Shape shape;

  friend bool operator==(const TensorKind&, const TensorKind&) = default;
};
inline TensorKind kind_of(const Tensor& x) { return {x.dtype(), x.shape()}; }
/// "[2, 3] f32"
std::string to_string(const TensorKind& kind);

/// How the tensors that were found differ from those that are wanted: gathered, so that all is told
/// at once.
class Differences {
 public:
  void add_missing(std::string_view what);
  void add_unexpected(std::string_view name, const TensorKind& found);
  void add_mismatch(std::string_view name, const TensorKind& wanted, const TensorKind& found);
  /// Adds all differences of two sets; `label` stands before each name.
  void compare(std::string_view label, const std::map<std::string, TensorKind>& wanted,
               const std::map<std::string, TensorKind>& found);

  bool empty() const { return missing_ + unexpected_ + mismatched_ == 0; }
  /// "2 missing, 1 unexpected, 1 of another shape or dtype"
  std::string summary() const;
  /// One line each.
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  int missing_ = 0;
  int unexpected_ = 0;
  int mismatched_ = 0;
  std::vector<std::string> lines_;
};

/// Throws a CheckpointError that lists how a state differs from what `what` ("the optimizer")
/// wants.
void check_state(const char* operation, std::string_view what,
                 const std::map<std::string, TensorKind>& wanted,
                 const std::map<std::string, Tensor>& state, Where where);
/// The same for differences that were gathered.
void check_state(const char* operation, std::string_view what, const Differences& differences,
                 Where where);

}  // namespace tenon
