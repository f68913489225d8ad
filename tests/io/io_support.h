#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iostream>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "support/temporary_folder.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/core/tensor.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/nn/module.h"

namespace tenon {

/// One tensor of each dtype and of many shapes, whose values depend on a seed.
class Zoo : public nn::Module {
  class Inner : public nn::Module {
   public:
    explicit Inner(std::uint64_t seed) {
      Rng rng(seed + 1);
      register_parameter("weight", Tensor::normal({3, 2}, rng));
    }
  };

 public:
  explicit Zoo(std::uint64_t seed) {
    child<Inner>("inner", seed);
    Rng rng(seed);
    register_parameter("weight", Tensor::normal({4, 3, 2}, rng));
    register_parameter("double", Tensor::normal({5}, rng, {.dtype = Dtype::f64}));
    register_parameter("scalar", Tensor::normal({}, rng));
    register_parameter("empty", Tensor::zeros({2, 0, 3}));
    register_buffer("count", Tensor::randint(-1000, 1000, {}, rng));
    register_buffer("bytes", Tensor::randint(0, 256, {7}, rng).to(Dtype::u8));
    register_buffer("mask", Tensor::randint(0, 2, {3, 3}, rng).to(Dtype::boolean));
    register_buffer("small", Tensor::randint(-9, 9, {2, 2}, rng).to(Dtype::i32));
    const float nan = std::numeric_limits<float>::quiet_NaN(),
                infinity = std::numeric_limits<float>::infinity();
    register_buffer(
        "special",
        Tensor::from({nan, infinity, -infinity, -0.0f, 1e-45f, static_cast<float>(seed)}, {6}));
  }
};

/// The elements, as they lie row-major in memory: NaNs and the sign of zeros count.
inline std::string bits_of(const Tensor& x) {
  const Tensor rows = x.detach().contiguous();
  return visit_dtype(rows.dtype(), [&](auto zero) {
    const auto* values = reinterpret_cast<const char*>(elements<decltype(zero)>(rows));
    return std::string(values, static_cast<std::size_t>(rows.numel()) * size_bytes(rows.dtype()));
  });
}
inline std::map<std::string, std::string> bits_of(const nn::Module& model) {
  std::map<std::string, std::string> bits;
  for (const ParameterList& list : {model.parameters(), model.buffers()})
    for (const auto& [name, tensor] : list) bits[name] = bits_of(tensor);
  return bits;
}
inline std::map<std::string, std::string> bits_of(const std::map<std::string, Tensor>& tensors) {
  std::map<std::string, std::string> bits;
  for (const auto& [name, tensor] : tensors) bits[name] = bits_of(tensor);
  return bits;
}

inline std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  return names;
}

/// Runs body in a process of its own, which may change its rights and limits; true if it returned
/// true.
template <class Body>
bool in_child(Body body) {
  std::cout.flush();
  const pid_t child = ::fork();
  if (child == 0) {
    bool ok = false;
    try {
      ok = body();
    } catch (const std::exception& error) {
      std::cerr << "in the child: " << error.what() << std::endl;
    }
    ::_exit(ok ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace tenon
