#include "tenon/data/csv_dataset.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>

#include "tenon/core/fault_internal.h"
#include "tenon/data/csv_reader_internal.h"

namespace tenon::data {
namespace {

constexpr const char* kName = "CsvDataset";
constexpr std::size_t kMostNamesShown = 20;

struct Columns {
  std::vector<std::string> names;  // of the file
  std::vector<std::size_t> inputs, targets;
};

std::size_t find_column(const CsvReader& file, const std::vector<std::string>& names,
                        const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    const auto shown = static_cast<std::ptrdiff_t>(std::min(names.size(), kMostNamesShown));
    std::vector<std::string> some;
    for (auto known = names.begin(); known != names.begin() + shown; ++known)
      some.push_back(quoted_excerpt(*known));
    file.fail(fmt::format("has no column {}", quoted_excerpt(name)),
              fmt::format("Its {} columns are {}{}.", names.size(), fmt::join(some, ", "),
                          names.size() > kMostNamesShown ? ", ..." : ""));
  }
  if (std::find(found + 1, names.end(), name) != names.end())
    file.fail(fmt::format("has more than one column {}", quoted_excerpt(name)));
  return static_cast<std::size_t>(found - names.begin());
}

/// Reads the first row.
Columns find_columns(CsvReader& file, const CsvDatasetOptions& options) {
  if (!file.next()) file.fail("has no rows");
  Columns columns;
  const std::size_t count = file.fields().size();
  for (std::size_t i = 0; i < count; ++i)
    columns.names.push_back(options.header ? file.fields()[i] : fmt::format("{}", i));

  for (const std::string& name : options.targets)
    columns.targets.push_back(find_column(file, columns.names, name));
  for (const std::string& name : options.inputs)
    columns.inputs.push_back(find_column(file, columns.names, name));
  const auto is_target = [&](std::size_t i) {
    return std::find(columns.targets.begin(), columns.targets.end(), i) != columns.targets.end();
  };
  for (const std::size_t i : columns.inputs)
    if (is_target(i))
      file.fail(fmt::format("would give column {} as an input and as a target",
                            quoted_excerpt(columns.names[i])));
  for (std::size_t i = 0; i < count && options.inputs.empty(); ++i)
    if (!is_target(i)) columns.inputs.push_back(i);
  if (columns.inputs.empty())
    file.fail(fmt::format("has no columns but the {} targets", columns.targets.size()));
  return columns;
}

/// The whole text as a T; `error` says what is wrong where there is none.
template <class T>
std::optional<T> parse(std::string_view text, const char** error) {
  // from_chars takes "-1" but not "+1".
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  T value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_whole = end == text.data() + text.size() && !text.empty();
  if (code == std::errc() && is_whole) {
    if constexpr (std::is_floating_point_v<T>) {
      if (!std::isfinite(value)) {
        *error = "is not a finite number";
        return std::nullopt;
      }
    }
    return value;
  }
  if (code == std::errc::result_out_of_range && is_whole) {
    if constexpr (std::is_same_v<T, float>) {
      // Too small for a float is 0 or nearly.
      const std::optional<double> wide = parse<double>(text, error);
      if (wide && std::abs(*wide) < 1) return static_cast<float>(*wide);
    }
    *error =
        std::is_floating_point_v<T> ? "is out of the range of f32" : "is out of the range of i64";
    return std::nullopt;
  }
  *error = std::is_floating_point_v<T> ? "is not a number" : "is not a whole number";
  return std::nullopt;
}

template <class T>
T value_of(const CsvReader& file, const Columns& columns, std::size_t column,
           const CsvDatasetOptions& options) {
  const char* error = nullptr;
  const std::string& text = file.fields()[column];
  if (const std::optional<T> value = parse<T>(text, &error)) return *value;
  const char* fix = "";
  if (std::is_integral_v<T>)
    fix = "Classes are whole numbers. For regression give .target_dtype = Dtype::f32.";
  else if (!options.header && file.line() == 1)
    fix = "If the first line names the columns, give .header = true.";
  file.fail(fmt::format("line {}, column {} ({}): {} {}", file.line(), column + 1,
                        quoted_excerpt(columns.names[column]), quoted_excerpt(text),
                        text.empty() ? "is no number: the field is empty" : error),
            fix);
}

Batch read_all(const std::string& path, const CsvDatasetOptions& options, Where where) {
  if (options.target_dtype != Dtype::i64 && options.target_dtype != Dtype::f32)
    Fault(kName, where)
        .raise<DtypeError>(fmt::format("target_dtype is {}, expected i64 for classes or f32",
                                       to_string(options.target_dtype)));
  if (options.separator == '"' || options.separator == '\n' || options.separator == '\r')
    Fault(kName, where).raise<DataError>("the separator is a quote or a line end");

  CsvReader file(kName, path, options.separator, where);
  const Columns columns = find_columns(file, options);
  const std::int64_t first_line = file.line();
  std::vector<float> inputs, regression;
  std::vector<std::int64_t> classes;
  std::int64_t count = 0;
  for (bool has_row = options.header ? file.next() : true; has_row; has_row = file.next()) {
    if (file.fields().size() != columns.names.size())
      file.fail(fmt::format("line {} has {} fields, expected {} as in line {}", file.line(),
                            file.fields().size(), columns.names.size(), first_line));
    for (const std::size_t column : columns.inputs)
      inputs.push_back(value_of<float>(file, columns, column, options));
    for (const std::size_t column : columns.targets) {
      if (options.target_dtype == Dtype::i64)
        classes.push_back(value_of<std::int64_t>(file, columns, column, options));
      else
        regression.push_back(value_of<float>(file, columns, column, options));
    }
    ++count;
  }
  if (count == 0) file.fail("has a header but no rows of numbers");

  Batch all{Tensor::from(inputs, {count, static_cast<std::int64_t>(columns.inputs.size())}, where),
            {}};
  const auto targets = static_cast<std::int64_t>(columns.targets.size());
  if (targets > 0 && options.target_dtype == Dtype::f32)
    all.targets = Tensor::from(regression, {count, targets}, where);
  else if (targets > 0)
    all.targets = Tensor::from(classes, targets == 1 ? Shape{count} : Shape{count, targets}, where);
  return all;
}

}  // namespace

CsvDataset::CsvDataset(const std::string& path, const CsvDatasetOptions& options, Where where)
    : CsvDataset(read_all(path, options, where), where) {}

CsvDataset::CsvDataset(const Batch& all, Where where)
    : TensorDataset(all.inputs, all.targets, where) {}

}  // namespace tenon::data
