#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <utility>

#include "tenon/train/callback.h"

namespace tenon {

/// A file with a line for each epoch, which a resumed run continues: what was written after its
/// checkpoint is cut off.
class LogFile : public Callback {
 public:
  /// Begins the file anew, or continues that of the resumed run. Throws DataError that names a file
  /// that cannot be opened, or is shorter than it was.
  void on_fit_begin(Trainer& trainer) override;
  /// Writes the line, through to the system. Throws DataError where that fails.
  void on_epoch_end(Trainer& trainer, const Logs& logs) override;
  void on_fit_end(Trainer& trainer) override;
  std::map<std::string, Tensor> state() const override;
  void load_state(const std::map<std::string, Tensor>& state,
                  Where where = Where::current()) override;
  ~LogFile() override;

 protected:
  explicit LogFile(std::string path) : path_(std::move(path)) {}
  /// The line of an epoch with its newline; `first_line` is the file's, empty at the start.
  virtual std::string line(std::int64_t epoch, std::int64_t step, const Logs& logs,
                           const std::string& first_line) = 0;

 private:
  [[noreturn]] void fail(const std::string& what) const;
  void close();

  std::string path_;
  std::string first_line_;
  std::int64_t bytes_ = 0;
  std::FILE* file_ = nullptr;
};

/// Comma-separated values: a header, then epoch, step and the figures of the first epoch's logs. A
/// figure that an epoch lacks stays empty; one that the first lacked is left out.
///   trainer.add<CsvLog>("run.csv");
class CsvLog : public LogFile {
 public:
  explicit CsvLog(std::string path) : LogFile(std::move(path)) {}

 protected:
  std::string line(std::int64_t epoch, std::int64_t step, const Logs& logs,
                   const std::string& first_line) override;
};

/// A JSON object a line: {"epoch": 1, "step": 469, "loss": 0.25}. NaN and infinities are null.
///   trainer.add<JsonLog>("run.jsonl");
class JsonLog : public LogFile {
 public:
  explicit JsonLog(std::string path) : LogFile(std::move(path)) {}

 protected:
  std::string line(std::int64_t epoch, std::int64_t step, const Logs& logs,
                   const std::string& first_line) override;
};

}  // namespace tenon
