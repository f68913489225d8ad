#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tenon/core/tensor.h"
#include "tenon/train/classification_options.h"

namespace tenon::metrics {

// What batches say, one entry for each place (a sample or, for [N, C, ...], a place of one) in
// row-major order, without those that are ignored. `operation` names the metric in errors.

/// The scores of C classes.
struct ScoredPlaces {
  std::int64_t classes = 0;
  std::vector<double> scores;         ///< C a place
  std::vector<std::int64_t> targets;  ///< class indices

  std::size_t size() const { return targets.size(); }
  const double* scores_of(std::size_t place) const {
    return scores.data() + place * static_cast<std::size_t>(classes);
  }
};
/// outputs: [N, C, ...], floating; targets: class indices [N, ...], or anything of the outputs'
/// shape, whose greatest element counts. ShapeError, DtypeError, or DataError for an index that is
/// no class.
ScoredPlaces read_scores(const char* operation, const Tensor& outputs, const Tensor& targets,
                         std::int64_t ignore_index, Where where);

/// One score a place: that of class 1 of two.
struct BinaryPlaces {
  std::vector<double> scores;
  std::vector<std::int64_t> targets;  ///< 0 or 1
};
/// Whether outputs [N] or [N, 1, ...] hold one score for two classes.
bool is_binary(const Tensor& outputs);
/// outputs: is_binary, floating; targets: 0, 1 or a probability in [0, 1], class 1 above 1/2, of
/// the outputs' shape, or without axis 1.
BinaryPlaces read_binary(const char* operation, const Tensor& outputs, const Tensor& targets,
                         std::int64_t ignore_index, Where where);

/// The class of a place where a score is NaN.
inline constexpr std::int64_t kNoClass = -1;
/// The first greatest of the scores; kNoClass if one is NaN.
std::int64_t greatest(const double* scores, std::int64_t classes);

/// Predicted and true classes.
struct ClassPlaces {
  std::int64_t classes = 0;
  std::vector<std::int64_t> predicted;
  std::vector<std::int64_t> targets;
};
/// outputs: as above, or the class indices themselves, of the targets' shape. Class indices must be
/// below `classes` and scores be of that many; with 0 classes any are taken, and `classes` of the
/// result is 0 for class indices.
ClassPlaces read_classes(const char* operation, const Tensor& outputs, const Tensor& targets,
                         std::int64_t classes, const ClassificationOptions& options, Where where);

}  // namespace tenon::metrics
