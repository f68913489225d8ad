// tenon-bench: the time of one operation, with shapes from the command line, in every layout.
#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <exception>
#include <string_view>
#include <thread>

#include "benchmarks/support/instruction_set.h"
#include "benchmarks/tenon_bench/commands.h"

namespace tenon::benchmarks {
namespace {

constexpr const char* kExamples =
    "examples:\n"
    "  tenon-bench conv2d --batch 128 --in-channels 64 --size 32 --out-channels 64 --kernel 3\n"
    "  tenon-bench conv2d --batch 16 --in-channels 6 --size 12 --out-channels 16 --kernel 5 "
    "--layout batch-inner --threads 1\n"
    "  tenon-bench conv2d --in-channels 64 --groups 64 --padding same --direction forward\n"
    "  tenon-bench pool2d --kind maximum --channels 64 --kernel 3 --stride 2 --padding 1\n"
    "  tenon-bench conv2d --kernel 3x5 --json\n"
    "\n"
    "exit status: 0, 1 when the shapes do not fit together or into memory, 2 for a wrong command";

bool parse_number(std::string_view text, std::int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

/// "3" or "3x5"
Size2 parse_size(const std::string& option, const std::string& text, std::int64_t least) {
  const std::size_t x = text.find('x');
  Size2 size;
  const bool read = parse_number(text.substr(0, x), size.height) &&
                    parse_number(x == std::string::npos ? text : text.substr(x + 1), size.width);
  if (!read || size.height < least || size.width < least || size.height > 1'000'000 ||
      size.width > 1'000'000)
    throw CLI::ValidationError(option, "takes a number from " + std::to_string(least) +
                                           " on, or height x width as in 3x5, not \"" + text + '"');
  return size;
}

CLI::Option* add_size(CLI::App& app, const std::string& option, Size2& size, std::int64_t least,
                      const std::string& description) {
  return app
      .add_option_function<std::string>(
          option,
          [&size, option, least](const std::string& text) {
            size = parse_size(option, text, least);
          },
          description)
      ->type_name("N|HxW");
}

void add_count(CLI::App& app, const std::string& option, std::int64_t& count,
               const std::string& description) {
  app.add_option(option, count, description)
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}))
      ->type_name("N")
      ->capture_default_str();
}

struct CommonTexts {
  std::string layout = "all";
  std::string direction = "all";
};

void add_common(CLI::App& app, Common& common, CommonTexts& texts,
                const std::vector<std::string>& directions) {
  std::vector<std::string> choices = directions;
  choices.emplace_back("all");
  app.add_option("--layout", texts.layout, "order of the images in memory")
      ->check(CLI::IsMember({"rows", "channels-last", "batch-inner", "all"}))
      ->capture_default_str();
  app.add_option("--direction", texts.direction, "what to measure")
      ->check(CLI::IsMember(choices))
      ->capture_default_str();
  app.add_option("--threads", common.threads, "threads to compute with")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--seconds", common.seconds, "time to spend on each measurement")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  app.add_flag_callback("--avx2", limit_to_avx2, "nothing beyond AVX2, though the machine has it");
  app.add_flag("--json", common.json, "print JSON instead of a table");
  app.footer(kExamples);
}

/// The choices that an option means: itself, or all.
std::vector<std::string> chosen(const std::string& text, const std::vector<std::string>& all) {
  return text == "all" ? all : std::vector{text};
}

int run(int argc, char** argv) {
  CLI::App app("Measures one operation of Tenon with shapes of your choice, in every layout.",
               "tenon-bench");
  app.footer(kExamples);
  app.require_subcommand(1);

  Common common{.layouts = {},
                .threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()))};
  CommonTexts texts;
  const std::vector<std::string> conv_directions{"forward", "backward-data", "backward-weights"};
  const std::vector<std::string> pool_directions{"forward", "backward"};

  Conv2dCommand conv;
  CLI::App& conv_app = *app.add_subcommand("conv2d", "convolution");
  add_count(conv_app, "--batch", conv.batch, "images");
  add_count(conv_app, "--in-channels", conv.in_channels, "channels of an image");
  add_size(conv_app, "--size", conv.size, 1, "height and width of an image [32]");
  add_count(conv_app, "--out-channels", conv.out_channels, "channels of the result");
  add_size(conv_app, "--kernel", conv.kernel, 1, "height and width of the kernel [3]");
  add_size(conv_app, "--stride", conv.stride, 1, "[1]");
  conv_app
      .add_option_function<std::string>(
          "--padding",
          [&conv](const std::string& text) {
            const Size2 size = text == "same" ? Size2(0) : parse_size("--padding", text, 0);
            conv.padding =
                text == "same" ? Padding2(Padding::same) : Padding2(size.height, size.width);
          },
          "zeros on each side, or \"same\" [0]")
      ->type_name("N|HxW|same");
  add_size(conv_app, "--dilation", conv.dilation, 1, "[1]");
  add_count(conv_app, "--groups", conv.groups, "groups of channels");
  add_common(conv_app, common, texts, conv_directions);

  Pool2dCommand pool;
  std::string kind = "average";
  CLI::App& pool_app = *app.add_subcommand("pool2d", "average or maximum pooling");
  pool_app.add_option("--kind", kind)
      ->check(CLI::IsMember({"average", "maximum"}))
      ->capture_default_str();
  add_count(pool_app, "--batch", pool.batch, "images");
  add_count(pool_app, "--channels", pool.channels, "channels of an image");
  add_size(pool_app, "--size", pool.size, 1, "height and width of an image [32]");
  add_size(pool_app, "--kernel", pool.kernel, 1, "height and width of the window [2]");
  add_size(pool_app, "--stride", pool.stride, 1, "[that of the kernel]");
  add_size(pool_app, "--padding", pool.padding, 0, "on each side [0]");
  add_common(pool_app, common, texts, pool_directions);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  for (const Layout layout : {Layout::rows, Layout::channels_last, Layout::batch_inner})
    if (texts.layout == "all" || texts.layout == to_text(layout)) common.layouts.push_back(layout);
  conv.directions = chosen(texts.direction, conv_directions);
  pool.directions = chosen(texts.direction, pool_directions);
  pool.maximum = kind == "maximum";

  set_num_threads(common.threads);
  print(conv_app.parsed() ? bench_conv2d(conv, common) : bench_pool2d(pool, common), common);
  return 0;
}

}  // namespace
}  // namespace tenon::benchmarks

int main(int argc, char** argv) {
  try {
    return tenon::benchmarks::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tenon-bench: %s\n", error.what());
    return 1;
  }
}
