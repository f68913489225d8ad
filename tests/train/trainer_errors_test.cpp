#include <gtest/gtest.h>

#include <string>

#include "support/close.h"
#include "tenon/core/error.h"
#include "tenon/data/subset.h"
#include "tenon/optim/sgd.h"
#include "tenon/train/classification_metrics.h"
#include "tenon/train/early_stopping.h"
#include "tenon/train/trainer.h"
#include "train/trained.h"

namespace tenon {
namespace {

TEST_F(Training, SaysWhatIsWrong) {
  Net model(1);
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
  const auto trainer_with = [&](TrainerOptions options) {
    Trainer(model, losses::CrossEntropy(), optimizer, options);
  };
  EXPECT_EQ(first_line<DataError>([&] { trainer_with({.epochs = -1}); }),
            "Trainer: epochs is -1 but must be at least 0.");
  EXPECT_EQ(first_line<DataError>([&] { trainer_with({.shard_size = -2}); }),
            "Trainer: shard_size is -2 but must be at least 1, 0 for whole batches, or "
            "kChooseShards.");
  EXPECT_EQ(first_line<DataError>([&] { trainer_with({.batches_per_step = 0}); }),
            "Trainer: batches_per_step is 0 but must be at least 1.");
  EXPECT_EQ(first_line<DataError>([&] { trainer_with({.max_gradient_norm = -1}); }),
            "Trainer: max_gradient_norm is -1 but must be at least 0.");
  EXPECT_EQ(first_line<DataError>([&] { trainer_with({.max_gradient_value = -1}); }),
            "Trainer: max_gradient_value is -1 but must be at least 0.");

  EXPECT_EQ(first_line<DataError>([&] { trainer_with({.average_decay = 1}); }),
            "Trainer: average_decay is 1 but must be in [0, 1).");
  EXPECT_EQ(first_line<DataError>([&] {
              trainer_with({.metadata = {{"trainer.epochs", 3}}});
            }),
            "Trainer: the metadata \"trainer.epochs\" has a name that begins with \"trainer.\", as "
            "the trainer's own do.");

  Trainer trainer(model, losses::CrossEntropy(), optimizer, {.epochs = 1, .quiet = true});
  EXPECT_EQ(first_line<DataError>([&] {
              trainer.fit(data::Loader(samples(5, 1), {.batch_size = 8, .drop_last = true}));
            }),
            "Trainer::fit: the loader has no batches.");
  const data::Dataset none = data::Subset(samples(5, 1), {});
  EXPECT_EQ(first_line<DataError>([&] { trainer.evaluate(none); }),
            "Trainer::evaluate: the dataset has no samples.");
  EXPECT_EQ(first_line<DataError>([&] { trainer.predict(none); }),
            "Trainer::predict: the dataset has no samples.");

  trainer.add<metrics::Accuracy>();
  EXPECT_EQ(first_line<DataError>([&] { trainer.add<metrics::Accuracy>(); }),
            "Trainer::add: there are two metrics named accuracy.");

  Trainer unreduced(model, [](const Tensor& y, const Tensor&) { return y; }, optimizer,
                    {.epochs = 1, .quiet = true});
  EXPECT_EQ(first_line<ShapeError>(
                [&] { unreduced.fit(data::Loader(samples(5, 1), {.batch_size = 5})); }),
            "Trainer: the loss must be a scalar, not 15 elements.");

  const data::TensorDataset ignored(Tensor::ones({4, 1, 6, 6}),
                                    Tensor::full({4}, 2, {.dtype = Dtype::i64}));
  for (const std::int64_t shard_size : {0, 2})
    for (const std::int64_t batches : {1, 2}) {
      Trainer weightless(
          model, losses::CrossEntropy({.ignore_index = 2}), optimizer,
          {.epochs = 1, .shard_size = shard_size, .batches_per_step = batches, .quiet = true});
      const std::string line =
          first_line<DataError>([&] { weightless.fit(data::Loader(ignored, {.batch_size = 4})); });
      EXPECT_TRUE(line.ends_with("the weights of the losses sum to 0 but must be above 0."))
          << line;
    }
}

TEST_F(Training, ErrorsNameTheUsersLine) {
  Net model(1);
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.1});
  Trainer trainer(model, losses::CrossEntropy(), optimizer, {.epochs = 1, .quiet = true});
  const auto expect_here = [](const std::string& text, const char* what) {
    EXPECT_NE(text.find(what), std::string::npos) << text;
    EXPECT_NE(text.find("at trainer_errors_test.cpp:"), std::string::npos) << text;
  };
  const data::TensorDataset classes(Tensor::ones({4, 1, 6, 6}),
                                    Tensor::full({4}, 3, {.dtype = Dtype::i64}));
  expect_here(message_of<DataError>([&] { trainer.fit(data::Loader(classes, {.batch_size = 4})); }),
              "cross_entropy: targets[0] is 3, but there are 3 classes");
  const data::TensorDataset untargeted(Tensor::ones({4, 1, 6, 6}));
  expect_here(
      message_of<ShapeError>([&] { trainer.fit(data::Loader(untargeted, {.batch_size = 4})); }),
      "cross_entropy: targets is an undefined tensor");
  expect_here(message_of<DataError>(
                  [&] { trainer.add<EarlyStopping>(EarlyStoppingOptions{.patience = -1}); }),
              "EarlyStopping: patience is -1");
  trainer.add<EarlyStopping>();
  expect_here(
      message_of<Error>([&] { trainer.fit(data::Loader(samples(4, 1), {.batch_size = 4})); }),
      "Logs::at: there is no \"validation_loss\" among: loss, learning_rate");
}

TEST(Logs, AreOrderedAndNamed) {
  Logs logs;
  logs.set("b", 1);
  logs.set("a", 2);
  logs.set("b", 3);
  ASSERT_EQ(logs.size(), 2U);
  EXPECT_EQ(logs.begin()->name, "b");
  EXPECT_EQ(logs.at("b"), 3);
  EXPECT_FALSE(logs.contains("c"));
  EXPECT_EQ(first_line<Error>([&] { (void)logs.at("c"); }),
            "Logs::at: there is no \"c\" among: b, a.");
}

}  // namespace
}  // namespace tenon
