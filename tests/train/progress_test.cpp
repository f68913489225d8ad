#include "tenon/train/progress.h"

#include <gtest/gtest.h>

#include "tenon/core/machine.h"
#include "tenon/core/parallel.h"

namespace tenon {
namespace {

TEST(Progress, OneLineAnEpochInAPipe) {
  testing::internal::CaptureStdout();
  ProgressLine line;
  for (int i = 0; i < 100; ++i) line.update("epoch 1, step " + std::to_string(i));
  line.finish("epoch 1, done");
  line.update("epoch 2, step 0");
  line.finish("epoch 2, done");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "epoch 1, done\nepoch 2, done\n");
}

TEST(Progress, Durations) {
  EXPECT_EQ(to_duration(0.4), "0 s");
  EXPECT_EQ(to_duration(59.6), "1 min 00 s");
  EXPECT_EQ(to_duration(130), "2 min 10 s");
  EXPECT_EQ(to_duration(3900), "1 h 05 min");
  EXPECT_EQ(to_duration(-1), "0 s");
}

TEST(Machine, NamesCpuInstructionSetThreadsAndOneDnn) {
  const std::string text = machine_description();
  for (const std::string part : {"CPU  ", "instruction set  ", "oneDNN  ", "TBB"})
    EXPECT_NE(text.find(part), std::string::npos) << text;
  EXPECT_NE(text.find("threads          " + std::to_string(num_threads())), std::string::npos)
      << text;
}

}  // namespace
}  // namespace tenon
