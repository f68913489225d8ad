#pragma once

#include <cstdint>

#include "tenon/data/dataset.h"

namespace tenon::data {

struct ImageDatasetOptions {
  std::int64_t num_classes = 0;  ///< 0: the greatest label plus 1
};

/// Images with class labels. It keeps the pixels as bytes; a batch has
///   inputs   pixels / 255 in [0, 1], f32 [B, C, H, W]
///   targets  labels, i64 [B]
class ImageDataset : public Dataset {
 public:
  /// images: u8 [N, C, H, W]; labels: i64 [N], each in [0, num_classes). Shares their storage
  /// (rows) or copies. Throws ShapeError, DtypeError, or DataError for a label outside its range.
  ImageDataset(const Tensor& images, const Tensor& labels, ImageDatasetOptions options = {},
               Where where = Where::current());

  Tensor images() const;  ///< u8 [N, C, H, W]
  Tensor labels() const;  ///< i64 [N]
  std::int64_t num_classes() const;
};

}  // namespace tenon::data
