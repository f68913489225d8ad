#include "tenon/train/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace tenon {
namespace {
constexpr double kUpdateSeconds = 0.1;

/// What fits on one line of the terminal: a wrapped line could not be rewritten.
std::string one_line(const std::string& text) {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return text;
  return text.substr(0, size.ws_col - 1U);
}

}  // namespace

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

ProgressLine::ProgressLine() : terminal_(isatty(STDOUT_FILENO) == 1) {}

void ProgressLine::rewrite(const std::string& text) {
  const std::size_t blank = width_ > text.size() ? width_ - text.size() : 0;
  std::fputs(fmt::format("\r{}{}", text, std::string(blank, ' ')).c_str(), stdout);
  std::fflush(stdout);
  width_ = text.size();
}

bool ProgressLine::is_due() const {
  return terminal_ &&
         (last_update_seconds_ < 0 || steady_seconds() - last_update_seconds_ >= kUpdateSeconds);
}

void ProgressLine::update(const std::string& text) {
  if (!is_due()) return;
  last_update_seconds_ = steady_seconds();
  rewrite(one_line(text));
}

void ProgressLine::leave() {
  if (width_ > 0) std::fputs("\n", stdout);
  width_ = 0;
  last_update_seconds_ = -1;
}

void ProgressLine::finish(const std::string& text) {
  if (terminal_) {
    rewrite(text);
    std::fputs("\n", stdout);
  } else {
    std::puts(text.c_str());
  }
  std::fflush(stdout);
  last_update_seconds_ = -1;
  width_ = 0;
}

std::string to_duration(double seconds) {
  const auto whole = std::llround(std::max(0.0, seconds));
  if (whole >= 3600) return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
  if (whole >= 60) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} s", whole);
}

}  // namespace tenon
