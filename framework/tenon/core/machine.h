#pragma once

#include <string>

namespace tenon {

/// What the library runs on, one line an item: the CPU, the instruction set its kernels use, the
/// threads, the oneDNN version and its threading runtime.
std::string machine_description();

}  // namespace tenon
