#pragma once

#include <tenon/tenon.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "benchmarks/support/layout.h"

namespace tenon::benchmarks {

/// What all subcommands take.
struct Common {
  std::vector<Layout> layouts;
  int threads = 1;
  double seconds = 0.3;  ///< to spend on each measurement
  bool json = false;
};

struct Measurement {
  std::string layout;
  std::string direction;
  double seconds = 0;
  double amount = 0;    ///< floating-point operations or bytes
  std::string kernels;  ///< kernel, implementation and reorders
};

struct Report {
  std::string operation;
  nlohmann::ordered_json shapes;  ///< names to numbers or lists of them
  std::string rate;               ///< what amount / second / 1e9 is: "GFLOP/s" or "GB/s"
  double peak = 0;                ///< of the rate, with all threads; 0: not measured
  std::vector<Measurement> measurements;
};

/// Runs `body` once to warm up, then for about the given time; the median time of a run, and the
/// kernels of one run.
Measurement measure(const std::function<void()>& body, double seconds);

/// Throws an Error when about `bytes` more do not fit into the machine's free memory.
void check_memory(double bytes);

void print(const Report& report, const Common& common);

}  // namespace tenon::benchmarks
