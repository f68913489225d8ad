#include "tenon/train/log_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <vector>

#include "tenon/core/fault_internal.h"
#include "tenon/nn/differences_internal.h"
#include "tenon/train/trainer.h"

namespace tenon {
namespace {

constexpr const char* kBytes = "bytes";

/// The shortest text that reads back as the same number.
std::string number(double value) { return fmt::format("{}", value); }

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return result + '"';
}

/// A name that needs no quotes in a file of comma-separated values.
std::string column_of(std::string name) {
  for (char& c : name)
    if (c == ',' || c == '"' || c == '\n' || c == '\r') c = '_';
  return name;
}

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= line.size();) {
    const std::size_t end = std::min(line.find(',', begin), line.size());
    parts.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace

LogFile::~LogFile() { close(); }

void LogFile::close() {
  if (file_) std::fclose(file_);
  file_ = nullptr;
}

void LogFile::fail(const std::string& what) const {
  Fault("LogFile", where()).raise<DataError>(fmt::format("{}: {}", path_, what));
}

void LogFile::on_fit_begin(Trainer&) {
  close();
  file_ = std::fopen(path_.c_str(), bytes_ > 0 ? "r+b" : "wb");
  if (!file_) fail(fmt::format("cannot be opened: {}", std::strerror(errno)));
  first_line_.clear();
  if (bytes_ == 0) return;
  struct stat status {};
  if (fstat(fileno(file_), &status) != 0 || status.st_size < bytes_)
    fail(fmt::format("has {} bytes, but had {} when the run was saved", status.st_size, bytes_));
  for (int c = std::fgetc(file_); c != EOF && c != '\n'; c = std::fgetc(file_))
    first_line_ += static_cast<char>(c);
  if (ftruncate(fileno(file_), bytes_) != 0 || std::fseek(file_, 0, SEEK_END) != 0)
    fail(fmt::format("cannot be cut to {} bytes: {}", bytes_, std::strerror(errno)));
}

void LogFile::on_epoch_end(Trainer& trainer, const Logs& logs) {
  const std::string text =
      line(trainer.position().epoch, trainer.position().step, logs, first_line_);
  if (std::fwrite(text.data(), 1, text.size(), file_) != text.size() || std::fflush(file_) != 0 ||
      fsync(fileno(file_)) != 0)
    fail(fmt::format("cannot be written: {}", std::strerror(errno)));
  if (first_line_.empty()) first_line_ = text.substr(0, text.find('\n'));
  bytes_ += static_cast<std::int64_t>(text.size());
}

void LogFile::on_fit_end(Trainer&) { close(); }

std::map<std::string, Tensor> LogFile::state() const { return {{kBytes, Tensor::from(bytes_)}}; }

void LogFile::load_state(const std::map<std::string, Tensor>& state, Where where) {
  check_state("LogFile::load_state", "the log", {{kBytes, {Dtype::i64, {}}}}, state, where);
  bytes_ = state.at(kBytes).item<std::int64_t>();
}

std::string CsvLog::line(std::int64_t epoch, std::int64_t step, const Logs& logs,
                         const std::string& first_line) {
  std::string text;
  std::string header = first_line;
  if (header.empty()) {
    header = "epoch,step";
    for (const auto& [name, value] : logs) header += "," + column_of(name);
    text = header + "\n";
  }
  std::map<std::string, double> figures;
  for (const auto& [name, value] : logs) figures[column_of(name)] = value;
  text += fmt::format("{},{}", epoch, step);
  const std::vector<std::string> columns = split(header);
  for (std::size_t i = 2; i < columns.size(); ++i) {
    const auto figure = figures.find(columns[i]);
    text += figure == figures.end() ? "," : "," + number(figure->second);
  }
  return text + "\n";
}

std::string JsonLog::line(std::int64_t epoch, std::int64_t step, const Logs& logs,
                          const std::string&) {
  std::string text = fmt::format("{{\"epoch\": {}, \"step\": {}", epoch, step);
  for (const auto& [name, value] : logs)
    text += fmt::format(", {}: {}", quoted(name), std::isfinite(value) ? number(value) : "null");
  return text + "}\n";
}

}  // namespace tenon
