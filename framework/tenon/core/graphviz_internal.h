#pragma once

#include <string>

#include "tenon/core/where.h"

namespace tenon {

/// Draws DOT text: the bytes that `dot -T<format>` makes of it. Throws an Error that names
/// `operation` when there is no such program on the PATH, or with its message when it fails.
std::string run_graphviz(const char* operation, const std::string& dot, const std::string& format,
                         Where where);

}  // namespace tenon
