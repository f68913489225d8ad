#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tenon/core/function.h"
#include "tenon/core/tensor.h"

namespace tenon {

struct GradientCheckOptions {
  double step = 1e-6;      ///< of the central difference
  double relative = 1e-5;  ///< tolerance, of the larger of both numbers
  double absolute = 1e-7;
  std::uint64_t seed = 1;  ///< of the random weights of the outputs
};

/// What a check found.
struct GradientReport {
  bool ok = false;
  std::size_t input = 0;     ///< the input with the worst element
  std::int64_t element = 0;  ///< its row-major index
  double analytic = 0;       ///< what the rules gave
  double numeric = 0;        ///< what the central difference gave
  std::string message = {};  ///< names them, and both numbers
};

/// Compares the gradients that the rules give with central differences, element by element, for a
/// function of f64 inputs with one output of any shape, weighted by random numbers. Inputs that are
/// not floating are passed on unchecked. The function must be smooth near the inputs. Throws
/// DtypeError for f32 inputs.
GradientReport check_gradients(FunctionRef<Tensor(const std::vector<Tensor>&)> function,
                               const std::vector<Tensor>& inputs,
                               const GradientCheckOptions& options = {},
                               Where where = Where::current());

/// The same one derivative higher: checks the gradients of the gradients.
GradientReport check_second_gradients(FunctionRef<Tensor(const std::vector<Tensor>&)> function,
                                      const std::vector<Tensor>& inputs,
                                      const GradientCheckOptions& options = {},
                                      Where where = Where::current());

}  // namespace tenon
