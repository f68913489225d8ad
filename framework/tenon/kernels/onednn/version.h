#pragma once

#include <string>

namespace tenon::kernels::onednn {

/// The version that runs and how it was built: "3.2.0, TBB".
std::string version();

}  // namespace tenon::kernels::onednn
