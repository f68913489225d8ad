#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tenon/core/fault_internal.h"
#include "tenon/data/byte_source_internal.h"

namespace tenon::data {

/// Cuts a CSV file into rows of fields. Every problem is a DataError that begins
/// "<operation>: <path>".
class CsvReader {
 public:
  CsvReader(const char* operation, const std::string& path, char separator, Where where);

  /// Reads the next row that is not empty; false at the end of the file.
  bool next();
  std::span<const std::string> fields() const { return {fields_.data(), count_}; }
  /// The line where the row begins, from 1.
  std::int64_t line() const { return row_line_; }
  /// `what` is the text after "<operation>: <path> ", `fix` a line of its own.
  [[noreturn]] void fail(const std::string& what, const std::string& fix = {}) const;

 private:
  int peek();  // the next byte, or kEnd
  int get();   // takes it; every kind of line end is '\n'
  bool is_field_end(int c) const;
  bool is_blank(int c) const;
  void skip_blanks();
  void read_row();
  void read_quoted(std::string& field);
  void read_unquoted(std::string& field);

  const char* operation_;
  std::string path_;
  int separator_;
  Where where_;
  ByteSource file_;
  std::vector<char> buffer_;
  std::size_t at_ = 0, end_ = 0;  // in the buffer
  std::int64_t line_ = 1, row_line_ = 1;
  std::vector<std::string> fields_;  // count_ of them; the others keep their memory
  std::size_t count_ = 0;
  bool has_quotes_ = false;  // in this row
};

/// Text of a file for an error: in quotes, shortened, without control characters.
std::string quoted_excerpt(std::string_view text);

}  // namespace tenon::data
