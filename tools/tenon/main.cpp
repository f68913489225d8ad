// tenon: trains models, evaluates them, predicts, and looks into files. `tenon --help` has
// examples.
#include <fmt/format.h>
#include <tenon/core/error.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "tools/tenon/commands.h"
#include "tools/tenon/text.h"

namespace tenon::cli {
namespace {

constexpr const char* kExamples =
    "examples:\n"
    "  tenon train lenet5                    into runs/lenet5-1, -2, ...\n"
    "  tenon train lenet5 --resume           goes on with the newest run\n"
    "  tenon evaluate runs/lenet5-1/best.h5\n"
    "  tenon predict runs/lenet5-1/best.h5 digit.png\n"
    "  tenon summary lenet5\n"
    "  tenon inspect runs/lenet5-1/best.h5 --json\n"
    "  tenon report runs/lenet5-1/best.h5    a page to look at in a browser\n"
    "\n"
    "exit status: 0; 1 when something fails; 2 for a wrong command; 130 after Ctrl-C, when the run "
    "is saved";

int run(int argc, char** argv) {
  CLI::App app("Trains and looks at Tenon's models.", "tenon");
  app.set_version_flag("--version", "tenon " TENON_VERSION, "print the version");
  app.footer(kExamples);
  app.require_subcommand(1);
  add_train(app);
  add_evaluate(app);
  add_predict(app);
  add_summary(app);
  add_inspect(app);
  add_report(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUsage;
  }
  if (std::fflush(stdout) != 0) throw Error("standard output cannot be written to");
  return 0;
}

}  // namespace
}  // namespace tenon::cli

int main(int argc, char** argv) {
  try {
    return tenon::cli::run(argc, argv);
  } catch (const tenon::cli::Interrupted&) {
    return tenon::cli::kInterrupted;
  } catch (const std::exception& error) {
    std::fflush(stdout);
    fmt::print(stderr, "tenon: {}\n", tenon::cli::text_of(error));
    return tenon::cli::kFailed;
  }
}
