#include "tenon/data/subset.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tenon/core/fault_internal.h"

namespace tenon::data {
namespace {

class SubsetSource final : public DatasetSource {
 public:
  SubsetSource(const Dataset& dataset_in, std::vector<std::int64_t> indices_in)
      : dataset(dataset_in), indices(std::move(indices_in)) {}

  std::int64_t size() const override { return static_cast<std::int64_t>(indices.size()); }
  Batch read(const std::vector<std::int64_t>& positions) const override {
    std::vector<std::int64_t> there;
    there.reserve(positions.size());
    for (const std::int64_t position : positions)
      there.push_back(indices[static_cast<std::size_t>(position)]);
    return dataset.read(there);
  }

  const Dataset dataset;
  const std::vector<std::int64_t> indices;
};

const DatasetSource* make_source(const Dataset& dataset, std::vector<std::int64_t> indices,
                                 Where where) {
  for (const std::int64_t index : indices) {
    if (index < 0 || index >= dataset.size())
      Fault("Subset", where)
          .raise<ShapeError>(
              fmt::format("index {} is outside of a dataset of {} samples", index, dataset.size()));
  }
  return new SubsetSource(dataset, std::move(indices));
}

}  // namespace

Subset::Subset(const Dataset& dataset, std::vector<std::int64_t> indices, Where where)
    : Dataset(make_source(dataset, std::move(indices), where), where) {}

const std::vector<std::int64_t>& Subset::indices() const {
  const auto* source = dynamic_cast<const SubsetSource*>(&this->source());
  if (source == nullptr)
    Fault("Subset", Where::current())
        .raise<DataError>("this dataset was assigned one of another kind");
  return source->indices;
}

std::vector<Subset> random_split(const Dataset& dataset, const std::vector<std::int64_t>& sizes,
                                 Rng& rng, Where where) {
  std::int64_t rest = dataset.size();
  bool fits = true;
  for (const std::int64_t size : sizes) {
    fits = fits && size >= 0 && size <= rest;
    if (fits) rest -= size;
  }
  if (!fits || rest != 0)
    Fault("random_split", where)
        .raise<ShapeError>(fmt::format(
            "the sizes {} do not add up to the {} samples of the dataset", sizes, dataset.size()));

  const auto order = Tensor::randperm(dataset.size(), rng, where).to_vector<std::int64_t>(where);
  std::vector<Subset> parts;
  auto from = order.begin();
  for (const std::int64_t size : sizes) {
    parts.emplace_back(dataset, std::vector<std::int64_t>(from, from + size), where);
    from += size;
  }
  return parts;
}

}  // namespace tenon::data
