#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "../support/close.h"
#include "../support/golden.h"
#include "../support/layouts.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/index.h"
#include "tenon/train/metrics.h"
#include "train/metrics_support.h"

namespace tenon {
namespace {

using Case = std::map<std::string, Tensor>;

// f32 outputs and targets are rounded before anything is computed of them.
constexpr Tolerance kOfRounded{1e-5, 1e-6};

/// In each memory layout, for f64 and f32, and for each way to cut the samples into batches:
/// expect(metric, tolerance) compares. All cuts of one input leave the same bits.
template <class Make, class Expect>
void check(const Case& golden, const Tensor& targets, const Make& make, const Expect& expect) {
  const Tensor& outputs = golden.at("outputs");
  const auto check_one = [&](const Tensor& given, const Tensor& given_targets,
                             Tolerance tolerance) {
    std::map<std::string, Tensor> first;
    for (const auto& cut : cuts(outputs.size(0), golden.at("cut").to_vector<std::int64_t>())) {
      SCOPED_TRACE(testing::PrintToString(cut));
      auto metric = make();
      feed(metric, given, given_targets, cut);
      expect(metric, tolerance);
      if (first.empty()) first = metric.state();
      expect_same_state(metric.state(), first);
    }
  };
  for (const auto& [layout, given] : layouts(outputs)) {
    SCOPED_TRACE(layout);
    check_one(given, targets, tolerance_of(Dtype::f64));
  }
  SCOPED_TRACE("f32");
  if (is_floating(outputs.dtype()))
    check_one(outputs.to(Dtype::f32),
              is_floating(targets.dtype()) ? targets.to(Dtype::f32) : targets, kOfRounded);
}

auto expect_value(const Tensor& want) {
  return [want](const metrics::Metric& metric, Tolerance tolerance) {
    EXPECT_TRUE(close(Tensor::from({metric.value()}, {}, Dtype::f64), want, tolerance))
        << metric.name();
  };
}

template <class Figure>
void check_figure(const Case& golden, const Tensor& targets, const std::string& name) {
  using metrics::Average;
  const std::int64_t classes = golden.at("confusion").size(0);
  const bool is_inferred = is_floating(golden.at("outputs").dtype());
  for (const auto& [average, suffix] :
       {std::pair(Average::macro, "_macro"), std::pair(Average::micro, "_micro"),
        std::pair(Average::weighted, "_weighted"), std::pair(Average::binary, "_binary")}) {
    if (!golden.contains(name + suffix)) continue;
    SCOPED_TRACE(name + suffix);
    check(
        golden, targets,
        [&, average = average] {
          return Figure({.average = average, .num_classes = is_inferred ? 0 : classes});
        },
        [&](const Figure& figure, Tolerance tolerance) {
          expect_value(golden.at(name + suffix))(figure, tolerance);
          EXPECT_TRUE(close(figure.per_class(), golden.at(name + "_per_class"), tolerance));
        });
  }
}

/// All metrics that a case of classes has.
void check_classes(const Case& golden, const Tensor& targets) {
  const std::int64_t classes = golden.at("confusion").size(0);
  check(
      golden, targets, [] { return metrics::Accuracy(); }, expect_value(golden.at("accuracy")));
  check(
      golden, targets, [&] { return metrics::ConfusionMatrix(classes); },
      [&](const metrics::ConfusionMatrix& confusion, Tolerance tolerance) {
        expect_value(golden.at("accuracy"))(confusion, tolerance);
        EXPECT_TRUE(close(confusion.counts(), golden.at("confusion")));
      });
  check_figure<metrics::Precision>(golden, targets, "precision");
  check_figure<metrics::Recall>(golden, targets, "recall");
  check_figure<metrics::F1>(golden, targets, "f1");
  for (std::int64_t k = 1; k <= classes; ++k)
    if (const std::string name = "top_" + std::to_string(k); golden.contains(name))
      check(
          golden, targets, [&] { return metrics::TopKAccuracy({.k = k}); },
          expect_value(golden.at(name)));
}

TEST(GoldenMetrics, AreThoseOfScikitLearn) {
  Golden golden("metrics");
  for (const char* name : {"classes", "missing_classes", "two_classes", "one_sample"}) {
    SCOPED_TRACE(name);
    const Case& found = golden.read(name);
    const Tensor& targets = found.at("targets");
    check_classes(found, targets);
    const Tensor one_hot_targets = one_hot(targets, found.at("outputs").size(1));
    check_classes(found, one_hot_targets);
    check_classes(found, in_order(one_hot_targets.to(Dtype::f64) * 0.75, Order::batch_inner));
    check(
        found, targets, [] { return metrics::Perplexity(); }, expect_value(found.at("perplexity")));
  }
  const Case& predictions = golden.read("predictions");
  check_classes(predictions, predictions.at("targets"));

  const Case& scores = golden.read("single_scores");
  check_classes(scores, scores.at("targets"));
  check_classes(scores, scores.at("targets").to(Dtype::f32));

  for (const char* name : {"single_scores", "auroc_ties", "auroc_rare", "auroc_equal",
                           "auroc_separated", "auroc_reversed"}) {
    SCOPED_TRACE(name);
    const Case& found = golden.read(name);
    for (const Tensor& targets : {found.at("targets"), found.at("targets").to(Dtype::boolean),
                                  found.at("targets").to(Dtype::f32)})
      check(
          found, targets, [] { return metrics::AUROC(); }, expect_value(found.at("auroc")));
  }

  for (const char* name :
       {"regression", "regression_outputs", "regression_constant", "regression_all_constant"}) {
    SCOPED_TRACE(name);
    using metrics::OutputAverage;
    const Case& found = golden.read(name);
    const Tensor& targets = found.at("targets");
    check(
        found, targets, [] { return metrics::MeanSquaredError(); }, expect_value(found.at("mse")));
    check(
        found, targets, [] { return metrics::MeanAbsoluteError(); }, expect_value(found.at("mae")));
    check(
        found, targets, [] { return metrics::R2(); },
        [&](const metrics::R2& r2, Tolerance tolerance) {
          expect_value(found.at("r2"))(r2, tolerance);
          EXPECT_TRUE(close(r2.per_output(), found.at("r2_per_output"), tolerance));
        });
    check(
        found, targets, [] { return metrics::R2({.average = OutputAverage::variance_weighted}); },
        expect_value(found.at("r2_weighted")));
  }
}

}  // namespace
}  // namespace tenon
