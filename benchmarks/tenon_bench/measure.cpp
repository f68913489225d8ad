#include "benchmarks/tenon_bench/measure.h"

#include <fmt/format.h>

#include <fstream>

#include "benchmarks/support/median.h"

namespace tenon::benchmarks {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kShortestSample = 1e-3;  // seconds: far above the clock's resolution

std::string time_text(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.2f} us", seconds * 1e6);
  return seconds < 1 ? fmt::format("{:.3f} ms", seconds * 1e3) : fmt::format("{:.3f} s", seconds);
}

double rate_of(const Measurement& m) { return m.amount / m.seconds * 1e-9; }

std::string shapes_text(const Report& report) {
  std::string text = report.operation;
  for (const auto& [name, value] : report.shapes.items())
    text +=
        fmt::format("  {} {}", name, value.is_string() ? value.get<std::string>() : value.dump());
  return text;
}

void print_json(const Report& report, const Common& common) {
  Json rows = Json::array();
  for (const Measurement& m : report.measurements) {
    Json row = {{"layout", m.layout},
                {"direction", m.direction},
                {"seconds", m.seconds},
                {report.rate, rate_of(m)}};
    if (report.peak > 0) row["share_of_peak"] = rate_of(m) / report.peak;
    row["kernels"] = m.kernels;
    rows.push_back(row);
  }
  Json result = {{"operation", report.operation},
                 {"shapes", report.shapes},
                 {"threads", common.threads},
                 {"machine", machine_description()}};
  if (report.peak > 0) result["peak " + report.rate] = report.peak;
  result["measurements"] = rows;
  fmt::print("{}\n", result.dump(2));
}

void print_table(const Report& report, const Common& common) {
  fmt::print("{}\n{}", shapes_text(report), machine_description());
  fmt::print("measured with {} thread{}", common.threads, common.threads == 1 ? "" : "s");
  if (report.peak > 0)
    fmt::print("; peak {:.1f} {} (one thread's measured multiply-adds x {})", report.peak,
               report.rate, common.threads);
  fmt::print("\n\n{:<14} {:<17} {:>11} {:>9}{}  {}\n", "layout", "direction", "time", report.rate,
             report.peak > 0 ? "  of peak" : "", "kernel");
  for (const Measurement& m : report.measurements)
    fmt::print("{:<14} {:<17} {:>11} {:>9.1f}{}  {}\n", m.layout, m.direction, time_text(m.seconds),
               rate_of(m),
               report.peak > 0 ? fmt::format("  {:>5.0f} %", 100 * rate_of(m) / report.peak) : "",
               m.kernels);
}

}  // namespace

Measurement measure(const std::function<void()>& body, double seconds) {
  body();
  reset_kernel_report();
  body();
  Measurement result;
  result.kernels = kernels_used();

  std::vector<double> samples;
  std::int64_t runs = 1;
  const double end = steady_seconds() + seconds;
  while (samples.size() < 3 || steady_seconds() < end) {
    const double start = steady_seconds();
    for (std::int64_t i = 0; i < runs; ++i) body();
    const double spent = steady_seconds() - start;
    if (spent < kShortestSample && samples.empty())
      runs *= 2;
    else
      samples.push_back(spent / static_cast<double>(runs));
  }
  result.seconds = median(samples);
  return result;
}

void check_memory(double bytes) {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("MemAvailable:")) continue;
    const double available = std::stod(line.substr(13)) * 1024;
    if (bytes > available)
      throw Error(
          fmt::format("these shapes need about {:.1f} GB, and {:.1f} GB are free: choose a "
                      "smaller --batch, --size or number of channels",
                      bytes * 1e-9, available * 1e-9));
  }
}

void print(const Report& report, const Common& common) {
  if (common.json)
    print_json(report, common);
  else
    print_table(report, common);
}

}  // namespace tenon::benchmarks
