#include "tenon/core/machine.h"

#include <fmt/format.h>

#include <fstream>
#include <string>

#include "tenon/core/parallel.h"
#include "tenon/kernels/onednn/version.h"
#include "tenon/kernels/simd/target.h"

namespace tenon {
namespace {

/// The value of the first "key : value" line of the system's description of its processors.
std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos)
      return line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace

std::string machine_description() {
  return fmt::format(
      "CPU              {}\ninstruction set  {}\nthreads          {}\noneDNN           {}\n",
      cpu_model(), kernels::simd::target_name(), num_threads(), kernels::onednn::version());
}

}  // namespace tenon
