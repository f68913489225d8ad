#include "tenon/kernels/onednn/version.h"

#include <fmt/format.h>
#include <oneapi/dnnl/dnnl.h>

namespace tenon::kernels::onednn {
namespace {

const char* runtime_name(unsigned runtime) {
  switch (runtime) {
    case DNNL_RUNTIME_SEQ: return "sequential";
    case DNNL_RUNTIME_OMP: return "OpenMP";
    case DNNL_RUNTIME_TBB: return "TBB";
    default: return "another runtime";
  }
}

}  // namespace

std::string version() {
  const dnnl_version_t* version = dnnl_version();
  return fmt::format("{}.{}.{}, {}", version->major, version->minor, version->patch,
                     runtime_name(version->cpu_runtime));
}

}  // namespace tenon::kernels::onednn
