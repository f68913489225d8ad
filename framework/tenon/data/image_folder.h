#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tenon/data/dataset.h"
#include "tenon/ops/size2.h"

namespace tenon::data {

struct ImageFolderOptions {
  Size2 size = 0;             ///< height and width in a batch; 0: all files have the same
  std::int64_t channels = 3;  ///< 3: RGB, 1: grey, 0: as in the first file, and so in all
};

/// Images in files, one folder a class (torchvision's ImageFolder):
///   animals/cat/01.png  animals/cat/more/02.jpg  animals/dog/1.jpeg
/// The classes are the folder's folders, sorted by name, numbered from 0; the samples are class by
/// class their files that end in .png, .jpg or .jpeg (in any case), also in folders below, sorted
/// by folder and then by name, byte by byte. Other files, and names that begin with a dot, are left
/// out. A batch has
///   inputs   pixels / 255 in [0, 1], f32 [B, C, H, W]
///   targets  the numbers of the classes, i64 [B]
/// Files are read by read_image when a batch needs them, several at once. With a `size`, those of
/// another one are stretched by resize_image.
class ImageFolder : public Dataset {
 public:
  /// Lists the files and reads the first. Throws ShapeError for impossible options, and DataError
  /// for a folder that is missing, without folders, or with one without images. Reading throws
  /// DataError for a file that cannot be read, or of another size or number of channels than the
  /// first.
  explicit ImageFolder(const std::string& folder, ImageFolderOptions options = {},
                       Where where = Where::current());

  const std::vector<std::string>& classes() const;  ///< the names; a target is an index into it
  const std::vector<std::string>& paths() const;    ///< of the samples
  Shape image_shape() const;                        ///< [C, H, W]
};

}  // namespace tenon::data
