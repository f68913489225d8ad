#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tenon/core/where.h"

namespace tenon::data {

/// The files of an ImageFolder: as many `targets`, which index `classes`, as `paths`.
struct ImageFolderFiles {
  std::vector<std::string> classes;
  std::vector<std::string> paths;
  std::vector<std::int64_t> targets;
};
ImageFolderFiles list_image_folder(const std::string& folder, Where where);

}  // namespace tenon::data
