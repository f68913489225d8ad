#pragma once

#include <gtest/gtest.h>
#include <hwy/targets.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <vector>

#include "layouts.h"
#include "tenon/core/parallel.h"

namespace tenon {

/// Runs body(), or body(its name), with the kernels of each instruction set that the machine has,
/// in turn.
template <class Body>
void for_each_target(const Body& body) {
  const std::int64_t all = hwy::SupportedTargets();
  for (std::int64_t rest = all & (HWY_SSE4 | HWY_AVX2 | HWY_AVX3); rest != 0; rest &= rest - 1) {
    const std::int64_t target = rest & -rest;
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
    SCOPED_TRACE(hwy::TargetName(target));
    if constexpr (requires { body(""); })
      body(hwy::TargetName(target));
    else
      body();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().DeInit();
}

/// body() with 1, 2, 3 and 8 threads.
template <class Body>
void for_each_thread_count(const Body& body) {
  const int previous = num_threads();
  for (const int threads : {1, 2, 3, 8}) {
    set_num_threads(threads);
    SCOPED_TRACE(threads);
    body();
  }
  set_num_threads(previous);
}

/// Numbers whose last one ends at a page that may not be touched: a read or write beyond it ends
/// the test.
template <class T = float>
class PageEnd {
 public:
  explicit PageEnd(const std::vector<T>& values) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t used = (values.size() * sizeof(T) + page - 1) / page * page;
    bytes_ = used + page;
    memory_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED) throw std::runtime_error("mmap");
    ::mprotect(static_cast<char*>(memory_) + used, page, PROT_NONE);
    data_ = reinterpret_cast<T*>(static_cast<char*>(memory_) + used) - values.size();
    std::copy(values.begin(), values.end(), data_);
  }
  ~PageEnd() { ::munmap(memory_, bytes_); }
  PageEnd(const PageEnd&) = delete;
  PageEnd& operator=(const PageEnd&) = delete;
  T* data() { return data_; }

 private:
  void* memory_;
  std::size_t bytes_;
  T* data_;
};

/// Random shapes, layouts and values from a printed seed.
class RandomCases {
 public:
  explicit RandomCases(unsigned seed) : generator_(seed) {}

  std::int64_t number(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(generator_);
  }
  /// Rank low to high, sizes 1 to 40, at most 20,000 elements.
  Shape shape(std::int64_t low, std::int64_t high) {
    for (;;) {
      std::vector<std::int64_t> sizes;
      for (std::int64_t rank = number(low, high); rank > 0; --rank) sizes.push_back(number(1, 40));
      const Shape shape(sizes);
      if (shape.numel() <= 20000) return shape;
    }
  }
  Tensor values(const Shape& shape, double mean = 0, double stddev = 1) {
    std::normal_distribution<float> distribution(static_cast<float>(mean),
                                                 static_cast<float>(stddev));
    std::vector<double> x(static_cast<std::size_t>(shape.numel()));
    for (double& value : x) value = static_cast<double>(distribution(generator_));
    return Tensor::from(x, shape, Dtype::f32);
  }
  /// The same values in one of the layouts.
  Tensor in_some_layout(const Tensor& x) {
    const auto all = layouts(x);
    return all[static_cast<std::size_t>(number(0, static_cast<std::int64_t>(all.size()) - 1))]
        .second;
  }
  std::vector<float> floats(std::int64_t count) { return values({count}).to_vector<float>(); }

 private:
  std::mt19937 generator_;
};

inline Tensor as_f64(const Tensor& x) {
  return x.defined() ? Tensor::from(x.to_vector<double>(), x.shape(), Dtype::f64) : x;
}
inline Tensor as_f32(const Tensor& x) {
  return Tensor::from(x.to_vector<double>(), x.shape(), Dtype::f32);
}

}  // namespace tenon
