#include "tenon/train/progress_bar.h"

#include <fmt/format.h>

#include "tenon/train/trainer.h"

namespace tenon {
namespace {

std::string figures(const Trainer& trainer, std::int64_t epoch, const Logs& logs) {
  const std::int64_t epochs = trainer.options().epochs;
  std::string text =
      fmt::format("epoch {:>{}}/{}", epoch + 1, fmt::formatted_size("{}", epochs), epochs);
  for (const auto& [name, value] : logs)
    if (name != "learning_rate") text += fmt::format("  {} {:.4f}", name, value);
  return text;
}

}  // namespace

std::int64_t ProgressBar::samples_of_run(const Trainer& trainer) {
  return trainer.position().epoch * trainer.samples_per_epoch() +
         (trainer.position().batch > 0 ? trainer.samples_seen() : 0);
}

void ProgressBar::on_fit_begin(Trainer& trainer) {
  run_start_ = steady_seconds();
  samples_before_run_ = samples_of_run(trainer);
}

void ProgressBar::on_epoch_begin(Trainer& trainer) {
  epoch_start_ = steady_seconds();
  samples_before_epoch_ = samples_of_run(trainer);
}

void ProgressBar::on_batch_end(Trainer& trainer) {
  const bool is_last = trainer.position().batch == trainer.batches_per_epoch();
  if (!line_.is_due() && !is_last) return;
  const double now = steady_seconds();
  const auto samples = static_cast<double>(samples_of_run(trainer));
  const auto all = static_cast<double>(trainer.options().epochs * trainer.samples_per_epoch());
  const double rate = (samples - static_cast<double>(samples_before_epoch_)) / (now - epoch_start_);
  // By the whole run, validation included.
  const double left =
      (now - run_start_) / (samples - static_cast<double>(samples_before_run_)) * (all - samples);
  speed_ = fmt::format("  {:.0f} samples/s  ETA {}", rate, to_duration(left));
  line_.update(figures(trainer, trainer.position().epoch, trainer.running_logs()) + speed_);
}

void ProgressBar::on_epoch_end(Trainer& trainer, const Logs& logs) {
  line_.finish(figures(trainer, trainer.position().epoch - 1, logs) + speed_);
}

void ProgressBar::on_fit_end(Trainer&) { line_.leave(); }

}  // namespace tenon
