#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <exception>
#include <string>
#include <vector>

#include "tenon/core/print.h"
#include "tenon/core/tensor.h"

namespace tenon {

/// One tolerance a dtype: f64 as close as sums of a few hundred terms allow, f32 likewise; integers
/// exactly.
inline Tolerance tolerance_of(Dtype dtype) {
  if (dtype == Dtype::f64) return {1e-10, 1e-12};
  if (dtype == Dtype::f32) return {2e-5, 2e-6};
  return {0, 0};
}

/// Compares shapes and dtypes first, then the values; NaN equals NaN. Prints the worst element.
inline testing::AssertionResult close(const Tensor& got, const Tensor& want, Tolerance tolerance) {
  if (!got.defined() || !want.defined())
    return testing::AssertionFailure() << "undefined: " << (got.defined() ? "want" : "got");
  if (got.shape() != want.shape())
    return testing::AssertionFailure() << "shape " << got.shape() << ", want " << want.shape();
  if (got.dtype() != want.dtype())
    return testing::AssertionFailure() << "dtype " << got.dtype() << ", want " << want.dtype();
  const std::vector<double> a = got.to_vector<double>(), b = want.to_vector<double>();
  double worst = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    double excess =
        std::abs(a[i] - b[i]) / (tolerance.absolute + tolerance.relative * std::abs(b[i]));
    if (!(excess == excess)) excess = HUGE_VAL;
    if (excess > worst) worst = excess, at = i;
  }
  if (worst <= 1) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << fmt::format("element {} of {}: got {:.9g}, want {:.9g} ({:.3g} times the tolerance)",
                        at, to_string(got.shape()), a[at], b[at], worst);
}
inline testing::AssertionResult close(const Tensor& got, const Tensor& want) {
  return close(got, want, want.defined() ? tolerance_of(want.dtype()) : Tolerance{});
}
/// Against values computed by the test, row-major.
inline testing::AssertionResult close(const Tensor& got, const std::vector<double>& want) {
  if (static_cast<std::size_t>(got.numel()) != want.size())
    return testing::AssertionFailure()
           << "shape " << got.shape() << ", want " << want.size() << " values";
  return close(got, Tensor::from(want, got.shape(), got.dtype()));
}

/// Runs body, which must throw an E; returns its text.
template <class E, class Body>
std::string message_of(Body&& body) {
  try {
    body();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another exception: " << error.what();
    return {};
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

}  // namespace tenon
