#pragma once

#include <cstdint>
#include <string>

#include "tenon/data/image_dataset.h"

namespace tenon::data {

enum class Split : std::uint8_t { train, test };

/// MNIST (LeCun et al. 1998), or a dataset of the same format such as Fashion-MNIST: reads
/// {train,t10k}-images-idx3-ubyte and {train,t10k}-labels-idx1-ubyte, plain or with .gz, from a
/// folder. Images are u8 [N, 1, H, W], labels 0 to 9. Throws DataError for a missing or broken
/// file.
ImageDataset load_mnist(const std::string& folder, Split split, Where where = Where::current());

}  // namespace tenon::data
