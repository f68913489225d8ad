#pragma once

#include <exception>
#include <string>
#include <utility>

namespace tenon {

/// What every function of Tenon throws. `what()` names the operation and what is wrong, each
/// operand with its shape, the fix where it is certain, and the caller's line.
class Error : public std::exception {
 public:
  explicit Error(std::string text) : text_(std::move(text)) {}
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

/// Shapes, axes, ranks, sizes or indices that do not fit.
class ShapeError : public Error {
  using Error::Error;
};

/// An operand of the wrong dtype.
class DtypeError : public Error {
  using Error::Error;
};

/// A misuse of the graph: backward of a freed graph, a saved tensor that was modified, a recorded
/// write.
class GradientError : public Error {
  using Error::Error;
};

/// A dataset or a value that cannot be used: a broken file, an index outside its range.
class DataError : public Error {
  using Error::Error;
};

/// A weights or checkpoint file that cannot be written, read or matched to the model.
class CheckpointError : public Error {
  using Error::Error;
};

}  // namespace tenon
