#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/close.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/core/memory.h"
#include "tenon/core/random.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/shape.h"
#include "tenon/ops/sort.h"
#include "tenon/train/metrics.h"
#include "train/metrics_support.h"

namespace tenon {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Accuracy, TakesTheFirstOfEqualScores) {
  metrics::Accuracy accuracy;
  accuracy.update(Tensor::from({1.0, 3.0, 3.0, 2.0, 2.0, 2.0}, {2, 3}), indices({1, 0}));
  EXPECT_EQ(accuracy.value(), 1);
  accuracy.update(Tensor::from({1.0, 3.0, 3.0}, {1, 3}), indices({2}));
  EXPECT_EQ(accuracy.value(), 2.0 / 3);
  accuracy.update(Tensor::from({-kInfinity, -kInfinity, kInfinity}, {1, 3}), indices({2}));
  EXPECT_EQ(accuracy.value(), 0.75);
}

TEST(Accuracy, OfOneScoreASampleIsAboveTheThreshold) {
  const Tensor scores = Tensor::from({-0.1, 0.0, 0.1, 0.5, 0.6}, {5, 1}, Dtype::f64);
  const Tensor targets = indices({0, 0, 1, 0, 1});
  metrics::Accuracy logits, probabilities({.threshold = 0.5});
  logits.update(scores, targets);
  EXPECT_EQ(logits.value(), 0.8);
  probabilities.update(scores, targets);
  EXPECT_EQ(probabilities.value(), 0.8);
  // Probabilities as targets: class 1 above a half.
  metrics::Accuracy soft;
  soft.update(vector_of({1, 1, -1}), vector_of({0.6, 0.5, 0.2}));
  EXPECT_EQ(soft.value(), 2.0 / 3);
}

TEST(Accuracy, OfManyPlacesASample) {
  // [2, 3, 2]: the classes are along axis 1. Predictions 2 0 | 1 1.
  const Tensor scores = Tensor::from({0, 9, 1, 1, 5, 2, 0, 0, 4, 3, 1, 2}, {2, 3, 2}, Dtype::f32);
  metrics::Accuracy accuracy;
  accuracy.update(scores, Tensor::from({2, 0, 1, 0}, {2, 2}));
  EXPECT_EQ(accuracy.value(), 0.75);
  metrics::ConfusionMatrix confusion(3);
  confusion.update(scores, Tensor::from({2, 0, 1, 0}, {2, 2}, Dtype::u8));
  EXPECT_TRUE(close(confusion.counts(), {1, 1, 0, 0, 1, 0, 0, 0, 1}));
  metrics::TopKAccuracy top({.k = 2});
  top.update(scores, Tensor::from({0, 2, 0, 2}, {2, 2}));  // ranks 2 1 2 1
  EXPECT_EQ(top.value(), 0.5);
}

TEST(Accuracy, LeavesOutWhatIsIgnored) {
  const Tensor scores = Tensor::from({1.0, 0.0, kNan, 0.0, 0.0, 1.0}, {3, 2});
  metrics::Accuracy accuracy({.ignore_index = 7, .name = "padded"});
  EXPECT_EQ(accuracy.name(), "padded");
  accuracy.update(scores, indices({0, 7, 0}));
  EXPECT_EQ(accuracy.value(), 0.5);
  accuracy.update(vector_of({1, 2}), indices({1, 7}));
  EXPECT_EQ(accuracy.value(), 2.0 / 3);
  accuracy.update(indices({1, -5}), indices({1, 7}));
  EXPECT_EQ(accuracy.value(), 0.75);
  metrics::TopKAccuracy top({.k = 1, .ignore_index = 7});
  top.update(scores, indices({0, 7, 0}));
  EXPECT_EQ(top.value(), 0.5);
  metrics::AUROC auroc({.ignore_index = -1});
  auroc.update(vector_of({1, 2, 3}), indices({0, 1, -1}));
  EXPECT_EQ(auroc.value(), 1);
}

TEST(TopKAccuracy, AgreesWithTopk) {
  Rng rng(11);
  constexpr std::int64_t kSamples = 200, kClasses = 7;
  const Tensor scores = Tensor::randint(0, 4, {kSamples, kClasses}, rng).to(Dtype::f32);  // ties
  const Tensor targets = Tensor::randint(0, kClasses, {kSamples}, rng);
  for (std::int64_t k = 1; k <= kClasses; ++k) {
    const auto first = topk(scores, k).indices.to_vector<std::int64_t>();
    const auto labels = targets.to_vector<std::int64_t>();
    int correct = 0;
    for (std::size_t i = 0; i < first.size(); ++i)
      correct += first[i] == labels[i / static_cast<std::size_t>(k)];
    metrics::TopKAccuracy top({.k = k});
    top.update(scores, targets);
    EXPECT_EQ(top.value(), correct / static_cast<double>(kSamples));
    EXPECT_EQ(top.name(), "top_" + std::to_string(k) + "_accuracy");
  }
}

TEST(ConfusionMatrix, HasTrueClassesAsRows) {
  metrics::ConfusionMatrix confusion(3);
  confusion.update(indices({1, 1, 2, 0}), indices({0, 1, 0, 0}));
  EXPECT_EQ(confusion.counts().dtype(), Dtype::i64);
  EXPECT_TRUE(close(confusion.counts(), {1, 1, 1, 0, 1, 0, 0, 0, 0}));
  EXPECT_TRUE(
      close(confusion.row_shares(), {1.0 / 3, 1.0 / 3, 1.0 / 3, 0, 1, 0, kNan, kNan, kNan}));
  EXPECT_EQ(confusion.value(), 0.5);
  const Tensor before = confusion.counts();
  confusion.reset();
  EXPECT_TRUE(close(confusion.counts(), std::vector<double>(9)));
  EXPECT_EQ(before.to_vector<int>()[0], 1);
  metrics::ConfusionMatrix single(1);
  single.update(indices({0}), indices({0}));
  EXPECT_EQ(single.value(), 1);
}

TEST(ClassFigures, OfOnePairByHand) {
  // Class 0: 2 right of 3 predicted, 4 actual. Class 1: 1 right of 3, 2 actual.
  const Tensor predicted = indices({0, 0, 0, 1, 1, 1}), targets = indices({0, 0, 1, 0, 0, 1});
  metrics::Precision precision({.num_classes = 2});
  metrics::Recall recall({.num_classes = 2});
  metrics::F1 f1({.num_classes = 2});
  for (metrics::Metric* metric :
       {static_cast<metrics::Metric*>(&precision), static_cast<metrics::Metric*>(&recall),
        static_cast<metrics::Metric*>(&f1)})
    metric->update(predicted, targets);
  EXPECT_TRUE(close(precision.per_class(), {2.0 / 3, 1.0 / 3}));
  EXPECT_TRUE(close(recall.per_class(), {0.5, 0.5}));
  EXPECT_TRUE(close(f1.per_class(), {4.0 / 7, 0.4}));
  EXPECT_EQ(recall.value(), 0.5);
}

TEST(ClassFigures, AreNamedByTheirAverage) {
  using metrics::Average;
  EXPECT_EQ(metrics::F1().name(), "f1");
  EXPECT_EQ(metrics::F1({.average = Average::micro}).name(), "f1_micro");
  EXPECT_EQ(metrics::Precision({.average = Average::weighted}).name(), "precision_weighted");
  EXPECT_EQ(metrics::Recall({.average = Average::binary}).name(), "recall_binary");
  EXPECT_EQ(metrics::Recall({.average = Average::binary, .name = "sensitivity"}).name(),
            "sensitivity");
}

TEST(ClassFigures, LearnTheNumberOfClassesFromScores) {
  metrics::F1 f1;
  EXPECT_EQ(f1.per_class().shape(), (Shape{0}));
  f1.update(Tensor::zeros({0, 3}), indices({}));
  EXPECT_EQ(f1.per_class().shape(), (Shape{3}));
  EXPECT_TRUE(std::isnan(f1.value()));
  EXPECT_TRUE(close(f1.per_class(), {kNan, kNan, kNan}));
  EXPECT_NO_THROW(f1.update(indices({2}), indices({2})));
  EXPECT_TRUE(close(f1.per_class(), {0, 0, 1}));
  f1.reset();
  f1.update(Tensor::ones({2, 5}), indices({0, 0}));
  EXPECT_EQ(f1.per_class().shape(), (Shape{5}));
}

TEST(AUROC, CountsPairs) {
  // Each positive against each negative, ties a half, in a plain double loop.
  Rng rng(5);
  for (const std::int64_t levels : {2, 5, 1000}) {
    const Tensor scores = Tensor::randint(0, levels, {150}, rng).to(Dtype::f32) / 8.0;
    const Tensor targets = Tensor::randint(0, 2, {150}, rng);
    const auto x = scores.to_vector<double>();
    const auto t = targets.to_vector<int>();
    double won = 0, pairs = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
      for (std::size_t j = 0; j < x.size(); ++j)
        if (t[i] == 1 && t[j] == 0) {
          won += x[i] > x[j] ? 1 : x[i] == x[j] ? 0.5 : 0;
          pairs += 1;
        }
    metrics::AUROC auroc;
    auroc.update(scores, targets);
    EXPECT_EQ(auroc.value(), won / pairs) << levels;

    // The difference of two scores, and one-hot targets.
    const Tensor both = concat({Tensor::full({150, 1}, 3), reshape(scores, {150, 1}) + 3.0}, 1);
    metrics::AUROC of_two;
    of_two.update(both, targets);
    EXPECT_EQ(of_two.value(), auroc.value());
    metrics::AUROC of_column;
    of_column.update(reshape(scores, {150, 1}), reshape(targets, {150, 1}));
    EXPECT_EQ(of_column.value(), auroc.value());
  }
}

TEST(AUROC, NeedsBothClasses) {
  metrics::AUROC auroc;
  auroc.update(vector_of({1, 2}), indices({1, 1}));
  EXPECT_TRUE(std::isnan(auroc.value()));
  auroc.update(vector_of({kInfinity, -kInfinity, 0.0, -0.0}), indices({0, 0, 0, 1}));
  // Positives 1, 2, -0; negatives inf, -inf, 0: 2 + 2 + 1.5 of 9.
  EXPECT_EQ(auroc.value(), 5.5 / 9);
}

TEST(Metrics, OfClassesAreNanAfterNan) {
  metrics::Accuracy accuracy;
  metrics::TopKAccuracy top({.k = 1});
  metrics::ConfusionMatrix confusion(2);
  metrics::F1 f1;
  metrics::AUROC auroc;
  for (metrics::Metric* metric :
       {static_cast<metrics::Metric*>(&accuracy), static_cast<metrics::Metric*>(&top),
        static_cast<metrics::Metric*>(&confusion), static_cast<metrics::Metric*>(&f1),
        static_cast<metrics::Metric*>(&auroc)}) {
    SCOPED_TRACE(metric->name());
    const Tensor good = Tensor::from({0.0, 1.0, 1.0, 0.0}, {2, 2});
    EXPECT_TRUE(std::isnan(metric->value())) << "before any sample";
    metric->update(Tensor::zeros({0, 2}), indices({}));
    EXPECT_TRUE(std::isnan(metric->value())) << "after none";
    metric->update(good, indices({1, 0}));
    EXPECT_EQ(metric->value(), 1);
    metric->update(Tensor::from({2.0, kNan}, {1, 2}), indices({0}));
    EXPECT_TRUE(std::isnan(metric->value()));
    metric->update(good, indices({1, 0}));
    EXPECT_TRUE(std::isnan(metric->value()));
    metric->reset();
    EXPECT_TRUE(std::isnan(metric->value()));
    metric->update(good, indices({1, 0}));
    EXPECT_EQ(metric->value(), 1);
    if (metric != &top) {
      metric->update(vector_of({0.5, kNan}), indices({0, 1}));
      EXPECT_TRUE(std::isnan(metric->value())) << "of one score a sample";
    }
    metric->reset();
  }
  confusion.update(Tensor::from({2.0, kNan, 1.0, 0.0}, {2, 2}), indices({0, 1}));
  EXPECT_TRUE(close(confusion.counts(), {0, 0, 1, 0}));
  f1.update(Tensor::from({2.0, kNan, 1.0, 0.0}, {2, 2}), indices({0, 1}));
  EXPECT_TRUE(close(f1.per_class(), {kNan, kNan}));
}

TEST(Metrics, LeaveNoTensorsAndNodesBehind) {
  Tensor x = Tensor::from({0.0, 1.0, 1.0, 0.0}, {2, 2}).set_requires_grad();
  metrics::Accuracy accuracy;
  metrics::TopKAccuracy top({.k = 1});
  metrics::F1 f1;
  metrics::Perplexity perplexity;
  metrics::MeanSquaredError mse;
  metrics::R2 r2;
  const Tensor outputs = x * 2.0, targets = indices({1, 0}), numbers = Tensor::ones({2, 2});
  const MemoryStats before = memory_stats();
  for (metrics::Metric* metric :
       {static_cast<metrics::Metric*>(&accuracy), static_cast<metrics::Metric*>(&top),
        static_cast<metrics::Metric*>(&f1), static_cast<metrics::Metric*>(&perplexity)})
    metric->update(outputs, targets);
  mse.update(outputs, numbers);
  r2.update(outputs, numbers);
  EXPECT_TRUE(is_recording());
  EXPECT_EQ(memory_stats().live_tensors, before.live_tensors);
  EXPECT_EQ(memory_stats().live_graph_nodes, before.live_graph_nodes);
}

}  // namespace
}  // namespace tenon
