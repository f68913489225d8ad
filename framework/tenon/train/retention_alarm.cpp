#include "tenon/train/retention_alarm.h"

#include <fmt/format.h>

#include <utility>

#include "tenon/autograd/graph_census.h"
#include "tenon/core/error.h"
#include "tenon/core/memory.h"
#include "tenon/train/trainer.h"

namespace tenon {
namespace {

// A steady step ends with as much as the one before. Twelve in a row that do not are no accident
// of a Loader that reads ahead; with half of them the census is taken.
constexpr int kSuspicious = 12, kCertain = 24;

}  // namespace

RetentionAlarm::~RetentionAlarm() { end_census(); }

void RetentionAlarm::begin_census() {
  try {
    census_ = new GraphCensus();
  } catch (const Error&) {
    // Somebody else counts: the report will name no line.
  }
}

void RetentionAlarm::end_census() { delete std::exchange(census_, nullptr); }

void RetentionAlarm::on_epoch_begin(Trainer&) {
  const MemoryStats stats = memory_stats();
  nodes_ = stats.live_graph_nodes;
  bytes_ = stats.live_bytes;
}

void RetentionAlarm::on_batch_end(Trainer& trainer) {
  if (!report_.empty()) return;
  const MemoryStats stats = memory_stats();
  const std::int64_t nodes = stats.live_graph_nodes - nodes_;
  const std::int64_t bytes = stats.live_bytes - bytes_;
  nodes_ += nodes;
  bytes_ += bytes;
  nodes_grew_ = nodes > 0 ? nodes_grew_ + 1 : 0;
  bytes_grew_ = bytes > 0 ? bytes_grew_ + 1 : 0;
  if (nodes_grew_ == 0) end_census();
  if (nodes_grew_ == kSuspicious) begin_census();
  if (nodes_grew_ >= kCertain) {
    report_ = fmt::format("graph nodes grow by {} a batch ({} live)", nodes, nodes_);
    const std::vector<GraphCensusRow> rows =
        census_ ? census_->rows() : std::vector<GraphCensusRow>();
    if (!rows.empty())
      report_ += fmt::format(": {} {} {}; item() or detach() of what is kept lets the graph go",
                             rows.front().live, rows.front().operation, rows.front().place);
    end_census();
  } else if (bytes_grew_ >= kCertain && nodes_grew_ == 0) {
    report_ =
        fmt::format("tensors grow by {} bytes a batch ({} live), without graphs", bytes, bytes_);
  }
  if (!report_.empty() && !trainer.options().quiet) fmt::print("{}\n", report_);
}

void RetentionAlarm::on_fit_end(Trainer&) { end_census(); }

}  // namespace tenon
