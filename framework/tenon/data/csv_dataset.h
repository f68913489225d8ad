#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tenon/core/dtype.h"
#include "tenon/data/tensor_dataset.h"

namespace tenon::data {

struct CsvDatasetOptions {
  bool header = true;  ///< the first row names the columns; else their names are "0", "1", ...
  std::vector<std::string> targets = {};  ///< names of the target columns; empty: no targets
  std::vector<std::string> inputs = {};   ///< names of the input columns; empty: all others
  char separator = ',';
  Dtype target_dtype = Dtype::i64;  ///< i64: classes, whole numbers; f32: regression
};

/// Rows of numbers in a text file, plain or compressed with gzip, read once. A batch has
///   inputs   f32 [B, F], the input columns in the order of their names in `inputs`, else of the
///            file
///   targets  i64 [B] for one column of classes, [B, K] for several; f32 [B, K]; or none
/// The text is comma-separated values as in RFC 4180: a field in double quotes may contain
/// separators, line ends and doubled quotes. Lines end with LF, CR LF or CR, the last one need not;
/// empty lines, a byte-order mark of UTF-8, and spaces and tabs around a field don't count. Numbers
/// are decimal, with or without sign and exponent, whatever the locale.
class CsvDataset : public TensorDataset {
 public:
  /// Throws DataError for a missing, truncated or empty file, a column that is missing or named
  /// twice, a row with another number of fields than the first, and a field that is not a finite
  /// number of the dtype, each with the file, the line, the column and the text. Throws DtypeError
  /// for another target_dtype.
  explicit CsvDataset(const std::string& path, const CsvDatasetOptions& options = {},
                      Where where = Where::current());

 private:
  CsvDataset(const Batch& all, Where where);
};

}  // namespace tenon::data
