#include "tenon/core/plot.h"

#include <fmt/format.h>

#include <filesystem>

#include "tenon/core/atomic_file_internal.h"
#include "tenon/core/fault_internal.h"
#include "tenon/core/graphviz_internal.h"

namespace tenon {

std::string Plot::svg(Where where) const { return run_graphviz("Plot::svg", dot_, "svg", where); }

void Plot::save(const std::string& path, Where where) const {
  const std::string suffix = std::filesystem::path(path).extension().string();
  std::string bytes;
  if (suffix == ".dot" || suffix == ".gv")
    bytes = dot_;
  else if (suffix == ".svg" || suffix == ".png" || suffix == ".pdf")
    bytes = run_graphviz("Plot::save", dot_, suffix.substr(1), where);
  else
    Fault("Plot::save", where)
        .fix("Name it .dot or .gv (text), .svg, .png or .pdf.")
        .raise<DataError>(
            fmt::format("the name \"{}\" does not say what kind of file it is", path));
  const std::string reason = write_file_atomically(
      path, {reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
  if (!reason.empty())
    Fault("Plot::save", where).raise<DataError>(fmt::format("cannot write {}: {}", path, reason));
}

}  // namespace tenon
