#include "tenon/data/dataset.h"

#include <fmt/format.h>

#include <atomic>

#include "tenon/core/fault_internal.h"

namespace tenon::data {

std::int64_t Batch::size() const {
  return inputs.defined() && inputs.rank() > 0 ? inputs.shape()[0] : 0;
}

DatasetSource::~DatasetSource() = default;

Dataset::Dataset(const DatasetSource* source, Where where) : source_(source) {
  if (source_ == nullptr) Fault("Dataset", where).raise<DataError>("the source is null");
  std::atomic_ref(source_->references_).fetch_add(1, std::memory_order_relaxed);
}

Dataset::Dataset(const Dataset& other) noexcept : source_(other.source_) {
  std::atomic_ref(source_->references_).fetch_add(1, std::memory_order_relaxed);
}

Dataset& Dataset::operator=(const Dataset& other) noexcept {
  Dataset copy(other);
  std::swap(source_, copy.source_);
  return *this;
}

Dataset::~Dataset() {
  if (std::atomic_ref(source_->references_).fetch_sub(1, std::memory_order_acq_rel) == 1)
    delete source_;
}

Batch Dataset::read(const std::vector<std::int64_t>& indices, Where where) const {
  const std::int64_t count = size();
  for (const std::int64_t index : indices) {
    if (index < 0 || index >= count)
      Fault("Dataset::read", where)
          .raise<ShapeError>(
              fmt::format("index {} is outside of a dataset of {} samples", index, count));
  }

  Batch batch = source_->read(indices);
  const auto wanted = static_cast<std::int64_t>(indices.size());
  if (batch.size() != wanted)
    Fault("Dataset::read", where)
        .operand("inputs", batch.inputs, "samples, ...")
        .raise<DataError>(
            fmt::format("the source returned {} samples for {} indices", batch.size(), wanted));
  const Tensor& targets = batch.targets;
  if (targets.defined() && (targets.rank() == 0 || targets.shape()[0] != wanted))
    Fault("Dataset::read", where)
        .operand("targets", targets, "samples, ...")
        .raise<DataError>(fmt::format("the source returned {} targets for {} indices",
                                      targets.rank() == 0 ? 0 : targets.shape()[0], wanted));
  return batch;
}

}  // namespace tenon::data
