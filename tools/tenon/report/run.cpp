#include <tenon/core/machine.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "tools/tenon/report/sections.h"

namespace tenon::cli::report {
namespace {

constexpr std::string_view kHistory = "history/";
const std::string kRecorder = "callbacks/RunRecorder/";

/// The first row, the last, and some between: more would not be told apart.
std::vector<std::int64_t> shown_rows(std::int64_t count) {
  constexpr std::int64_t kMost = 6;
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < std::min(count, kMost); ++i)
    rows.push_back(count <= kMost ? i : i * (count - 1) / (kMost - 1));
  return rows;
}

Json histogram_of(const State& state, std::string path, const std::string& name,
                  const std::vector<std::int64_t>& rows) {
  path += name;
  const Tensor ranges = state.at(path + "/range"), counts = state.at(path + "/counts");
  Json histogram{{"range", Json::array()}, {"counts", Json::array()}};
  for (const std::int64_t row : rows) {
    histogram["range"].push_back(ranges[row].to_vector<double>());
    histogram["counts"].push_back(counts[row].to_vector<std::int64_t>());
  }
  return histogram;
}

/// Integers that a number of JavaScript cannot hold are texts.
Json to_json(const MetadataValue& value) {
  constexpr std::int64_t kGreatest = std::int64_t{1} << 53;
  if (value.is_text()) return value.text();
  if (value.is_integer()) {
    const std::int64_t integer = value.integer();
    if (integer > kGreatest || integer < -kGreatest) return std::to_string(integer);
    return integer;
  }
  return value.number();
}

}  // namespace

Json history_of(const State& state) {
  Json history = Json::object();
  for (const auto& [name, values] : state)  // "history/02/accuracy"
    if (name.starts_with(kHistory))
      history[name.substr(name.find('/', kHistory.size()) + 1)] = values.to_vector<double>();
  return history;
}

Json speed_of(const State& state) {
  if (!state.contains(kRecorder + "seconds")) return nullptr;
  Json speed;
  for (const char* name : {"seconds", "samples_per_second"})
    speed[name] = state.at(kRecorder + name).to_vector<double>();
  return speed;
}

Json histograms_of(const State& state, std::int64_t epochs) {
  const auto seconds = state.find(kRecorder + "seconds");
  if (seconds == state.end()) return nullptr;
  const std::int64_t recorded = seconds->second.size(0);
  const std::vector<std::int64_t> rows = shown_rows(recorded);
  Json histograms{{"epochs", Json::array()}, {"parameters", Json::array()}};
  for (const std::int64_t row : rows)
    histograms["epochs"].push_back(epochs - recorded + row + 1);  // it may have come in later
  const std::string parameters = kRecorder + "parameters/", gradients = kRecorder + "gradients/",
                    counts = "/counts";
  for (const auto& [path, tensor] : state) {
    if (!path.starts_with(parameters) || !path.ends_with(counts)) continue;
    const std::string name =
        path.substr(parameters.size(), path.size() - parameters.size() - counts.size());
    histograms["parameters"].push_back({{"name", name},
                                        {"values", histogram_of(state, parameters, name, rows)},
                                        {"gradient", histogram_of(state, gradients, name, rows)}});
  }
  return histograms;
}

Json run_of(const CheckpointInfo& info) {
  Json metadata = Json::object();
  for (const auto& [name, value] : info.metadata) metadata[name] = to_json(value);
  return {{"epoch", info.epoch},
          {"step", info.step},
          {"metadata", metadata},
          {"written_by", "tenon " + info.library_version},
          {"reported_by", "tenon " TENON_VERSION},
          {"machine", machine_description()}};
}

}  // namespace tenon::cli::report
