#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "support/temporary_folder.h"
#include "tenon/io/checkpoint.h"
#include "tenon/train/checkpointer.h"
#include "tenon/train/trainer.h"
#include "train/session.h"

namespace tenon {
namespace {

/// Stops after so many batches of the run, as a killed process would, but in this one.
class StopAfter : public Callback {
 public:
  explicit StopAfter(std::int64_t batches) : left_(batches) {}
  void on_batch_end(Trainer& trainer) override {
    if (--left_ == 0) trainer.stop("enough");
  }

 private:
  std::int64_t left_;
};

void expect_same_tensors(const std::map<std::string, Tensor>& a,
                         const std::map<std::string, Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) {
    ASSERT_EQ(b.count(name), 1U) << name;
    const auto x = tensor.to_vector<double>(), y = b.at(name).to_vector<double>();
    ASSERT_EQ(x.size(), y.size()) << name;
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(x[i], y[i]) << name << " " << i;
  }
}

void expect_same_run(const Session& a, const Session& b) {
  expect_same_bits(a.model, b.model);
  expect_same_tensors(a.adam.state(), b.adam.state());
  expect_same_tensors(a.stopping->state(), b.stopping->state());
  ASSERT_EQ(a.trainer.history().size(), b.trainer.history().size());
  for (std::size_t i = 0; i < a.trainer.history().size(); ++i) {
    const Logs &x = a.trainer.history()[i], &y = b.trainer.history()[i];
    ASSERT_EQ(x.size(), y.size());
    for (std::size_t k = 0; k < x.size(); ++k) {
      EXPECT_EQ(x.begin()[k].name, y.begin()[k].name);
      EXPECT_EQ(x.begin()[k].value, y.begin()[k].value) << i << " " << x.begin()[k].name;
    }
  }
  EXPECT_EQ(a.trainer.position().step, b.trainer.position().step);
}

/// The files of a folder, sorted.
std::vector<std::string> files_of(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

TEST_F(Training, ARunThatWasStoppedAnywhereEndsAsOneThatWasNot) {
  const Setting settings[] = {{},
                              {.shard_size = 4},
                              {.shard_size = 3, .dropout = 0.5},
                              {.batches_per_step = 3, .dropout = 0.5},
                              {.normalise = true, .average_decay = 0.9}};
  for (const Setting& setting : settings) {
    set_num_threads(1);
    Session straight(setting, 3);
    straight.fit();
    EXPECT_EQ(straight.trainer.history().size(), 3U);
    // 7 batches an epoch: within the first, at the end of one, within a later one.
    for (const std::int64_t batches : {1, 5, 7, 10, 14, 20}) {
      TemporaryFolder folder;
      {
        Session stopped(setting, 3);
        stopped.trainer.add<StopAfter>(batches);
        stopped.fit();
        stopped.trainer.save(folder / "run.h5");
      }
      set_num_threads(2);
      Session resumed(setting, 3);
      resumed.trainer.add<StopAfter>(1000);
      resumed.trainer.resume(folder / "run.h5");
      resumed.fit();
      expect_same_run(straight, resumed);
      set_num_threads(1);
    }
  }
}

TEST_F(Training, ARunThatStoppedEarlyStaysStoppedWhenItIsResumed) {
  TemporaryFolder folder;
  Session straight({.patience = 0}, 50), again({.patience = 0}, 50);
  for (Session* session : {&straight, &again})
    session->trainer.add<Checkpointer>(CheckpointerOptions{.folder = folder / "run"});
  straight.fit();
  ASSERT_TRUE(straight.trainer.is_stopped());
  EXPECT_NE(resume_newest(again.trainer, folder / "run").path, "");
  again.fit();
  EXPECT_TRUE(again.trainer.is_stopped());
  expect_same_run(straight, again);
}

TEST_F(Training, AFolderIsOfOneRun) {
  TemporaryFolder folder;
  const CheckpointerOptions options{.folder = folder / "run", .keep_last = 2};
  {
    Session first({}, 4);
    first.trainer.add<Checkpointer>(options);
    first.fit();
  }
  Session anew({}, 1);
  anew.trainer.add<Checkpointer>(options);
  EXPECT_EQ(first_line<CheckpointError>([&] { anew.fit(); }),
            "Checkpointer: the folder " + (folder / "run") + " holds a run that got to step 28.");

  // A damaged newest file gives way to what the resumed run saves.
  write_bytes(folder / "run/step-00000028.h5", "damaged");
  Session resumed({}, 4);
  resumed.trainer.add<Checkpointer>(options);
  resume_newest(resumed.trainer, folder / "run");
  resumed.trainer.add<StopAfter>(2);
  resumed.fit();
  EXPECT_EQ(files_of(folder / "run"),
            (std::vector<std::string>{"step-00000021.h5", "step-00000023.h5"}));
}

TEST_F(Training, ParametersOfNoOptimizerDoNotGatherGradients) {
  Net model(1);
  ParameterList head;
  for (const auto& parameter : model.parameters())
    if (parameter.name.starts_with("head")) head.push_back(parameter);
  optim::Adam adam(head, {.learning_rate = 0.01});
  Trainer trainer(model, losses::CrossEntropy(), adam, {.epochs = 3, .quiet = true});
  trainer.fit(data::Loader(samples(50, 2), {.batch_size = 8}));
  for (const auto& [name, tensor] : model.parameters())
    EXPECT_FALSE(tensor.grad().defined()) << name;
}

TEST_F(Training, ATrainerGoesOnWhereItWasStopped) {
  Session straight({.shard_size = 4}, 2), twice({.shard_size = 4}, 2);
  straight.fit();
  twice.trainer.add<StopAfter>(3);
  twice.fit();
  EXPECT_EQ(twice.trainer.position().batch, 3);
  twice.fit();
  expect_same_run(straight, twice);
}

TEST_F(Training, AResumedRunNeedsTheLoaderThatItHad) {
  TemporaryFolder folder;
  Session run({}, 2);
  run.trainer.add<StopAfter>(3);
  run.fit();
  run.trainer.save(folder / "run.h5");
  Session other({}, 2);
  other.trainer.add<StopAfter>(100);
  other.trainer.resume(folder / "run.h5");
  try {
    other.trainer.fit(data::Loader(samples(50, 2), {.batch_size = 9, .shuffle = true, .seed = 6}));
    ADD_FAILURE() << "no error";
  } catch (const DataError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("the resumed run had another loader"), std::string::npos) << text;
    EXPECT_NE(text.find("batch_size was 8 and is 9 now"), std::string::npos) << text;
    EXPECT_NE(text.find("seed was 5 and is 6 now"), std::string::npos) << text;
  }
}

TEST_F(Training, AResumedRunNeedsTheOptionsThatItHad) {
  TemporaryFolder folder;
  Session run({.shard_size = 4}, 1);
  run.fit();
  run.trainer.save(folder / "run.h5");
  Session other({.shard_size = 8, .batches_per_step = 2}, 1);
  try {
    other.trainer.resume(folder / "run.h5");
    ADD_FAILURE() << "no error";
  } catch (const CheckpointError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("2 options of the saved run were others"), std::string::npos) << text;
    EXPECT_NE(text.find("batches_per_step was 1 and is 2 now"), std::string::npos) << text;
    EXPECT_NE(text.find("shard_size was 4 and is 8 now"), std::string::npos) << text;
  }
  EXPECT_EQ(other.trainer.position().step, 0);
}

TEST_F(Training, ACheckpointTellsWhatTheRunIsMadeOf) {
  TemporaryFolder folder;
  Net model(1);
  optim::Adam adam(model.parameters(), {});
  Trainer trainer(model, [](const Tensor& y, const Tensor& t) { return cross_entropy(y, t); }, adam,
                  {.epochs = 2, .metadata = {{"data", "stripes"}, {"take", 3}}, .quiet = true});
  trainer.add<metrics::Accuracy>();
  trainer.fit(data::Loader(samples(20, 2), {.batch_size = 8, .shuffle = true, .seed = 5}));
  trainer.save(folder / "run.h5");
  const auto metadata = load_checkpoint(folder / "run.h5").metadata;
  EXPECT_EQ(metadata.at("data").text(), "stripes");
  EXPECT_EQ(metadata.at("take").integer(), 3);
  EXPECT_EQ(metadata.at("trainer.model").text(), "Net");
  EXPECT_EQ(metadata.at("trainer.loss").text(), "function");
  EXPECT_EQ(metadata.at("trainer.optimizer").text(), "Adam");
  EXPECT_EQ(metadata.at("trainer.parts").text(), "metrics/accuracy");
  EXPECT_EQ(metadata.at("trainer.epochs").integer(), 2);
  EXPECT_EQ(metadata.at("trainer.shard_size").integer(), 0);
  EXPECT_EQ(metadata.at("trainer.max_gradient_norm").number(), 0);
  EXPECT_EQ(metadata.at("trainer.loader.batch_size").integer(), 8);
  EXPECT_EQ(metadata.at("trainer.loader.seed").integer(), 5);
}

TEST_F(Training, AFigureThatAnEpochLacksStaysAway) {
  TemporaryFolder folder;
  const data::Loader loader(samples(20, 2), {.batch_size = 8});
  Net model(1);
  optim::Adam adam(model.parameters(), {});
  Trainer run(model, losses::CrossEntropy(), adam, {.epochs = 2, .quiet = true});
  run.add<StopAfter>(loader.size());
  run.fit(loader, samples(9, 3));  // one epoch
  run.fit(loader);                 // and one without validation
  run.save(folder / "run.h5");
  Trainer resumed(model, losses::CrossEntropy(), adam, {.epochs = 2, .quiet = true});
  resumed.add<StopAfter>(100);
  resumed.resume(folder / "run.h5");
  const std::vector<Logs>& history = resumed.history();
  ASSERT_EQ(history.size(), 2U);
  EXPECT_EQ(history[0].at("validation_loss"), run.history()[0].at("validation_loss"));
  EXPECT_FALSE(history[1].contains("validation_loss"));
  EXPECT_EQ(history[1].at("loss"), run.history()[1].at("loss"));
}

TEST_F(Training, AStateThatDoesNotFitChangesNothing) {
  TemporaryFolder folder;
  Session run({}, 1);
  run.fit();
  run.trainer.save(folder / "run.h5");

  // The first callback takes its state over; the second one is not in the file.
  Session other({}, 1), untouched({}, 1);
  other.trainer.add<EarlyStopping>();
  EXPECT_TRUE(first_line<CheckpointError>([&] {
                other.trainer.resume(folder / "run.h5");
              }).find("the state does not fit the callback: 3 missing") != std::string::npos);
  expect_same_run(other, untouched);
  EXPECT_EQ(other.trainer.position().epoch, 0);

  Net model(1);
  optim::Adam adam(model.parameters(), {});
  Trainer bare(model, losses::CrossEntropy(), adam, {.quiet = true});
  EXPECT_TRUE(first_line<CheckpointError>([&] {
                bare.resume(folder / "run.h5");
              }).starts_with("Trainer::resume: the state does not fit the trainer: "));
}

TEST_F(Training, CheckpointsKeepTheLastAndTheBest) {
  TemporaryFolder folder;
  write_bytes(folder / "step-notes.h5", "mine");
  std::filesystem::create_directories(folder / "deep/run");
  write_bytes(folder / "deep/run/.step-00000003.h5.tmp-1-0", "of a process that was killed");
  Session run({}, 5);
  run.trainer.add<Checkpointer>(CheckpointerOptions{
      .folder = folder / "deep/run", .every_steps = 4, .keep_last = 3, .keep_best = true});
  run.fit();
  EXPECT_EQ(files_of(folder / "deep/run"),
            (std::vector<std::string>{"best.h5", "step-00000028.h5", "step-00000032.h5",
                                      "step-00000035.h5"}));
  EXPECT_TRUE(std::filesystem::exists(folder / "step-notes.h5"));

  Session best({}, 5);
  best.trainer.add<Checkpointer>(CheckpointerOptions{.folder = folder / "deep/run"});
  best.trainer.resume(folder / "deep/run/best.h5");
  EXPECT_EQ(best.trainer.position().epoch - 1, run.stopping->best_epoch());
}

TEST_F(Training, TheNewestIntactCheckpointIsResumed) {
  TemporaryFolder folder;
  const CheckpointerOptions options{.folder = folder / "run", .keep_last = 0};
  Session run({}, 4);
  run.trainer.add<Checkpointer>(options);
  run.fit();
  const auto resume = [&](Session& resumed) {
    resumed.trainer.add<Checkpointer>(options);
    return resume_newest(resumed.trainer, folder / "run");
  };
  const auto path = [&](const char* step) {
    return folder / ("run/step-" + std::string(step) + ".h5");
  };
  const std::string bytes = read_bytes(path("00000028"));
  write_bytes(path("00000028"), bytes.substr(0, bytes.size() / 2));
  write_bytes(path("00000021"), "");
  Session resumed({}, 4);
  const Resumed result = resume(resumed);
  EXPECT_EQ(result.path, path("00000014"));
  ASSERT_EQ(result.skipped.size(), 2U);
  EXPECT_NE(result.skipped[0].find("step-00000028.h5"), std::string::npos);
  EXPECT_NE(result.skipped[1].find("step-00000021.h5"), std::string::npos);
  resumed.fit();
  expect_same_run(run, resumed);
  EXPECT_EQ(read_bytes(path("00000028")), bytes);

  Session none({}, 4);
  EXPECT_EQ(resume_newest(none.trainer, folder / "nothing").path, "");
  std::filesystem::create_directory(folder / "bad");
  write_bytes(folder / "bad/step-00000001.h5", "no");
  EXPECT_EQ(first_line<CheckpointError>([&] { resume_newest(none.trainer, folder / "bad"); }),
            "resume_newest: none of the 1 checkpoints in " + (folder / "bad") + " can be used.");
}

TEST_F(Training, CheckpointersSayWhatIsWrong) {
  TemporaryFolder folder;
  EXPECT_EQ(first_line<DataError>([] { Checkpointer({}); }),
            "Checkpointer: folder is empty but must name one.");
  EXPECT_EQ(first_line<DataError>([] { Checkpointer({.folder = "x", .every_steps = -1}); }),
            "Checkpointer: every_steps is -1 but must be at least 0.");
  write_bytes(folder / "file", "");
  Session run({}, 1);
  run.trainer.add<Checkpointer>(CheckpointerOptions{.folder = folder / "file/run"});
  EXPECT_EQ(first_line<CheckpointError>([&] { run.fit(); }),
            "Checkpointer: cannot make the folder " + (folder / "file/run") + ": Not a directory.");
}

TEST_F(Training, NothingIsSavedWithinAStep) {
  class SaveAtOnce : public Callback {
   public:
    explicit SaveAtOnce(std::string path) : path_(std::move(path)) {}
    void on_batch_end(Trainer& trainer) override { trainer.save(path_); }

   private:
    std::string path_;
  };
  TemporaryFolder folder;
  Session run({.batches_per_step = 3}, 1);
  run.trainer.add<SaveAtOnce>(folder / "run.h5");
  EXPECT_EQ(first_line<Error>([&] { run.fit(); }),
            "Trainer::save: 1 of 3 batches of a step are done; a checkpoint stands between steps.");
}

}  // namespace
}  // namespace tenon
