#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "../support/close.h"
#include "../support/layouts.h"
#include "tenon/autograd/backward.h"
#include "tenon/core/function.h"

namespace tenon {

/// A file of tests/data/golden: what PyTorch computed. tests/golden/make.py tells the format.
class Golden {
 public:
  using Inputs = std::vector<Tensor>;

  explicit Golden(const std::string& family) {
    std::ifstream file(std::string(TENON_TEST_DATA) + "/golden/" + family + ".golden");
    for (std::string line; std::getline(file, line);) {
      std::istringstream words(line);
      std::string name, tensor, dtype, sizes;
      words >> name >> tensor >> dtype >> sizes;
      std::vector<std::int64_t> shape;
      std::istringstream numbers(sizes == "-" ? "" : sizes);
      for (std::string size; std::getline(numbers, size, 'x');) shape.push_back(std::stoll(size));
      std::vector<double> values;
      for (std::string value; words >> value;) values.push_back(std::stod(value));
      cases_[name][tensor] = Tensor::from(values, Shape(shape), dtype_named(dtype));
    }
    EXPECT_FALSE(cases_.empty()) << family;
  }
  /// Each case of the file must have been checked.
  ~Golden() {
    for (const auto& [name, tensors] : cases_)
      EXPECT_TRUE(checked_.contains(name)) << name << " was not checked";
  }
  Golden(const Golden&) = delete;
  Golden& operator=(const Golden&) = delete;

  /// The tensors of a case, by name, for a test that compares them itself.
  const std::map<std::string, Tensor>& read(const std::string& name) {
    checked_.insert(name);
    return cases_.at(name);
  }

  /// Compares function(inputs) and the gradients of the inputs, by their names in the file
  /// (undefined if the case has no such input): f64 in each layout of the first input, and f32.
  void check(const std::string& name, const std::vector<std::string>& inputs,
             FunctionRef<Tensor(const Inputs&)> function) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(cases_.contains(name));
    checked_.insert(name);
    const std::map<std::string, Tensor>& tensors = cases_.at(name);
    Inputs given;
    for (const std::string& input : inputs)
      given.push_back(tensors.contains(input) ? tensors.at(input) : Tensor());
    for (const auto& [layout, first] : layouts(given[0])) {
      SCOPED_TRACE(layout);
      Inputs other = given;
      other[0] = first;
      compare(tensors, inputs, other, function, Dtype::f64, tolerance_of(Dtype::f64));
    }
    SCOPED_TRACE("f32");
    for (Tensor& input : given)
      if (input.defined() && is_floating(input.dtype())) input = input.to(Dtype::f32);
    // Results that cancel lose up to two digits more than tolerance_of grants.
    compare(tensors, inputs, given, function, Dtype::f32, {1e-4, 2e-5});
  }

 private:
  static Dtype dtype_named(const std::string& name) {
    for (const Dtype dtype : {Dtype::f64, Dtype::i64, Dtype::boolean})
      if (name == to_string(dtype)) return dtype;
    throw std::runtime_error("dtype " + name);
  }

  static void compare(const std::map<std::string, Tensor>& tensors,
                      const std::vector<std::string>& names, Inputs inputs,
                      FunctionRef<Tensor(const Inputs&)> function, Dtype dtype,
                      Tolerance tolerance) {
    const auto want = [&](const std::string& name) {
      const Tensor& tensor = tensors.at(name);
      return is_floating(tensor.dtype()) ? tensor.to(dtype) : tensor;
    };
    Inputs leaves;
    std::vector<std::string> leaf_names;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!tensors.contains("d_" + names[i])) continue;
      inputs[i] = inputs[i].detach().set_requires_grad();
      leaves.push_back(inputs[i]);
      leaf_names.push_back(names[i]);
    }
    const Tensor y = function(inputs);
    EXPECT_TRUE(close(y, want("y"), tolerance)) << "y";
    if (leaves.empty()) return;
    const std::vector<Tensor> found = gradients(y, leaves, {.output_gradients = {want("dy")}});
    for (std::size_t i = 0; i < found.size(); ++i)
      EXPECT_TRUE(close(found[i], want("d_" + leaf_names[i]), tolerance))
          << "gradient of " << leaf_names[i];
  }

  std::map<std::string, std::map<std::string, Tensor>> cases_;
  std::set<std::string> checked_;
};

}  // namespace tenon
