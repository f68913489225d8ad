#include "tenon/core/kernel_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tenon/core/kernel_report_internal.h"

namespace tenon {
namespace {

class KernelReport : public testing::Test {
 protected:
  void SetUp() override { reset_kernel_report(); }
  void TearDown() override {
    set_kernel_timing(false);
    reset_kernel_report();
  }
};

TEST_F(KernelReport, CountsCallsAndReordersByOperationKernelAndImplementation) {
  for (int i = 0; i < 3; ++i) KernelScope("conv2d", "onednn", "jit").count_reorder();
  { const KernelScope scope("conv2d", "onednn", "brgconv"); }
  { const KernelScope scope("add", "simd"); }
  const std::vector<KernelUse> report = kernel_report();
  ASSERT_EQ(report.size(), 3U);  // sorted
  EXPECT_EQ(report[0].operation, "add");
  EXPECT_EQ(report[0].implementation, "");
  EXPECT_EQ(report[1].implementation, "brgconv");
  EXPECT_EQ(report[1].calls, 1);
  EXPECT_EQ(report[1].reorders, 0);
  EXPECT_EQ(report[2].implementation, "jit");
  EXPECT_EQ(report[2].calls, 3);
  EXPECT_EQ(report[2].reorders, 3);
  reset_kernel_report();
  EXPECT_TRUE(kernel_report().empty());
}

TEST_F(KernelReport, MergesEqualTextsOfDifferentAddresses) {
  static const char first[] = "matmul", second[] = "matmul";
  { const KernelScope scope(first, "reference"); }
  { const KernelScope scope(second, "reference"); }
  ASSERT_EQ(kernel_report().size(), 1U);
  EXPECT_EQ(kernel_report()[0].calls, 2);
}

TEST_F(KernelReport, TimesCallsOnlyWhenAsked) {
  const auto work = [] {
    const KernelScope scope("sleep", "reference");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  };
  work();
  EXPECT_EQ(kernel_report()[0].seconds, 0);
  set_kernel_timing(true);
  work();
  EXPECT_GE(kernel_report()[0].seconds, 0.002);
  EXPECT_LT(kernel_report()[0].seconds, 1);
}

TEST_F(KernelReport, AddsUpThreadsAlsoThoseThatEnded) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([] {
      for (int i = 0; i < 1000; ++i) const KernelScope scope("add", "simd");
    });
  for (int i = 0; i < 100; ++i) kernel_report();  // while they run
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(kernel_report().size(), 1U);
  EXPECT_EQ(kernel_report()[0].calls, 4000);
}

TEST_F(KernelReport, IsATable) {
  { const KernelScope scope("conv2d_input_gradient", "onednn", "jit:avx2"); }
  const std::string text = to_string(kernel_report());
  EXPECT_THAT(text, testing::HasSubstr("operation              kernel  implementation"));
  EXPECT_THAT(text, testing::HasSubstr("conv2d_input_gradient  onednn  jit:avx2"));
}

}  // namespace
}  // namespace tenon
