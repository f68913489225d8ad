#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "tenon/core/fault_internal.h"
#include "tenon/data/image_folder_internal.h"

namespace tenon::data {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& what, Where where) {
  Fault("ImageFolder", where)
      .fix(
          "Give the folder that holds one folder of images a class, such as data/cat and data/dog "
          "in data.")
      .raise<DataError>(what);
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

bool is_image(const fs::path& path) {
  std::string ending = path.extension().string();
  for (char& c : ending)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return ending == ".png" || ending == ".jpg" || ending == ".jpeg";
}

std::vector<std::string> class_names(const fs::path& folder, Where where) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code broken_link;
    if (entry->is_directory(broken_link) && !is_hidden(entry->path()))
      names.push_back(entry->path().filename().string());
  }
  if (error) fail(fmt::format("{} cannot be read: {}", folder.string(), error.message()), where);
  std::sort(names.begin(), names.end());
  return names;
}

/// Folder and name of each image below `folder`, sorted.
std::vector<std::pair<std::string, std::string>> images_below(const fs::path& folder, Where where) {
  std::error_code error;
  std::vector<std::pair<std::string, std::string>> images;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code broken_link;  // the link is an image that cannot be read, as reading will say
    const bool is_folder = entry->is_directory(broken_link);
    if (is_hidden(entry->path())) {
      if (is_folder) entry.disable_recursion_pending();
    } else if (!is_folder && is_image(entry->path())) {
      images.emplace_back(entry->path().parent_path().string(), entry->path().filename().string());
    }
  }
  if (error) fail(fmt::format("{} cannot be read: {}", folder.string(), error.message()), where);
  std::sort(images.begin(), images.end());
  return images;
}

}  // namespace

ImageFolderFiles list_image_folder(const std::string& folder, Where where) {
  std::error_code ignored;
  const fs::file_status status = fs::status(folder, ignored);
  if (!fs::exists(status)) fail(fmt::format("there is no folder \"{}\"", folder), where);
  if (!fs::is_directory(status)) fail(fmt::format("{} is not a folder", folder), where);

  ImageFolderFiles files;
  files.classes = class_names(folder, where);
  if (files.classes.empty())
    fail(fmt::format("{} has no folders, expected one a class", folder), where);
  for (std::size_t target = 0; target < files.classes.size(); ++target) {
    const fs::path class_folder = fs::path(folder) / files.classes[target];
    const auto images = images_below(class_folder, where);
    if (images.empty())
      fail(fmt::format("the class folder {} has no files that end in .png, .jpg or .jpeg",
                       class_folder.string()),
           where);
    for (const auto& [parent, name] : images) {
      files.paths.push_back((fs::path(parent) / name).string());
      files.targets.push_back(static_cast<std::int64_t>(target));
    }
  }
  return files;
}

}  // namespace tenon::data
