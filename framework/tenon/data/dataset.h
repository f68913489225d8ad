#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "tenon/core/tensor.h"
#include "tenon/core/where.h"

namespace tenon::data {

/// Some samples of a dataset, stacked along axis 0.
struct Batch {
  Tensor inputs;   ///< [B, ...]
  Tensor targets;  ///< [B, ...], or undefined for a dataset without targets

  /// B; 0 for undefined inputs.
  std::int64_t size() const;
};

/// What a dataset reads from: derive from it for a new kind of data. It is shared by all copies of
/// its Dataset and must not change; read() may be called by several threads at once.
class DatasetSource {
 public:
  DatasetSource() = default;
  DatasetSource(const DatasetSource&) = delete;
  DatasetSource& operator=(const DatasetSource&) = delete;
  virtual ~DatasetSource();

  /// The number of samples.
  virtual std::int64_t size() const = 0;
  /// The samples with these indices, in this order; each is at least 0 and less than size().
  virtual Batch read(const std::vector<std::int64_t>& indices) const = 0;

 private:
  friend class Dataset;
  mutable std::int32_t references_ = 0;
};

/// A handle by value to a shared, immutable source. Kinds of datasets derive from it without data
/// members, so copying one as a Dataset loses nothing.
class Dataset {
 public:
  /// Takes over a source made by `new`. Throws DataError for null.
  explicit Dataset(const DatasetSource* source, Where where = Where::current());
  /// A dataset of a new `Source(args...)`.
  template <class Source, class... Args>
  static Dataset make(Args&&... args) {
    return Dataset(new Source(std::forward<Args>(args)...));
  }
  // Copied also where it could be moved: a Dataset always has a source.
  Dataset(const Dataset& other) noexcept;
  Dataset& operator=(const Dataset& other) noexcept;
  ~Dataset();

  std::int64_t size() const { return source_->size(); }
  /// The samples with these indices, in this order. Throws ShapeError for an index that is negative
  /// or not below size(), and DataError when the source returns another number of samples.
  Batch read(const std::vector<std::int64_t>& indices, Where where = Where::current()) const;
  const DatasetSource& source() const { return *source_; }

 private:
  const DatasetSource* source_;
};

}  // namespace tenon::data
