#include <tenon/autograd/grad_mode.h>
#include <tenon/data/loader.h>
#include <tenon/ops/ops.h>
#include <tenon/train/confusion_matrix.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "tools/tenon/report/sections.h"
#include "tools/tenon/report/sprite.h"

namespace tenon::cli::report {
namespace {

constexpr std::int64_t kAtOnce = 500;  // samples
constexpr std::size_t kFirst = 40, kMistakes = 36;

struct Prediction {
  std::int64_t index;
  std::int64_t predicted;
  std::int64_t truth;
  double confidence;  ///< the probability of the predicted class; 0 where it is NaN

  bool is_right() const { return predicted == truth; }
};

/// Adds the predictions of a batch.
void predict(const Tensor& logits, const Tensor& targets, std::vector<Prediction>& predictions) {
  const Tensor shares = softmax(logits, 1);
  const auto predicted = argmax(logits, 1).to_vector<std::int64_t>();
  const auto truth = targets.to_vector<std::int64_t>();
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const auto share = shares[static_cast<std::int64_t>(i)][predicted[i]].item<double>();
    predictions.push_back({.index = static_cast<std::int64_t>(predictions.size()),
                           .predicted = predicted[i],
                           .truth = truth[i],
                           .confidence = std::isfinite(share) ? share : 0});
  }
}

Json pictures_of(const std::vector<Prediction>& predictions, const data::ImageDataset& images) {
  if (predictions.empty()) return nullptr;
  std::vector<std::int64_t> indices;
  Json items = Json::array();
  for (const Prediction& p : predictions) {
    indices.push_back(p.index);
    items.push_back({{"index", p.index},
                     {"predicted", p.predicted},
                     {"truth", p.truth},
                     {"confidence", p.confidence}});
  }
  return {{"sprite", sprite_of(images.read(indices).inputs)}, {"items", items}};
}

}  // namespace

Json test_set_of(nn::Module& model, const data::ImageDataset& images) {
  const NoGradGuard no_grad;
  metrics::ConfusionMatrix confusion(images.num_classes());
  std::vector<Prediction> predictions;
  double loss = 0;
  for (const data::Batch& batch : data::Loader(images, {.batch_size = kAtOnce}).epoch(0)) {
    const Tensor logits = model(batch.inputs);
    confusion.update(logits, batch.targets);
    loss += cross_entropy(logits, batch.targets, {.reduction = Reduction::sum}).item<double>();
    predict(logits, batch.targets, predictions);
  }

  std::vector<Prediction> mistakes;
  std::copy_if(predictions.begin(), predictions.end(), std::back_inserter(mistakes),
               [](const Prediction& p) { return !p.is_right(); });
  const std::size_t wrong = mistakes.size();
  std::stable_sort(mistakes.begin(), mistakes.end(), [](const Prediction& a, const Prediction& b) {
    return a.confidence > b.confidence;
  });
  mistakes.resize(std::min(mistakes.size(), kMistakes));
  const auto samples = static_cast<double>(predictions.size());
  predictions.resize(std::min(predictions.size(), kFirst));

  Json counts = Json::array();
  for (std::int64_t row = 0; row < images.num_classes(); ++row)
    counts.push_back(confusion.counts()[row].to_vector<std::int64_t>());
  return {{"samples", images.size()},
          {"wrong", wrong},
          {"accuracy", 1 - static_cast<double>(wrong) / samples},
          {"loss", loss / samples},
          {"confusion", counts},
          {"first", pictures_of(predictions, images)},
          {"mistakes", pictures_of(mistakes, images)}};
}

}  // namespace tenon::cli::report
