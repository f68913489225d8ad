#pragma once

#include <cstdint>
#include <string>

#include "tenon/train/callback.h"

namespace tenon {

class GraphCensus;

/// Notices when memory grows from batch to batch, as when a loop keeps losses with their graphs
/// (`total = total + loss`): prints, once, the operation and line whose nodes grow.
class RetentionAlarm : public Callback {
 public:
  ~RetentionAlarm() override;
  void on_epoch_begin(Trainer& trainer) override;
  void on_batch_end(Trainer& trainer) override;
  void on_fit_end(Trainer& trainer) override;

  /// What it printed; empty: nothing grows.
  const std::string& report() const { return report_; }

 private:
  void begin_census();
  void end_census();

  GraphCensus* census_ = nullptr;  ///< owned; while growth is looked into
  std::string report_;
  std::int64_t nodes_ = 0;  ///< that live after the last batch
  std::int64_t bytes_ = 0;
  int nodes_grew_ = 0;  ///< batches in a row
  int bytes_grew_ = 0;
};

}  // namespace tenon
