#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <string>

#include "../support/close.h"
#include "tenon/core/error.h"
#include "tenon/train/metrics.h"
#include "train/metrics_support.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// The text of the E that an update throws, which must change nothing and name the caller.
template <class E>
std::string fault(metrics::Metric& metric, const Tensor& outputs, const Tensor& targets) {
  const std::map<std::string, Tensor> before = metric.state();
  std::string text = message_of<E>([&] { metric.update(outputs, targets); });
  expect_same_state(metric.state(), before);
  EXPECT_THAT(text, HasSubstr("metrics_errors_test.cpp"));
  return text;
}

TEST(MetricErrors, OfScores) {
  metrics::Accuracy accuracy;
  metrics::TopKAccuracy top({.k = 2});
  accuracy.update(Tensor::zeros({2, 3}), indices({0, 1}));
  top.update(Tensor::zeros({2, 3}), indices({0, 1}));
  for (metrics::Metric* metric :
       {static_cast<metrics::Metric*>(&accuracy), static_cast<metrics::Metric*>(&top)}) {
    SCOPED_TRACE(metric->name());
    const std::string name = metric == &top ? "TopKAccuracy: " : "Accuracy: ";
    EXPECT_THAT(fault<DataError>(*metric, Tensor::zeros({2, 3}), indices({0, 3})),
                AllOf(HasSubstr(name + "targets[1] is 3, but there are 3 classes"),
                      HasSubstr("outputs [2, 3] f32 (N, C)"), HasSubstr("ignore_index is -100")));
    EXPECT_THAT(fault<DataError>(*metric, Tensor::zeros({2, 3}), indices({0, -1})),
                HasSubstr("targets[1] is -1"));
    EXPECT_THAT(fault<ShapeError>(*metric, Tensor::zeros({2, 3}), indices({0, 1, 2})),
                AllOf(HasSubstr(name + "targets have shape [3] but the class indices of [2, 3] "
                                       "have [2]")));
    EXPECT_THAT(fault<DtypeError>(*metric, Tensor::zeros({2, 3}), vector_of({0, 1})),
                HasSubstr("targets are f64, not class indices"));
    EXPECT_THAT(fault<ShapeError>(*metric, Tensor::from(1.0f), indices({0})),
                AllOf(HasSubstr(name + "outputs have shape [] but scores of classes are [N, C]"),
                      HasSubstr("targets [1] i64")));
    EXPECT_THAT(fault<ShapeError>(*metric, Tensor::zeros({2, 0}), indices({0, 0})),
                HasSubstr("outputs have shape [2, 0]"));
    EXPECT_THAT(fault<ShapeError>(*metric, Tensor::zeros({2, 0}), Tensor::zeros({2, 0})),
                HasSubstr("outputs have shape [2, 0]"));
    EXPECT_THAT(fault<DataError>(*metric, Tensor::zeros({2, 2}),
                                 Tensor::from({0.0, 1.0, kNan, 0.0}, {2, 2})),
                HasSubstr(name + "the probabilities of target 1 have a NaN"));
    EXPECT_THAT(fault<ShapeError>(*metric, Tensor(), indices({0})),
                HasSubstr(name + "outputs is an undefined tensor"));
    EXPECT_THAT(fault<ShapeError>(*metric, Tensor::zeros({1, 2}), Tensor()),
                HasSubstr(name + "targets is an undefined tensor"));
  }
}

TEST(MetricErrors, OfTopK) {
  metrics::TopKAccuracy top({.k = 4});
  EXPECT_THAT(fault<ShapeError>(top, Tensor::zeros({2, 3}), indices({0, 1})),
              AllOf(HasSubstr("TopKAccuracy: k is 4 but there are 3 classes"),
                    HasSubstr("outputs [2, 3] f32")));
  EXPECT_THAT(fault<DtypeError>(top, indices({0, 1}), indices({0, 1})),
              HasSubstr("TopKAccuracy: outputs must be f32 or f64 but is i64"));
  EXPECT_THAT(fault<ShapeError>(top, vector_of({0, 1}), indices({0, 1})),
              HasSubstr("outputs have shape [2] but scores of classes are [N, C]"));
  EXPECT_THAT(message_of<DataError>([] { metrics::TopKAccuracy({.k = 0}); }),
              AllOf(HasSubstr("TopKAccuracy: k is 0 but must be at least 1"),
                    HasSubstr("metrics_errors_test.cpp")));
}

TEST(MetricErrors, OfPredictions) {
  metrics::ConfusionMatrix confusion(3);
  metrics::Accuracy accuracy;
  EXPECT_THAT(fault<DataError>(confusion, indices({0, 3}), indices({0, 1})),
              AllOf(HasSubstr("ConfusionMatrix: output 1 is 3, but there are 3 classes"),
                    HasSubstr("outputs [2] i64"), HasSubstr("ignore_index is -100")));
  EXPECT_THAT(fault<DataError>(confusion, indices({0, 1}), indices({0, -1})),
              HasSubstr("ConfusionMatrix: target 1 is -1, but there are 3 classes"));
  EXPECT_THAT(fault<DataError>(accuracy, indices({0, -2}), indices({0, 1})),
              HasSubstr("Accuracy: output 1 is -2, which is no class index"));
  EXPECT_THAT(fault<ShapeError>(accuracy, indices({0, 1}), indices({0})),
              HasSubstr("outputs are class indices of shape [2] but targets [1]"));
  EXPECT_THAT(fault<DtypeError>(accuracy, indices({0, 1}), vector_of({0, 1})),
              AllOf(HasSubstr("outputs are i64, class indices, but targets are f64"),
                    HasSubstr("Give the scores of the classes as floating outputs")));
}

TEST(MetricErrors, OfSingleScores) {
  metrics::Accuracy accuracy;
  metrics::AUROC auroc;
  for (metrics::Metric* metric :
       {static_cast<metrics::Metric*>(&accuracy), static_cast<metrics::Metric*>(&auroc)}) {
    SCOPED_TRACE(metric->name());
    EXPECT_THAT(fault<ShapeError>(*metric, Tensor::zeros({3, 1}), indices({0, 1})),
                HasSubstr("outputs are one score a sample, [3, 1], but targets have [2]"));
    EXPECT_THAT(fault<ShapeError>(*metric, Tensor::zeros({3}), Tensor::zeros({3, 1})),
                HasSubstr("outputs are one score a sample, [3], but targets have [3, 1]"));
    EXPECT_THAT(fault<DataError>(*metric, Tensor::zeros({3}), indices({0, 1, 2})),
                HasSubstr("target 2 is 2, but one score a sample is of classes 0 and 1 alone"));
    EXPECT_THAT(fault<DataError>(*metric, Tensor::zeros({2}), vector_of({1, 1.5})),
                HasSubstr("target 1 is 1.5 but a probability is in [0, 1]"));
    EXPECT_THAT(fault<DataError>(*metric, Tensor::zeros({2}), vector_of({kNan, 1})),
                HasSubstr("target 0 is nan but a probability"));
  }
  EXPECT_THAT(fault<ShapeError>(auroc, Tensor::zeros({2, 3}), indices({0, 1})),
              AllOf(HasSubstr("AUROC: outputs have shape [2, 3] but AUROC is of two classes"),
                    HasSubstr("Give the scores of two classes, [N], [N, 1] or [N, 2].")));
  EXPECT_THAT(fault<ShapeError>(auroc, Tensor::from(1.0f), indices({0})),
              HasSubstr("outputs have shape []"));
  EXPECT_THAT(fault<DtypeError>(auroc, indices({0, 1}), indices({0, 1})),
              HasSubstr("AUROC: outputs must be f32 or f64 but is i64"));
}

TEST(MetricErrors, OfTheNumberOfClasses) {
  metrics::ConfusionMatrix confusion(3);
  EXPECT_THAT(fault<ShapeError>(confusion, Tensor::zeros({2, 4}), indices({0, 1})),
              AllOf(HasSubstr("ConfusionMatrix: outputs are of 4 classes but 3 are counted"),
                    HasSubstr("outputs [2, 4] f32")));
  EXPECT_THAT(fault<ShapeError>(confusion, Tensor::zeros({2}), indices({0, 1})),
              HasSubstr("outputs are of 2 classes but 3 are counted"));
  EXPECT_THAT(message_of<DataError>([] { metrics::ConfusionMatrix{0}; }),
              AllOf(HasSubstr("ConfusionMatrix: num_classes is 0 but must be from 1 to 32768"),
                    HasSubstr("metrics_errors_test.cpp")));
  EXPECT_THAT(message_of<DataError>([] { metrics::ConfusionMatrix{std::int64_t{1} << 62}; }),
              HasSubstr("num_classes is 4611686018427387904 but"));

  metrics::F1 f1;
  EXPECT_THAT(fault<DataError>(f1, indices({0}), indices({0})),
              AllOf(HasSubstr("F1: class indices as outputs don't tell how many classes there are"),
                    HasSubstr("Give num_classes in the options.")));
  f1.update(Tensor::zeros({2, 4}), indices({0, 1}));
  EXPECT_THAT(fault<ShapeError>(f1, Tensor::zeros({2, 3}), indices({0, 1})),
              HasSubstr("F1: outputs are of 3 classes but 4 are counted"));
  EXPECT_THAT(fault<DataError>(f1, indices({0}), indices({4})),
              HasSubstr("F1: target 0 is 4, but there are 4 classes"));

  using metrics::Average;
  EXPECT_THAT(message_of<DataError>(
                  [] { metrics::Recall({.average = Average::binary, .num_classes = 3}); }),
              AllOf(HasSubstr("Recall: num_classes is 3 but Average::binary is of 2 classes"),
                    HasSubstr("metrics_errors_test.cpp")));
  EXPECT_THAT(message_of<DataError>([] { metrics::Precision({.num_classes = -1}); }),
              HasSubstr("Precision: num_classes is -1 but must be at least 1, or 0 for as many as "
                        "the first scores have"));
  metrics::Precision binary({.average = Average::binary});
  EXPECT_THAT(fault<ShapeError>(binary, Tensor::zeros({2, 3}), indices({0, 1})),
              HasSubstr("Precision: outputs are of 3 classes but 2 are counted"));
}

TEST(MetricErrors, OfNumbers) {
  metrics::MeanSquaredError mse;
  metrics::MeanAbsoluteError mae;
  metrics::R2 r2;
  for (const auto& [metric, name] :
       {std::pair<metrics::Metric*, std::string>(&mse, "MeanSquaredError: "),
        {&mae, "MeanAbsoluteError: "},
        {&r2, "R2: "}}) {
    SCOPED_TRACE(name);
    metric->update(vector_of({1, 2}), vector_of({1, 3}));
    EXPECT_THAT(fault<ShapeError>(*metric, Tensor::zeros({3, 1}), Tensor::zeros({3})),
                AllOf(HasSubstr(name + "outputs have shape [3, 1] but targets have [3]"),
                      HasSubstr("outputs [3, 1] f32"), HasSubstr("Metrics do not broadcast")));
    EXPECT_THAT(fault<DtypeError>(*metric, Tensor::zeros({3}), indices({1, 2, 3})),
                HasSubstr(name + "targets must be f32 or f64 but is i64"));
    EXPECT_THAT(fault<DtypeError>(*metric, indices({1}), Tensor::zeros({1})),
                HasSubstr(name + "outputs must be f32 or f64 but is i64"));
    EXPECT_THAT(fault<ShapeError>(*metric, Tensor(), Tensor::zeros({1})),
                HasSubstr(name + "outputs is an undefined tensor"));
  }
  EXPECT_THAT(fault<ShapeError>(r2, Tensor::from(1.0f), Tensor::from(1.0f)),
              HasSubstr("R2: outputs have no axis of samples"));
  EXPECT_THAT(fault<ShapeError>(r2, Tensor::zeros({2, 3}), Tensor::zeros({2, 3})),
              AllOf(HasSubstr("R2: a sample has 3 numbers but those before had 1"),
                    HasSubstr("Call reset() before other data.")));
}

TEST(MetricErrors, OfPerplexity) {
  metrics::Perplexity perplexity;
  perplexity.update(Tensor::zeros({2, 3}), indices({0, 1}));
  EXPECT_THAT(fault<DataError>(perplexity, Tensor::zeros({2, 3}), indices({0, 3})),
              HasSubstr("Perplexity: targets[1] is 3, but there are 3 classes"));
  EXPECT_THAT(fault<DtypeError>(perplexity, Tensor::zeros({2, 3}), Tensor::zeros({2, 3})),
              HasSubstr("Perplexity: targets are f32, not class indices"));
  EXPECT_THAT(fault<ShapeError>(perplexity, Tensor::zeros({2, 3, 4}), indices({0, 1})),
              HasSubstr("targets have shape [2] but the class indices of [2, 3, 4] have [2, 4]"));
  EXPECT_THAT(fault<DtypeError>(perplexity, indices({0, 1}), indices({0, 1})),
              HasSubstr("Perplexity: outputs must be f32 or f64 but is i64"));
  EXPECT_THAT(fault<ShapeError>(perplexity, Tensor::from(1.0f), indices({0})),
              HasSubstr("Perplexity: outputs has no class axis"));
}

}  // namespace
}  // namespace tenon
