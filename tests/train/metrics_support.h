#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "tenon/core/print.h"
#include "tenon/core/tensor.h"
#include "tenon/ops/shape.h"
#include "tenon/train/metric.h"

namespace tenon {

/// Updates with consecutive samples, as many a batch as `cut` says.
inline void feed(metrics::Metric& metric, const Tensor& outputs, const Tensor& targets,
                 const std::vector<std::int64_t>& cut) {
  std::int64_t start = 0;
  for (const std::int64_t size : cut) {
    metric.update(slice(outputs, 0, {.start = start, .stop = start + size}),
                  slice(targets, 0, {.start = start, .stop = start + size}));
    start += size;
  }
}

/// Some ways to cut samples into batches: given, whole, one by one, with empty batches.
inline std::vector<std::vector<std::int64_t>> cuts(std::int64_t samples,
                                                   const std::vector<std::int64_t>& given) {
  return {given,
          {samples},
          std::vector<std::int64_t>(static_cast<std::size_t>(samples), 1),
          {0, samples / 3, 0, samples - samples / 3, 0}};
}

/// The same names, shapes, dtypes and bits.
inline void expect_same_state(const std::map<std::string, Tensor>& a,
                              const std::map<std::string, Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) {
    ASSERT_EQ(b.count(name), 1U) << name;
    const Tensor& other = b.at(name);
    ASSERT_EQ(tensor.shape(), other.shape()) << name;
    ASSERT_EQ(tensor.dtype(), other.dtype()) << name;
    if (tensor.dtype() == Dtype::f64) {
      const auto x = tensor.to_vector<double>(), y = other.to_vector<double>();
      for (std::size_t i = 0; i < x.size(); ++i)
        EXPECT_EQ(std::bit_cast<std::uint64_t>(x[i]), std::bit_cast<std::uint64_t>(y[i])) << name;
    } else {
      EXPECT_EQ(tensor.to_vector<std::int64_t>(), other.to_vector<std::int64_t>()) << name;
    }
  }
}

inline Tensor indices(const std::vector<std::int64_t>& values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())});
}
inline Tensor vector_of(const std::vector<double>& values, Dtype dtype = Dtype::f64) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())}, dtype);
}

}  // namespace tenon
