#pragma once

#include <span>
#include <string>

namespace tenon {

/// Replaces a file, or makes it, so that whoever opens it at any moment, also after a crash or a
/// power failure, finds the old bytes or the new ones, whole: writes a temporary file in the same
/// folder, flushes it to disk, renames it, flushes the folder. Removes temporary files that killed
/// processes left there for the same path. Returns nothing, or why it could not, "No space left on
/// device": then the old file is still there.
std::string write_file_atomically(const std::string& path, std::span<const unsigned char> bytes);
/// The same for a file that lies in memory in pieces.
std::string write_file_atomically(const std::string& path,
                                  std::span<const std::span<const unsigned char>> pieces);

/// Removes the temporary files that killed processes left in a folder for files whose names begin
/// so.
void remove_leftovers(const std::string& folder, const std::string& beginning);

}  // namespace tenon
