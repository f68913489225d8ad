#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../support/close.h"
#include "tenon/core/error.h"
#include "tenon/core/random.h"
#include "tenon/train/metrics.h"
#include "train/metrics_support.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using State = std::map<std::string, Tensor>;

struct Case {
  std::function<std::unique_ptr<metrics::Metric>()> make;
  Tensor outputs;  // 40 samples
  Tensor targets;
};

std::vector<Case> cases() {
  using namespace metrics;
  Rng rng(21);
  const Tensor scores = Tensor::normal({40, 4}, rng), labels = Tensor::randint(0, 4, {40}, rng),
               single = Tensor::normal({40}, rng), binary = Tensor::randint(0, 2, {40}, rng),
               numbers = Tensor::normal({40, 3}, rng), wanted = Tensor::normal({40, 3}, rng);
  return {
      {[] { return std::make_unique<Accuracy>(); }, scores, labels},
      {[] { return std::make_unique<TopKAccuracy>(TopKAccuracyOptions{.k = 2}); }, scores, labels},
      {[] { return std::make_unique<ConfusionMatrix>(4); }, scores, labels},
      {[] { return std::make_unique<Precision>(); }, scores, labels},
      {[] { return std::make_unique<Recall>(PrecisionRecallOptions{.num_classes = 4}); }, scores,
       labels},
      {[] { return std::make_unique<F1>(PrecisionRecallOptions{.average = Average::binary}); },
       single, binary},
      {[] { return std::make_unique<AUROC>(); }, single, binary},
      {[] { return std::make_unique<MeanSquaredError>(); }, numbers, wanted},
      {[] { return std::make_unique<MeanAbsoluteError>(); }, numbers, wanted},
      {[] { return std::make_unique<R2>(); }, numbers, wanted},
      {[] { return std::make_unique<Perplexity>(); }, scores, labels}};
}

TEST(MetricState, RoundTripGoesOnWithTheSameBits) {
  for (const Case& c : cases()) {
    const auto whole = c.make(), first = c.make(), second = c.make();
    SCOPED_TRACE(whole->name());
    feed(*whole, c.outputs, c.targets, {11, 29});
    feed(*first, c.outputs, c.targets, {11});
    const State state = first->state();
    feed(*second, c.outputs, c.targets, {5, 20});  // is forgotten
    second->load_state(state);
    expect_same_state(second->state(), state);
    feed(*first, c.outputs, c.targets, {17});  // touches neither the state nor the second
    expect_same_state(second->state(), state);
    const Tensor rest = slice(c.outputs, 0, {.start = 11});
    feed(*second, rest, slice(c.targets, 0, {.start = 11}), {14, 15});
    expect_same_state(second->state(), whole->state());
    EXPECT_EQ(second->value(), whole->value());
  }
}

TEST(MetricState, OfNoSamplesAndAfterResetFits) {
  for (const Case& c : cases()) {
    const auto used = c.make(), fresh = c.make();
    SCOPED_TRACE(used->name());
    const State none = used->state();
    feed(*used, c.outputs, c.targets, {40});
    const State all = used->state();
    const double value = used->value();
    used->reset();
    expect_same_state(used->state(), none);
    used->load_state(all);
    EXPECT_EQ(used->value(), value);
    used->load_state(none);
    expect_same_state(used->state(), none);
    fresh->load_state(all);
    EXPECT_EQ(fresh->value(), value);
  }
}

TEST(MetricState, CountsAreI64AndSumsF64) {
  for (const Case& c : cases()) {
    const auto metric = c.make();
    SCOPED_TRACE(metric->name());
    feed(*metric, c.outputs, c.targets, {40});
    for (const auto& [name, tensor] : metric->state())
      EXPECT_TRUE(tensor.dtype() == Dtype::i64 || tensor.dtype() == Dtype::f64 || name == "labels")
          << name;
  }
}

TEST(MetricState, TellsAllDifferencesAndChangesNothing) {
  for (const Case& c : cases()) {
    const auto metric = c.make();
    SCOPED_TRACE(metric->name());
    feed(*metric, c.outputs, c.targets, {40});
    const State before = metric->state();
    for (const auto& [name, tensor] : before) {
      SCOPED_TRACE(name);
      State missing = before;
      missing.erase(name);
      EXPECT_THAT(
          message_of<CheckpointError>([&] { metric->load_state(missing); }),
          AllOf(HasSubstr("1 missing"), Not(HasSubstr("different")),
                HasSubstr("load_state: the state does not fit the metric " + metric->name() + ": "),
                HasSubstr("missing: " + name + " "), HasSubstr("metrics_state_test.cpp")));
      State undefined = before;
      undefined[name] = Tensor();
      EXPECT_THAT(message_of<CheckpointError>([&] { metric->load_state(undefined); }),
                  HasSubstr("missing: " + name + " "));
      State different = before;
      different[name] = tensor.to(Dtype::f32);
      EXPECT_THAT(message_of<CheckpointError>([&] { metric->load_state(different); }),
                  HasSubstr("different: " + name + " is " + to_string(tensor.shape()) + " f32"));
      different[name] = Tensor::zeros({2, 3, 1}, {.dtype = tensor.dtype()});
      EXPECT_THAT(message_of<CheckpointError>([&] { metric->load_state(different); }),
                  HasSubstr("different: " + name + " is [2, 3, 1] "));
      if (tensor.dtype() == Dtype::i64) {
        State negative = before;
        negative[name] = Tensor::full(tensor.shape(), -3, {.dtype = Dtype::i64});
        EXPECT_THAT(message_of<CheckpointError>([&] { metric->load_state(negative); }),
                    HasSubstr(name + " has the count -3, which is below 0"));
      }
      expect_same_state(metric->state(), before);
    }
    State more = before;
    more["extra"] = Tensor::zeros({2});
    EXPECT_THAT(message_of<CheckpointError>([&] { metric->load_state(more); }),
                AllOf(HasSubstr("1 unexpected"), HasSubstr("unexpected: extra [2] f32"),
                      Not(HasSubstr("missing"))));
    expect_same_state(metric->state(), before);
  }
}

TEST(MetricState, OfAnotherNumberOfClassesDoesNotFit) {
  metrics::ConfusionMatrix three(3), four(4);
  EXPECT_THAT(message_of<CheckpointError>([&] { three.load_state(four.state()); }),
              HasSubstr("different: counts is [4, 4] i64, expected [3, 3] i64"));
  metrics::Recall of_three({.num_classes = 3}), of_four({.num_classes = 4}), of_any;
  EXPECT_THAT(message_of<CheckpointError>([&] { of_three.load_state(of_four.state()); }),
              AllOf(HasSubstr("3 of another shape"),
                    HasSubstr("different: actual is [4] i64, expected [3] i64")));
  of_any.load_state(of_four.state());
  EXPECT_EQ(of_any.per_class().shape(), (Shape{4}));
}

TEST(MetricState, OfAurocHasNoNanScores) {
  metrics::AUROC auroc;
  auroc.update(vector_of({1, 2}), indices({0, 1}));
  State state = auroc.state();
  state["scores"] = vector_of({1, std::numeric_limits<double>::quiet_NaN()});
  EXPECT_THAT(message_of<CheckpointError>([&] { auroc.load_state(state); }),
              HasSubstr("the metric auroc: scores[1] is NaN"));
  EXPECT_EQ(auroc.value(), 1);
}

}  // namespace
}  // namespace tenon
