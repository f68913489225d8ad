#include "tenon/data/epoch.h"

#include <algorithm>
#include <utility>

#include "tenon/data/epoch_internal.h"
#include "tenon/data/prefetch_internal.h"

namespace tenon::data {

Batch EpochPlan::read(std::int64_t number) const {
  const std::int64_t first = number * batch_size;
  const std::int64_t count = std::min(batch_size, samples - first);
  std::vector<std::int64_t> indices;
  indices.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) indices.push_back(order.at(first + i).index);
  Batch batch = dataset.read(indices, where);
  if (transforms.empty()) return batch;

  std::vector<SampleKey> keys;
  keys.reserve(indices.size());
  for (std::int64_t i = 0; i < count; ++i) keys.push_back(order.at(first + i));
  batch.inputs = transform_batch(transforms, batch.inputs, keys, stream, where);
  return batch;
}

Epoch::Epoch(const EpochPlan* plan) : plan_(plan) { plan_->retain(); }
Epoch::Epoch(const Epoch& other) noexcept : plan_(other.plan_) { plan_->retain(); }
Epoch& Epoch::operator=(const Epoch& other) noexcept {
  Epoch copy(other);
  std::swap(plan_, copy.plan_);
  return *this;
}
Epoch::~Epoch() { plan_->release(); }

Epoch::Iterator Epoch::begin() const {
  Iterator iterator(plan_, plan_->first_batch);
  if (size() == 0) return iterator;
  if (plan_->threads > 0) iterator.prefetcher_ = new Prefetcher(Handle<const EpochPlan>(plan_));
  iterator.read();
  return iterator;
}

Epoch::Iterator Epoch::end() const { return {plan_, plan_->end_batch}; }

std::int64_t Epoch::size() const { return plan_->end_batch - plan_->first_batch; }

Epoch::Iterator::Iterator(const EpochPlan* plan, std::int64_t next) : plan_(plan), next_(next) {
  plan_->retain();
}

Epoch::Iterator::Iterator(Iterator&& other) noexcept
    : plan_(other.plan_),
      prefetcher_(std::exchange(other.prefetcher_, nullptr)),
      next_(other.next_),
      batch_(std::move(other.batch_)) {
  plan_->retain();
}

Epoch::Iterator& Epoch::Iterator::operator=(Iterator&& other) noexcept {
  std::swap(plan_, other.plan_);
  std::swap(prefetcher_, other.prefetcher_);
  std::swap(next_, other.next_);
  std::swap(batch_, other.batch_);
  return *this;
}

Epoch::Iterator::~Iterator() {
  delete prefetcher_;
  plan_->release();
}

Epoch::Iterator& Epoch::Iterator::operator++() {
  if (++next_ < plan_->end_batch)
    read();
  else
    batch_ = {};
  return *this;
}

void Epoch::Iterator::read() {
  // The last one first, so that the next can have its memory.
  Batch used = std::exchange(batch_, {});
  if (prefetcher_) {
    batch_ = prefetcher_->next(std::move(used));
  } else {
    used = {};
    batch_ = plan_->read(next_);
  }
}

}  // namespace tenon::data
