#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tenon/train/callback.h"
#include "tenon/train/monitor.h"

namespace tenon {

struct CheckpointerOptions {
  std::string folder = {};        ///< of the files; made where there is none
  std::int64_t every_epochs = 1;  ///< 0: none for being at the end of an epoch
  std::int64_t every_steps = 0;   ///< of the optimizer, also within an epoch; 0: none
  std::int64_t keep_last = 3;     ///< older files are deleted; 0: none is
  bool keep_best = false;         ///< also "best.h5", of the epoch whose figure was best
  Monitor monitor = {};           ///< of keep_best
};

/// Saves the run as "step-00001404.h5", the number of the optimizer's steps, and when it is
/// stopped.
///   trainer.add<Checkpointer>(CheckpointerOptions{.folder = "runs/lenet5", .keep_best = true});
///   resume_newest(trainer, "runs/lenet5");
class Checkpointer : public Callback {
 public:
  /// Throws DataError for options out of range.
  explicit Checkpointer(CheckpointerOptions options, Where where = Where::current());

  /// Throws CheckpointError where the folder cannot be made, or holds a run that got further than
  /// one that begins anew would: its files would be mixed up.
  void on_fit_begin(Trainer& trainer) override;
  void on_epoch_end(Trainer& trainer, const Logs& logs) override;
  void on_checkpoint(Trainer& trainer) override;
  std::map<std::string, Tensor> state() const override;
  void load_state(const std::map<std::string, Tensor>& state,
                  Where where = Where::current()) override;

 private:
  void delete_old(std::int64_t step) const;

  CheckpointerOptions options_;
  double best_;
  bool is_best_ = false;  // the epoch that has just ended
};

/// The files of a Checkpointer in a folder but its best, newest first; none where there is no
/// folder.
std::vector<std::string> checkpoints_in(const std::string& folder);

/// What became of a folder of checkpoints.
struct Resumed {
  std::string path = {};                  ///< empty: there is no checkpoint
  std::vector<std::string> skipped = {};  ///< newer files that could not be used, and why
};

/// Resumes the newest checkpoint of the folder that is intact. Throws CheckpointError when there
/// are some, but none that can be used: it says why for each.
Resumed resume_newest(Trainer& trainer, const std::string& folder, Where where = Where::current());

}  // namespace tenon
