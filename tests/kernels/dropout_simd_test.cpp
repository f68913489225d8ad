#include <gtest/gtest.h>

#include <cmath>

#include "../support/simd.h"
#include "tenon/core/random_internal.h"
#include "tenon/kernels/dropout.h"
#include "tenon/kernels/simd/dropout.h"

namespace tenon {
namespace {

TEST(DropoutSimd, MasksAreTheNumbersOfTheGenerator) {
  for_each_target([] {
    RandomCases random(9);
    for (int i = 0; i < 60; ++i) {
      const auto key = static_cast<std::uint64_t>(random.number(0, INT64_MAX)),
                 call = static_cast<std::uint64_t>(random.number(0, INT64_MAX));
      // Blocks on both sides of 2^32, where the counter's second word begins to count.
      const std::int64_t first =
          (i % 2 == 0 ? 0 : 4 * ((std::int64_t{1} << 32) - 9)) + random.number(0, 40);
      const double p = i == 0 ? 0 : i == 1 ? 1 : static_cast<double>(i) / 60;
      const std::int64_t count = random.number(1, 300);
      const Tensor mask = kernels::dropout_mask({count}, {1}, p, key, call, first);
      const auto threshold = static_cast<std::uint64_t>(std::llround(p * 0x1p32));
      const auto kept = mask.to_vector<double>();
      for (std::int64_t at = 0; at < count; ++at) {
        const RandomBlock block =
            philox(key, static_cast<std::uint64_t>((first + at) / 4), kDropoutCounter | call);
        ASSERT_EQ(kept[static_cast<std::size_t>(at)] != 0,
                  block.words[(first + at) % 4] >= threshold)
            << at << " of " << count << " from " << first;
      }
    }
  });
}

TEST(DropoutSimd, AppliesMasksOfAnyLength) {
  for_each_target([] {
    RandomCases random(10);
    for (std::int64_t count = 1; count <= 70; ++count) {
      PageEnd x(random.floats(count));
      std::vector<std::uint8_t> bytes(static_cast<std::size_t>(count));
      for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.number(0, 1));
      x.data()[0] = NAN;
      bytes[0] = 0;
      PageEnd kept(bytes);
      PageEnd y(std::vector<float>(static_cast<std::size_t>(count), -777.0f));
      kernels::simd::apply_mask(x.data(), kept.data(), 1.25f, y.data(), count);
      for (std::int64_t i = 0; i < count; ++i)
        ASSERT_EQ(y.data()[i], kept.data()[i] ? 1.25f * x.data()[i] : 0.0f);
    }
  });
}

TEST(DropoutSimd, WritesNothingBeyondItsBlocks) {
  for_each_target([] {
    for (std::int64_t blocks = 1; blocks <= 20; ++blocks) {
      PageEnd kept(std::vector<std::uint8_t>(static_cast<std::size_t>(4 * blocks), 9));
      kernels::simd::dropout_mask(1, 2, 3, std::uint64_t{1} << 31, blocks, kept.data());
      for (std::int64_t i = 0; i < 4 * blocks; ++i) ASSERT_LE(kept.data()[i], 1);
    }
  });
}

}  // namespace
}  // namespace tenon
