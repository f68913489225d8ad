#include "tenon/train/checkpointer.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "tenon/core/atomic_file_internal.h"
#include "tenon/core/fault_internal.h"
#include "tenon/nn/differences_internal.h"
#include "tenon/train/trainer.h"

namespace tenon {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "step-", kSuffix = ".h5";
constexpr const char* kBest = "best";

struct SavedFile {
  std::int64_t step;
  std::string path;
};

/// Newest first. Other files of the folder are nobody's business.
std::vector<SavedFile> saved_files(const std::string& folder) {
  std::vector<SavedFile> files;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    const std::string digits = name.substr(
        kPrefix.size(), name.size() - std::min(name.size(), kPrefix.size() + kSuffix.size()));
    if (digits.empty() || digits.size() > 18 ||
        digits.find_first_not_of("0123456789") != std::string::npos)
      continue;
    files.push_back({std::stoll(digits), entry.path().string()});
  }
  std::sort(files.begin(), files.end(),
            [](const SavedFile& a, const SavedFile& b) { return a.step > b.step; });
  return files;
}

}  // namespace

Checkpointer::Checkpointer(CheckpointerOptions options, Where where)
    : options_(std::move(options)), best_(worst_of(options_.monitor)) {
  if (options_.folder.empty())
    Fault("Checkpointer", where).raise<DataError>("folder is empty but must name one");
  const auto check = [&](const char* name, std::int64_t value) {
    if (value < 0)
      Fault("Checkpointer", where)
          .raise<DataError>(fmt::format("{} is {} but must be at least 0", name, value));
  };
  check("every_epochs", options_.every_epochs);
  check("every_steps", options_.every_steps);
  check("keep_last", options_.keep_last);
}

void Checkpointer::on_fit_begin(Trainer& trainer) {
  std::error_code error;
  fs::create_directories(options_.folder, error);
  if (error || !fs::is_directory(options_.folder))
    Fault("Checkpointer", where())
        .raise<CheckpointError>(
            fmt::format("cannot make the folder {}: {}", options_.folder,
                        error ? error.message() : "there is a file of that name"));
  remove_leftovers(options_.folder, std::string(kPrefix));
  if (trainer.position().step > 0) return;
  if (const std::vector<SavedFile> files = saved_files(options_.folder); !files.empty())
    Fault("Checkpointer", where())
        .fix("Resume it, with resume_newest, or give this run another folder.")
        .raise<CheckpointError>(fmt::format("the folder {} holds a run that got to step {}",
                                            options_.folder, files.front().step));
}

void Checkpointer::on_epoch_end(Trainer&, const Logs& logs) {
  if (!options_.keep_best) return;
  const double value = logs.at(options_.monitor.name, where());
  is_best_ = is_better(options_.monitor, value, best_);
  if (is_best_) best_ = value;
}

void Checkpointer::on_checkpoint(Trainer& trainer) {
  const TrainingPosition& at = trainer.position();
  const bool is_epoch_end = at.batch == 0;
  const auto is_due = [](std::int64_t number, std::int64_t every) {
    return every > 0 && number % every == 0;
  };
  if (is_epoch_end && std::exchange(is_best_, false))
    trainer.save((fs::path(options_.folder) / "best.h5").string(), where());
  if (!(is_epoch_end && is_due(at.epoch, options_.every_epochs)) &&
      !is_due(at.step, options_.every_steps) && !trainer.is_stopped())
    return;
  trainer.save(
      (fs::path(options_.folder) / fmt::format("{}{:08}{}", kPrefix, at.step, kSuffix)).string(),
      where());
  delete_old(at.step);
}

void Checkpointer::delete_old(std::int64_t step) const {
  std::error_code ignored;  // another try follows the next save
  std::int64_t kept = 0;
  for (const SavedFile& file : saved_files(options_.folder)) {
    // Files that lie ahead were damaged, or are of a run that was taken back to before them.
    if (file.step > step || (options_.keep_last > 0 && kept >= options_.keep_last))
      fs::remove(file.path, ignored);
    else
      ++kept;
  }
}

std::map<std::string, Tensor> Checkpointer::state() const {
  return {{kBest, Tensor::full({}, best_, {.dtype = Dtype::f64})}};
}

void Checkpointer::load_state(const std::map<std::string, Tensor>& state, Where where) {
  check_state("Checkpointer::load_state", "the callback", {{kBest, {Dtype::f64, {}}}}, state,
              where);
  best_ = state.at(kBest).item<double>();
}

std::vector<std::string> checkpoints_in(const std::string& folder) {
  std::vector<std::string> paths;
  for (const SavedFile& file : saved_files(folder)) paths.push_back(file.path);
  return paths;
}

Resumed resume_newest(Trainer& trainer, const std::string& folder, Where where) {
  Resumed resumed;
  for (const SavedFile& file : saved_files(folder)) {
    try {
      trainer.resume(file.path, where);
      resumed.path = file.path;
      return resumed;
    } catch (const CheckpointError& error) {
      resumed.skipped.emplace_back(error.what());
    }
  }
  if (resumed.skipped.empty()) return resumed;
  Fault fault("resume_newest", where);
  for (const std::string& reason : resumed.skipped) fault.note(reason);
  fault.raise<CheckpointError>(
      fmt::format("none of the {} checkpoints in {} can be used", resumed.skipped.size(), folder));
}

}  // namespace tenon
