#include <fmt/format.h>

#include <string_view>

#include "tenon/data/csv_reader_internal.h"

namespace tenon::data {
namespace {

constexpr int kEnd = -1;
constexpr std::size_t kBufferBytes = 1 << 16;
constexpr std::size_t kMostExcerptBytes = 40;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

CsvReader::CsvReader(const char* operation, const std::string& path, char separator, Where where)
    : operation_(operation),
      path_(path),
      separator_(static_cast<unsigned char>(separator)),
      where_(where),
      file_(operation, path, where),
      buffer_(kBufferBytes) {
  end_ = file_.read(buffer_.data(), buffer_.size());
  if (std::string_view(buffer_.data(), end_).starts_with(kByteOrderMark))
    at_ = kByteOrderMark.size();
}

void CsvReader::fail(const std::string& what, const std::string& fix) const {
  Fault fault(operation_, where_);
  if (!fix.empty()) fault.fix(fix);
  fault.raise<DataError>(fmt::format("{} {}", path_, what));
}

int CsvReader::peek() {
  if (at_ == end_) {
    at_ = 0;
    end_ = file_.read(buffer_.data(), buffer_.size());
    if (end_ == 0) return kEnd;
  }
  return static_cast<unsigned char>(buffer_[at_]);
}

int CsvReader::get() {
  int c = peek();
  if (c == kEnd) return kEnd;
  ++at_;
  if (c == '\r') {
    c = '\n';
    if (peek() == '\n') ++at_;
  }
  if (c == '\n') ++line_;
  return c;
}

bool CsvReader::is_field_end(int c) const {
  return c == separator_ || c == '\n' || c == '\r' || c == kEnd;
}

bool CsvReader::is_blank(int c) const { return (c == ' ' || c == '\t') && c != separator_; }

void CsvReader::skip_blanks() {
  while (is_blank(peek())) ++at_;
}

bool CsvReader::next() {
  do {
    if (peek() == kEnd) return false;
    read_row();
  } while (count_ == 1 && fields_[0].empty() && !has_quotes_);
  return true;
}

void CsvReader::read_row() {
  row_line_ = line_;
  count_ = 0;
  has_quotes_ = false;
  do {
    if (count_ == fields_.size()) fields_.emplace_back();
    std::string& field = fields_[count_++];
    field.clear();
    skip_blanks();
    if (peek() == '"')
      read_quoted(field);
    else
      read_unquoted(field);
  } while (get() == separator_);
}

void CsvReader::read_quoted(std::string& field) {
  const std::int64_t first_line = line_;
  has_quotes_ = true;
  get();
  for (;;) {
    const int c = get();
    if (c == kEnd)
      fail(fmt::format("ends in the quotes that line {}, field {} opens", first_line, count_));
    if (c == '"') {
      if (peek() != '"') break;
      get();
    }
    field += static_cast<char>(c);
  }
  skip_blanks();
  if (!is_field_end(peek()))
    fail(fmt::format("line {}, field {}: text behind the closing quotes of {}", line_, count_,
                     quoted_excerpt(field)));
}

void CsvReader::read_unquoted(std::string& field) {
  for (int c = peek(); !is_field_end(c); c = peek()) {
    field += static_cast<char>(c);
    ++at_;
  }
  while (!field.empty() && is_blank(field.back())) field.pop_back();
}

std::string quoted_excerpt(std::string_view text) {
  std::string excerpt = "\"";
  for (const char c : text.substr(0, kMostExcerptBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f)
      excerpt += fmt::format("\\x{:02x}", byte);
    else
      excerpt += c;
  }
  return excerpt + (text.size() > kMostExcerptBytes ? "...\"" : "\"");
}

}  // namespace tenon::data
