#include "tenon/data/loader.h"

#include <fmt/format.h>

#include <algorithm>

#include "tenon/core/fault_internal.h"
#include "tenon/core/random.h"

namespace tenon::data {

Epoch::Epoch(const Dataset& dataset, const LoaderOptions& options, std::int64_t epoch,
             std::int64_t size, Where where)
    : dataset_(dataset), batch_size_(options.batch_size), size_(size), where_(where) {
  if (!options.shuffle) return;
  Rng rng = Rng(options.seed).fork(static_cast<std::uint64_t>(epoch));
  order_ = Tensor::randperm(dataset_.size(), rng, where).to_vector<std::int64_t>(where);
}

Batch Epoch::read(std::int64_t batch) const {
  const std::int64_t first = batch * batch_size_;
  const std::int64_t count = std::min(batch_size_, dataset_.size() - first);
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i)
    indices[static_cast<std::size_t>(i)] =
        order_.empty() ? first + i : order_[static_cast<std::size_t>(first + i)];
  return dataset_.read(indices, where_);
}

Epoch::Iterator Epoch::begin() const {
  Iterator iterator(this, 0);
  if (size_ > 0) iterator.batch_ = read(0);
  return iterator;
}

Epoch::Iterator Epoch::end() const { return {this, size_}; }

Epoch::Iterator& Epoch::Iterator::operator++() {
  batch_ = {};  // first, so that the next batch can have its memory
  if (++next_ < epoch_->size_) batch_ = epoch_->read(next_);
  return *this;
}

Loader::Loader(const Dataset& dataset, LoaderOptions options, Where where)
    : dataset_(dataset), options_(options) {
  if (options_.batch_size < 1)
    Fault("Loader", where)
        .raise<DataError>(
            fmt::format("batch_size is {} but must be at least 1", options_.batch_size));
}

std::int64_t Loader::size() const {
  const std::int64_t samples = dataset_.size(), whole = samples / options_.batch_size;
  return whole + (!options_.drop_last && samples % options_.batch_size != 0 ? 1 : 0);
}

Epoch Loader::epoch(std::int64_t epoch, Where where) const {
  if (epoch < 0)
    Fault("Loader::epoch", where)
        .raise<DataError>(fmt::format("epoch is {} but must not be negative", epoch));
  return {dataset_, options_, epoch, size(), where};
}

}  // namespace tenon::data
