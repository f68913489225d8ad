#pragma once

namespace CLI {
class App;
}

/// The program `tenon`.
namespace tenon::cli {

// Its subcommands, one a file. Each adds itself; it runs while the command line is parsed, and
// throws.
void add_train(CLI::App& app);
void add_evaluate(CLI::App& app);
void add_predict(CLI::App& app);
void add_summary(CLI::App& app);
void add_inspect(CLI::App& app);
void add_report(CLI::App& app);

/// Thrown when Ctrl-C ended the work, after everything was saved.
struct Interrupted {};

inline constexpr int kFailed = 1, kWrongUsage = 2, kInterrupted = 130;  ///< exit codes

}  // namespace tenon::cli
