#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tenon/core/activation_kind.h"
#include "tenon/core/call_path_internal.h"
#include "tenon/core/fault_internal.h"
#include "tenon/ops/size2.h"

namespace tenon::nn {

/// What layers check in their constructors: each throws ShapeError "Conv2d: stride must be at least
/// 1 but is 0".
void check_at_least(std::string_view layer, std::string_view name, std::int64_t value,
                    std::int64_t least, Where where);
void check_at_least(std::string_view layer, std::string_view name, Size2 value, std::int64_t least,
                    Where where);
/// groups >= 1, and both channel counts divisible by it.
void check_groups(std::string_view layer, std::int64_t in_channels, std::int64_t out_channels,
                  std::int64_t groups, Where where);

/// "5 x 5", height and width.
std::string to_string(Size2 size);
/// "leaky_relu"
std::string_view to_string(Activation activation);

}  // namespace tenon::nn
