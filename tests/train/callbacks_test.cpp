#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "support/close.h"
#include "support/temporary_folder.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/autograd/graph_census.h"
#include "tenon/optim/schedule.h"
#include "tenon/optim/sgd.h"
#include "tenon/train/early_stopping.h"
#include "tenon/train/log_file.h"
#include "tenon/train/nan_stop.h"
#include "tenon/train/plateau.h"
#include "tenon/train/retention_alarm.h"
#include "tenon/train/time_limit.h"
#include "tenon/train/trainer.h"
#include "train/trained.h"

namespace tenon {
namespace {

/// Writes given figures into the logs in the place of validation, by standing in front of the
/// callback that reads them.
class Scripted : public Training {
 protected:
  Net model{1};
  optim::SGD sgd{model.parameters(), {.learning_rate = 0}};
  Trainer trainer{model, losses::CrossEntropy(), sgd, {.epochs = 20, .quiet = true}};

  /// The epochs after which the callback has stopped the trainer, 0 for never.
  std::size_t stopped_after(Callback& callback, const std::vector<double>& figures) {
    for (std::size_t i = 0; i < figures.size(); ++i) {
      Logs logs;
      logs.set("validation_loss", figures[i]);
      callback.on_epoch_end(trainer, logs);
      if (trainer.is_stopped()) return i + 1;
    }
    return 0;
  }
};

TEST_F(Scripted, EarlyStoppingBearsItsPatience) {
  EarlyStopping patient({.patience = 2});
  EXPECT_EQ(stopped_after(patient, {3, 2, 2, 2.5, 1.9, 5, 5, 5, 0}), 8U);
  EXPECT_EQ(patient.best(), 1.9);
  EXPECT_EQ(trainer.stop_reason(), "validation_loss has not improved on 1.9 for 3 epochs");
}

TEST_F(Scripted, EarlyStoppingAsksForAnImprovementAndCanLookForHigherFigures) {
  EarlyStopping strict({.monitor = {.least_improvement = 0.5}});
  EXPECT_EQ(stopped_after(strict, {3, 2.4, 2.2}), 3U);
}
TEST_F(Scripted, EarlyStoppingCanLookForHigherFigures) {
  EarlyStopping higher({.monitor = {.better = Better::higher}});
  EXPECT_EQ(stopped_after(higher, {1, 2, 3, 3}), 4U);
}
TEST_F(Scripted, EarlyStoppingTakesNanForNoImprovement) {
  EarlyStopping impatient;
  EXPECT_EQ(stopped_after(impatient, {std::numeric_limits<double>::quiet_NaN()}), 1U);
}

TEST_F(Scripted, EarlyStoppingPutsTheBestModelBack) {
  EarlyStopping stopping({.patience = 1, .restore_best = true});
  const auto set_bias = [&](double value) {
    const NoGradGuard no_grad;
    model.parameters().at("head.bias").fill(value);
  };
  set_bias(1);
  EXPECT_EQ(stopped_after(stopping, {3}), 0U);
  set_bias(2);
  EXPECT_EQ(stopped_after(stopping, {2}), 0U);  // the best
  EarlyStopping resumed({.patience = 1, .restore_best = true});
  resumed.load_state(stopping.state());
  set_bias(3);
  EXPECT_EQ(stopped_after(resumed, {4, 4}), 2U);
  resumed.on_fit_end(trainer);
  EXPECT_EQ(model.parameters().at("head.bias").to_vector<float>(), (std::vector<float>{2, 2, 2}));
}

TEST_F(Scripted, EarlyStoppingSaysWhatIsWrong) {
  Trainer averaging(model, losses::CrossEntropy(), sgd, {.average_decay = 0.9, .quiet = true});
  EarlyStopping restoring({.restore_best = true});
  EXPECT_TRUE(first_line<DataError>([&] {
                restoring.on_fit_begin(averaging);
              }).starts_with("EarlyStopping: restore_best would put weights back whose average"));
  EXPECT_EQ(first_line<DataError>([] { EarlyStopping({.patience = -1}); }),
            "EarlyStopping: patience is -1 but must be at least 0.");
  EXPECT_EQ(first_line<DataError>([] { EarlyStopping({.monitor = {.least_improvement = -1}}); }),
            "EarlyStopping: least_improvement is -1 but must be at least 0.");
  EarlyStopping stopping({.monitor = {.name = "validation_f1"}});
  EXPECT_EQ(first_line<Error>([&] { stopped_after(stopping, {1}); }),
            "Logs::at: there is no \"validation_f1\" among: validation_loss.");
  EXPECT_EQ(first_line<CheckpointError>([&] { stopping.load_state({}); }),
            "EarlyStopping::load_state: the state does not fit the callback: 3 missing.");
  std::map<std::string, Tensor> state = EarlyStopping().state();
  state["model/head.bias"] = Tensor::zeros({7});
  stopping.load_state(state);
  EXPECT_TRUE(first_line<CheckpointError>([&] {
                stopping.on_fit_begin(trainer);
              }).starts_with("EarlyStopping: the state does not fit the model:"));
}

TEST_F(Training, LogFilesHaveALineAnEpochAndAreCutBackOnResume) {
  TemporaryFolder folder;
  const auto run = [&](std::int64_t epochs, const std::string& resume, const std::string& save) {
    Net model(1);
    optim::SGD sgd(model.parameters(), {.learning_rate = 0.1});
    Trainer trainer(model, losses::CrossEntropy(), sgd, {.epochs = epochs, .quiet = true});
    trainer.add<CsvLog>(folder / "run.csv");
    trainer.add<JsonLog>(folder / "run.jsonl");
    if (!resume.empty()) trainer.resume(resume);
    trainer.fit(data::Loader(samples(20, 2), {.batch_size = 10}), samples(5, 3));
    if (!save.empty()) trainer.save(save);
  };
  run(4, "", "");
  const std::string csv = read_bytes(folder / "run.csv"), json = read_bytes(folder / "run.jsonl");
  EXPECT_TRUE(csv.starts_with("epoch,step,loss,learning_rate,validation_loss\n1,2,")) << csv;
  EXPECT_TRUE(json.starts_with("{\"epoch\": 1, \"step\": 2, \"loss\": ")) << json;
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 5);
  EXPECT_EQ(std::count(json.begin(), json.end(), '\n'), 4);

  run(2, "", folder / "two.h5");
  // What a run writes between its last checkpoint and its end.
  write_bytes(folder / "run.csv", read_bytes(folder / "run.csv") + "3,6,0.1,0.1");
  run(4, folder / "two.h5", "");
  EXPECT_EQ(read_bytes(folder / "run.csv"), csv);
  EXPECT_EQ(read_bytes(folder / "run.jsonl"), json);

  write_bytes(folder / "run.csv", "epoch");
  EXPECT_TRUE(first_line<DataError>([&] {
                run(4, folder / "two.h5", "");
              }).find("run.csv: has 5 bytes, but had ") != std::string::npos);
}

TEST_F(Scripted, LogFilesTakeAnyNameAndNumber) {
  TemporaryFolder folder;
  CsvLog csv(folder / "a.csv");
  JsonLog json(folder / "a.jsonl");
  Logs first, second;
  first.set("f1, \"a\"", 0.1);
  first.set("nan", std::numeric_limits<double>::quiet_NaN());
  second.set("new", 7);
  second.set("f1, \"a\"", 1e-300);
  for (LogFile* log : {static_cast<LogFile*>(&csv), static_cast<LogFile*>(&json)}) {
    log->on_fit_begin(trainer);
    log->on_epoch_end(trainer, first);
    log->on_epoch_end(trainer, second);
    log->on_fit_end(trainer);
  }
  EXPECT_EQ(read_bytes(folder / "a.csv"), "epoch,step,f1_ _a_,nan\n0,0,0.1,nan\n0,0,1e-300,\n");
  EXPECT_EQ(read_bytes(folder / "a.jsonl"),
            "{\"epoch\": 0, \"step\": 0, \"f1, \\\"a\\\"\": 0.1, \"nan\": null}\n"
            "{\"epoch\": 0, \"step\": 0, \"new\": 7, \"f1, \\\"a\\\"\": 1e-300}\n");
  CsvLog nowhere(folder / "none/a.csv");
  EXPECT_TRUE(first_line<DataError>([&] {
                nowhere.on_fit_begin(trainer);
              }).ends_with("none/a.csv: cannot be opened: No such file or directory."));
}

TEST_F(Training, NanStopNamesTheOperationAndLeavesTheModelAsItWas) {
  for (const std::int64_t shard_size : {0, 4}) {
    Net model(1), before(1);
    optim::SGD sgd(model.parameters(), {.learning_rate = 0});
    Trainer trainer(model, losses::CrossEntropy(), sgd,
                    {.epochs = 2, .shard_size = shard_size, .quiet = true});
    trainer.set_forward([&](const Tensor& x) { return log(model(x) - 1e6); });
    trainer.add<NanStop>();
    trainer.fit(data::Loader(samples(20, 2), {.batch_size = 10}));
    EXPECT_TRUE(trainer.is_stopped());
    EXPECT_EQ(trainer.position().batch, 0);
    EXPECT_TRUE(trainer.stop_reason().starts_with("the loss is nan\nlog: "))
        << trainer.stop_reason();
    EXPECT_NE(trainer.stop_reason().find("callbacks_test.cpp:"), std::string::npos)
        << trainer.stop_reason();
    expect_same_bits(model, before);
  }
}

TEST_F(Training, NanStopSeesAGradientThatIsNotFinite) {
  Net model(1);
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.1});
  // The loss is 0, but the derivative of the root at 0 is infinite.
  Trainer trainer(model, [](const Tensor& y, const Tensor&) { return sum(sqrt(y * 0)); }, sgd,
                  {.epochs = 1, .quiet = true});
  trainer.add<NanStop>();
  trainer.fit(data::Loader(samples(4, 2), {.batch_size = 4}));
  EXPECT_TRUE(trainer.stop_reason().starts_with("the gradient of conv.weight is not finite\n"))
      << trainer.stop_reason();
}

TEST_F(Scripted, PlateauLowersTheLearningRate) {
  Plateau plateau({.reduce = {.learning_rate = 0.5, .factor = 0.1, .patience = 1}});
  plateau.on_fit_begin(trainer);
  EXPECT_EQ(sgd.learning_rate(), 0.5);
  stopped_after(plateau, {3, 2, 2});
  EXPECT_EQ(sgd.learning_rate(), 0.5);
  Plateau resumed({.reduce = {.learning_rate = 0.5, .factor = 0.1, .patience = 1}});
  resumed.load_state(plateau.state());
  stopped_after(resumed, {2});
  EXPECT_DOUBLE_EQ(sgd.learning_rate(), 0.05);

  Trainer scheduled(model, losses::CrossEntropy(), sgd,
                    {.schedule = optim::ConstantSchedule{}, .quiet = true});
  EXPECT_EQ(first_line<DataError>([&] { plateau.on_fit_begin(scheduled); }),
            "Plateau: the trainer has a schedule, which sets the learning rate at each step.");
}

TEST_F(Training, TheRetentionAlarmNamesTheLineWhoseGraphsStay) {
  for (const bool keeps : {true, false}) {
    Net model(1);
    optim::SGD sgd(model.parameters(), {.learning_rate = 0.1});
    Trainer trainer(model, losses::CrossEntropy(), sgd, {.epochs = 2, .shard_size = 0});
    Tensor total = Tensor::zeros({});
    trainer.set_backward([&](const data::Batch& batch) -> LossTotal {
      const Tensor loss = cross_entropy(model(batch.inputs), batch.targets);
      loss.backward();
      total = total + (keeps ? loss : loss.detach());
      return {loss.item<double>(), 1};
    });
    const RetentionAlarm& alarm = trainer.add<RetentionAlarm>();
    testing::internal::CaptureStdout();
    trainer.fit(data::Loader(samples(80, 2), {.batch_size = 2}));
    const std::string printed = testing::internal::GetCapturedStdout();
    if (!keeps) {
      EXPECT_EQ(alarm.report(), "");
      EXPECT_EQ(printed, "");
      continue;
    }
    EXPECT_EQ(printed, alarm.report() + "\n");
    EXPECT_TRUE(alarm.report().starts_with("graph nodes grow by ")) << alarm.report();
    EXPECT_NE(alarm.report().find("callbacks_test.cpp:"), std::string::npos) << alarm.report();
  }
}

TEST_F(Training, TheRetentionAlarmSeesTensorsWithoutGraphs) {
  Net model(1);
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.1});
  Trainer trainer(model, losses::CrossEntropy(), sgd, {.epochs = 1, .quiet = true});
  std::vector<Tensor> kept;
  trainer.set_backward([&](const data::Batch& batch) {
    kept.push_back(Tensor::zeros({100}));
    return trainer.backward(batch);
  });
  const RetentionAlarm& alarm = trainer.add<RetentionAlarm>();
  trainer.fit(data::Loader(samples(80, 2), {.batch_size = 2}));
  EXPECT_TRUE(alarm.report().starts_with("tensors grow by 4")) << alarm.report();
}

TEST(GraphCensus, CountsWhatIsMadeAndWhatDies) {
  const Tensor w = Tensor::ones({2}).set_requires_grad();
  const Tensor before = w * 2;
  const GraphCensus census;
  EXPECT_EQ(first_line<Error>([] { GraphCensus(); }),
            "GraphCensus: there is one already, and no two can run at once.");
  std::vector<Tensor> kept;
  for (int i = 0; i < 3; ++i) kept.push_back(exp(w));
  { const Tensor gone = tanh(w); }
  const std::vector<GraphCensusRow> rows = census.rows();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].operation, "exp");
  EXPECT_EQ(rows[0].live, 3);
  EXPECT_TRUE(rows[0].place.starts_with("at callbacks_test.cpp:")) << rows[0].place;
}

TEST_F(Training, ATimeLimitStopsAfterTheBatchThatRuns) {
  Net model(1);
  optim::SGD sgd(model.parameters(), {.learning_rate = 0.1});
  Trainer trainer(model, losses::CrossEntropy(), sgd, {.epochs = 1000, .quiet = true});
  trainer.add<TimeLimit>(1e-9);
  trainer.fit(data::Loader(samples(20, 2), {.batch_size = 10}));
  EXPECT_EQ(trainer.position().step, 1);
  EXPECT_EQ(trainer.stop_reason(), "the time limit of 0 s is over");
  EXPECT_EQ(first_line<DataError>([] { TimeLimit(0); }),
            "TimeLimit: seconds is 0 but must be above 0.");
}

}  // namespace
}  // namespace tenon
