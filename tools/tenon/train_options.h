#pragma once

#include <cstdint>
#include <string>

#include "tools/tenon/model_file.h"

namespace CLI {
class App;
}

namespace tenon::cli {

struct TrainOptions {
  std::string model;
  std::string data;
  std::int64_t epochs = 10;
  std::int64_t batch_size = 128;
  double learning_rate = 2e-3;
  std::string schedule = "cosine";
  std::string optimizer = "adam";
  int threads = 0;  ///< 0: the machine's
  std::int64_t seed = 1;
  std::string run;
  std::string resume;  ///< "auto" or a file; empty: begin a run
  bool quiet = false;
  bool json = false;
};

void add_train_options(CLI::App& command, TrainOptions& options);

/// What checkpoints carry along: these options, and the machine.
Metadata metadata_of(const TrainOptions& options);

/// Takes over from a run's checkpoint what the command line does not give. Throws an Error for a
/// file that `tenon train` did not write, and one that lists all options that contradict the run's.
void take_over(TrainOptions& options, const CLI::App& command, const std::string& path,
               const Metadata& saved);

}  // namespace tenon::cli
