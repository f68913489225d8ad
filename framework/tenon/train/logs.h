#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tenon/core/where.h"

namespace tenon {

/// A figure of an epoch or an evaluation.
struct NamedValue {
  std::string name;
  double value;
};

/// Figures by name, in the order in which they were set: "loss", "accuracy", "validation_loss".
class Logs {
 public:
  void set(std::string name, double value);
  bool contains(std::string_view name) const;
  /// Throws an Error that lists the names there are.
  double at(std::string_view name, Where where = Where::current()) const;

  const NamedValue* begin() const { return values_.data(); }
  const NamedValue* end() const { return values_.data() + values_.size(); }
  std::size_t size() const { return values_.size(); }

 private:
  std::vector<NamedValue> values_;
};

}  // namespace tenon
