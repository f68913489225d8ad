#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tenon/data/dataset.h"

namespace tenon::data {

struct LoaderOptions {
  std::int64_t batch_size = 1;
  bool shuffle = false;
  std::uint64_t seed = 0;  ///< of the order in which shuffled samples come
  bool drop_last = false;  ///< leave out the last batch when it is smaller than the others
};

/// One pass over a dataset, batch by batch. It keeps the dataset alive by itself.
class Epoch {
 public:
  /// Holds one batch; the next one replaces it.
  class Iterator {
   public:
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;

    const Batch& operator*() const { return batch_; }
    const Batch* operator->() const { return &batch_; }
    Iterator& operator++();
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.next_ == b.next_; }

   private:
    friend class Epoch;
    Iterator(const Epoch* epoch, std::int64_t next) : epoch_(epoch), next_(next) {}

    const Epoch* epoch_;
    std::int64_t next_;  // the number of the batch held
    Batch batch_;
  };

  /// Reads the first batch.
  Iterator begin() const;
  Iterator end() const;
  /// The number of batches.
  std::int64_t size() const { return size_; }

 private:
  friend class Loader;
  Epoch(const Dataset& dataset, const LoaderOptions& options, std::int64_t epoch, std::int64_t size,
        Where where);
  Batch read(std::int64_t batch) const;

  Dataset dataset_;
  std::vector<std::int64_t> order_;  // of the samples; empty: as they lie
  std::int64_t batch_size_;
  std::int64_t size_;
  Where where_;
};

/// Cuts a dataset into batches:
///   data::Loader loader(dataset, {.batch_size = 64, .shuffle = true, .seed = 1});
///   for (const data::Batch& batch : loader.epoch(0)) ...
class Loader {
 public:
  using Options = LoaderOptions;

  /// Throws DataError for a batch_size below 1.
  explicit Loader(const Dataset& dataset, LoaderOptions options = {},
                  Where where = Where::current());

  /// The batches of one epoch, numbered from 0. The order of shuffled samples depends on the seed
  /// and the epoch alone, so a resumed run sees the same ones.
  Epoch epoch(std::int64_t epoch, Where where = Where::current()) const;
  /// The number of batches an epoch.
  std::int64_t size() const;
  const Dataset& dataset() const { return dataset_; }
  const LoaderOptions& options() const { return options_; }

 private:
  Dataset dataset_;
  LoaderOptions options_;
};

}  // namespace tenon::data
