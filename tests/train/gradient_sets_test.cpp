#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "support/simd.h"
#include "tenon/core/parallel.h"
#include "tenon/core/random.h"
#include "tenon/kernels/simd/add_lines.h"
#include "tenon/train/gradient_sets_internal.h"
#include "train/sharded.h"

namespace tenon {
namespace {

TEST(AddLines, HasTheBitsOfAddingOneAfterTheOther) {
  for_each_target([] {
    Rng rng(1);
    for (const std::int64_t count : {0, 1, 3, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 1000})
      for (const std::int64_t lines : {0, 1, 2, 7, 15, 20}) {
        std::vector<std::vector<float>> values;
        std::vector<const float*> pointers;
        for (std::int64_t k = 0; k < lines; ++k)
          values.push_back(Tensor::normal({count}, rng).to_vector<float>());
        for (const auto& line : values) pointers.push_back(line.data());
        std::vector<float> total = Tensor::normal({count}, rng).to_vector<float>(), want = total;
        for (const auto& line : values)
          for (std::size_t i = 0; i < want.size(); ++i) want[i] += line[i];
        total.push_back(-77);  // written by nobody
        want.push_back(-77);
        kernels::simd::add_lines(total.data(), pointers.data(), lines, count);
        ASSERT_EQ(total, want) << lines << " lines of " << count;
      }
  });
}

class GradientSets : public Shards {};

// Blocks cross parameters' borders, some sets lack a parameter, and one parameter none has.
TEST_F(GradientSets, AreSummedInTheirOrder) {
  Rng rng(2);
  const std::vector<std::int64_t> sizes{50000, 3, 0, 70001, 17, 33333};
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    for (const int threads : {1, 4}) {
      set_num_threads(threads);
      std::vector<GradientSet> sets(16, GradientSet(sizes.size()));
      std::vector<std::vector<double>> want(sizes.size());
      for (std::size_t s = 0; s < sets.size(); ++s)
        for (std::size_t p = 0; p < sizes.size(); ++p) {
          if (p == 4 || (p == 1 && s % 3 == 0)) continue;
          sets[s][p] = Tensor::normal({sizes[p]}, rng, {.dtype = dtype});
          const std::vector<double> values = sets[s][p].to_vector<double>();
          if (want[p].empty()) {
            want[p] = values;
            continue;
          }
          for (std::size_t i = 0; i < values.size(); ++i) {
            want[p][i] += values[i];
            if (dtype == Dtype::f32) want[p][i] = static_cast<float>(want[p][i]);
          }
        }
      const GradientSet sums = sum_of_sets(std::move(sets));
      ASSERT_EQ(sums.size(), sizes.size());
      for (std::size_t p = 0; p < sizes.size(); ++p) {
        ASSERT_EQ(sums[p].defined(), p != 4);
        if (p != 4) {
          EXPECT_EQ(sums[p].to_vector<double>(), want[p]) << p;
        }
      }
    }
}

}  // namespace
}  // namespace tenon
