#pragma once

#include <cstddef>
#include <cstdint>

#include "tenon/data/dataset.h"

namespace tenon::data {

struct EpochPlan;
class Prefetcher;

struct EpochOptions {
  std::int64_t first_batch = 0;  ///< where to begin: those before are not read
};

/// One pass over a dataset, batch by batch. It keeps the dataset alive by itself.
class Epoch {
 public:
  /// Holds one batch; the next one replaces it. Batches that are read ahead belong to it too: its
  /// threads end with it.
  class Iterator {
   public:
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;

    Iterator(Iterator&& other) noexcept;
    Iterator& operator=(Iterator&& other) noexcept;
    ~Iterator();

    const Batch& operator*() const { return batch_; }
    const Batch* operator->() const { return &batch_; }
    /// Throws what reading the next batch throws, on whatever thread that was.
    Iterator& operator++();
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.next_ == b.next_; }

   private:
    friend class Epoch;
    Iterator(const EpochPlan* plan, std::int64_t next);
    void read();

    const EpochPlan* plan_;
    Prefetcher* prefetcher_ = nullptr;  // null: batches are read in the caller's thread
    std::int64_t next_;                 // the number of the batch held
    Batch batch_;
  };

  Epoch(const Epoch& other) noexcept;
  Epoch& operator=(const Epoch& other) noexcept;
  ~Epoch();

  /// Reads the first batch.
  Iterator begin() const;
  Iterator end() const;
  /// The number of batches, without those before the first_batch.
  std::int64_t size() const;

 private:
  friend class Loader;
  /// Takes over a plan made by `new`.
  explicit Epoch(const EpochPlan* plan);

  const EpochPlan* plan_;
};

}  // namespace tenon::data
