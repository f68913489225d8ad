#include <fmt/format.h>

#include <cmath>

#include "tenon/core/fault_internal.h"
#include "tenon/data/transform_options_internal.h"

namespace tenon::data {

void OptionCheck::fail(const std::string& what) const {
  Fault(transform, where).raise<DataError>(what);
}

void OptionCheck::finite(const char* name, double value) const {
  if (!std::isfinite(static_cast<float>(value)))
    fail(fmt::format("{} is {} but must be a finite f32", name, value));
}

void OptionCheck::between(const char* name, double value, double low, double high) const {
  if (!(value >= low && value <= high))
    fail(fmt::format("{} is {} but must be in [{}, {}]", name, value, low, high));
}

}  // namespace tenon::data
