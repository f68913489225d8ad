#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "benchmarks/tenon_bench/measure.h"

namespace tenon::benchmarks {

struct Conv2dCommand {
  std::int64_t batch = 128, in_channels = 64, out_channels = 64, groups = 1;
  Size2 size = 32, kernel = 3, stride = 1, dilation = 1;
  Padding2 padding = 0;
  std::vector<std::string> directions;  ///< "forward", "backward-data", "backward-weights"
};
Report bench_conv2d(const Conv2dCommand& command, const Common& common);

struct Pool2dCommand {
  bool maximum = false;
  std::int64_t batch = 128, channels = 64;
  Size2 size = 32, kernel = 2, stride = {0, 0}, padding = 0;
  std::vector<std::string> directions;  ///< "forward", "backward"
};
Report bench_pool2d(const Pool2dCommand& command, const Common& common);

}  // namespace tenon::benchmarks
