#pragma once

#include <string>

namespace tenon::cli {

/// The folder of a dataset: `given`, or, if that is empty, MNIST in the clone that the program was
/// built in. Throws CLI::ValidationError where that is not there, as for an installed program.
std::string data_folder(const std::string& given);

}  // namespace tenon::cli
