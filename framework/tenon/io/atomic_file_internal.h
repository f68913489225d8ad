#pragma once

#include <span>
#include <string>

#include "tenon/core/where.h"

namespace tenon {

/// Replaces a file, or makes it, so that whoever opens it at any moment, also after a crash or a
/// power failure, finds the old bytes or the new ones, whole: writes a temporary file in the same
/// folder, flushes it to disk, renames it, flushes the folder. Removes temporary files that killed
/// processes left there for the same path. Throws CheckpointError ("<operation>: cannot write
/// <path>: ...") and leaves the old file.
void write_file_atomically(const char* operation, const std::string& path,
                           std::span<const unsigned char> bytes, Where where);

}  // namespace tenon
