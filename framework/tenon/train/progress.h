#pragma once

#include <cstdint>
#include <string>

namespace tenon {

/// A line on standard output that tells how far a piece of work is. On a terminal it is updated in
/// place, at most ten times a second; in a pipe only the last text of each line comes out, so that
/// a log has one line an epoch.
class ProgressLine {
 public:
  ProgressLine();

  /// Whether an update now would be seen.
  bool is_due() const;
  /// Replaces the text; may be dropped when the last one is young.
  void update(const std::string& text);
  /// Ends a line that stands there unfinished, so that other text can follow.
  void leave();
  /// Replaces the text, and ends the line.
  void finish(const std::string& text);

 private:
  void rewrite(const std::string& text);

  bool terminal_;
  double last_update_seconds_ = -1;
  std::size_t width_ = 0;  // of the text that stands there
};

/// Seconds on a steady clock.
double steady_seconds();

/// "1 h 05 min", "2 min 10 s", "7 s"
std::string to_duration(double seconds);

}  // namespace tenon
