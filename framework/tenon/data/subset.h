#pragma once

#include <cstdint>
#include <vector>

#include "tenon/core/random.h"
#include "tenon/data/dataset.h"

namespace tenon::data {

/// Some samples of another dataset, by their indices there; an index may occur more than once.
class Subset : public Dataset {
 public:
  /// Throws ShapeError for an index that is negative or not below dataset.size().
  Subset(const Dataset& dataset, std::vector<std::int64_t> indices, Where where = Where::current());

  const std::vector<std::int64_t>& indices() const;
};

/// Cuts a dataset at random into parts of the given sizes, which add up to dataset.size(); no
/// sample is in two parts. Throws ShapeError.
std::vector<Subset> random_split(const Dataset& dataset, const std::vector<std::int64_t>& sizes,
                                 Rng& rng, Where where = Where::current());

}  // namespace tenon::data
