#pragma once

#include <cstdint>

#include "tenon/optim/adam.h"
#include "tenon/optim/schedule.h"
#include "tenon/train/classification_metrics.h"
#include "tenon/train/early_stopping.h"
#include "tenon/train/trainer.h"
#include "train/trained.h"

namespace tenon {

struct Setting {
  std::int64_t shard_size = 0;
  std::int64_t batches_per_step = 1;
  double dropout = 0;
  bool normalise = false;
  double average_decay = 0;
  std::int64_t patience = 100;
};

/// A run with everything that has a state, and with what it must end with.
struct Session {
  Session(const Setting& setting, std::int64_t epochs, std::uint64_t seed = 1)
      : model(seed, setting.normalise, setting.dropout),
        adam(model.parameters(), {.learning_rate = 0.01}),
        trainer(model, losses::CrossEntropy(), adam,
                {.epochs = epochs,
                 .shard_size = setting.shard_size,
                 .batches_per_step = setting.batches_per_step,
                 .schedule = optim::ExponentialSchedule{.learning_rate = 0.01, .gamma = 0.9},
                 .average_decay = setting.average_decay,
                 .quiet = true}) {
    trainer.add<metrics::Accuracy>();
    stopping = &trainer.add<EarlyStopping>(EarlyStoppingOptions{
        .patience = setting.patience, .restore_best = setting.average_decay == 0});
  }
  void fit() {
    trainer.fit(data::Loader(samples(50, 2), {.batch_size = 8, .shuffle = true, .seed = 5}),
                samples(9, 3));
  }

  Net model;
  optim::Adam adam;
  Trainer trainer;
  EarlyStopping* stopping;
};

}  // namespace tenon
