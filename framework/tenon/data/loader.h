#pragma once

#include <cstdint>
#include <vector>

#include "tenon/data/dataset.h"
#include "tenon/data/epoch.h"
#include "tenon/data/transform.h"

namespace tenon::data {

struct LoaderOptions {
  std::int64_t batch_size = 1;
  bool shuffle = false;
  std::uint64_t seed = 0;  ///< of the order of the samples and of what the transforms draw
  bool drop_last = false;  ///< leave out the last batch when it is smaller than the others
  /// Applied to each image on its way into a batch, in this order. They need inputs f32
  /// [B, C, H, W] and give rows; targets stay as they are.
  std::vector<Transform> transforms = {};
  /// Batches kept ready ahead of the loop, in memory beside the one it holds; at least `workers`.
  /// 0 and no workers: each is read when the loop asks for it, by all threads of the computations.
  std::int64_t prefetch = 0;
  /// Threads of the Loader's own that read ahead, each whole batches by itself. 0: one if prefetch
  /// is above 0. The batches are the same whatever the number.
  std::int64_t workers = 0;
  /// One a sample, at least 0, not all 0: each sample of an epoch is drawn on its own, with
  /// probability weight / sum of the weights (to 2^-52), so one may come more than once. Not
  /// together with shuffle, which it replaces.
  std::vector<double> weights = {};
  std::int64_t samples = 0;  ///< with weights: how many an epoch draws; 0: as the dataset has
};

/// Cuts a dataset into batches:
///   data::Loader loader(dataset, {.batch_size = 64, .shuffle = true, .seed = 1});
///   for (const data::Batch& batch : loader.epoch(0)) ...
/// Every random draw is keyed: the order by (seed, epoch), what a transform draws by (seed, epoch,
/// index of the sample in the dataset, how often it came before in the epoch, place of the
/// transform). So batches do not depend on the batch size, on threads, nor on where an epoch began.
class Loader {
 public:
  using Options = LoaderOptions;

  /// Throws DataError for options that are out of range or do not fit the dataset.
  explicit Loader(const Dataset& dataset, LoaderOptions options = {},
                  Where where = Where::current());

  /// The batches of one epoch, numbered from 0. The order of the samples depends on the seed and
  /// the epoch alone, so a resumed run sees the same ones.
  Epoch epoch(std::int64_t epoch, Where where = Where::current()) const;
  /// The same from batch `first_batch` on, for a run that consumed those before it:
  ///   loader.epoch(3, {.first_batch = 10})
  /// Throws DataError unless it is in [0, size()].
  Epoch epoch(std::int64_t epoch, const EpochOptions& options,
              Where where = Where::current()) const;
  /// The number of batches an epoch.
  std::int64_t size() const;
  /// The number of samples in them.
  std::int64_t samples_per_epoch() const;
  const Dataset& dataset() const { return dataset_; }
  const LoaderOptions& options() const { return options_; }

 private:
  /// Samples drawn for an epoch, those that drop_last leaves out included.
  std::int64_t drawn_samples() const;

  Dataset dataset_;
  LoaderOptions options_;
  std::vector<double> cumulative_weights_;
};

}  // namespace tenon::data
