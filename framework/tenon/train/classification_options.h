#pragma once

#include <cstdint>
#include <string>

namespace tenon::metrics {

/// For metrics of classes. They take as outputs
/// - scores [N, C] or [N, C, ...], floating: logits or probabilities; the first greatest is the
///   prediction;
/// - one score a sample, [N] or [N, 1, ...], floating: class 1 above the threshold, else class 0;
/// - predicted class indices of any shape [N, ...], of an integer dtype;
/// and as targets
/// - class indices, [N] or [N, ...], of an integer dtype;
/// - one-hot vectors or probabilities of the shape of the scores: the first greatest is the class,
///   and for one score a sample class 1 is what is above 1/2.
/// They throw ShapeError or DtypeError for others, and DataError for an index that is no class.
struct ClassificationOptions {
  double threshold = 0;              ///< 0 for logits, 0.5 for probabilities
  std::int64_t ignore_index = -100;  ///< targets of this class index count nothing
  std::string name = {};             ///< what logs call the metric; the default is its own
};

}  // namespace tenon::metrics
