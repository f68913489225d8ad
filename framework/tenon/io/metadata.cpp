#include "tenon/io/metadata.h"

#include <fmt/format.h>

#include "tenon/core/fault_internal.h"

namespace tenon {

void MetadataValue::fail(const char* wanted, Where where) const {
  const std::string value = kind_ == Kind::text      ? fmt::format("the text \"{}\"", text_)
                            : kind_ == Kind::integer ? fmt::format("the integer {}", integer_)
                                                     : fmt::format("the number {}", real_);
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

}  // namespace tenon
