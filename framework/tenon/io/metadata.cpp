#include "tenon/io/metadata.h"

#include <fmt/format.h>

#include "tenon/core/fault_internal.h"

namespace tenon {

void MetadataValue::fail(const char* wanted, Where where) const {
  const std::string value = kind_ == Kind::text      ? "the text \"" + text_ + '"'
                            : kind_ == Kind::integer ? "the integer " + to_string(*this)
                                                     : "the number " + to_string(*this);
  Fault("MetadataValue", where).raise<Error>(fmt::format("this is {}, not {}", value, wanted));
}

const std::string& MetadataValue::text(Where where) const {
  if (kind_ != Kind::text) fail("a text", where);
  return text_;
}

std::int64_t MetadataValue::integer(Where where) const {
  if (kind_ != Kind::integer) fail("an integer", where);
  return integer_;
}

double MetadataValue::number(Where where) const {
  if (kind_ == Kind::text) fail("a number", where);
  return kind_ == Kind::integer ? static_cast<double>(integer_) : real_;
}

std::string to_string(const MetadataValue& value) {
  switch (value.kind_) {
    case MetadataValue::Kind::text: return value.text_;
    case MetadataValue::Kind::integer: return std::to_string(value.integer_);
    case MetadataValue::Kind::real: break;
  }
  return fmt::format("{}", value.real_);
}

}  // namespace tenon
