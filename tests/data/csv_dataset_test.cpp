#include "tenon/data/csv_dataset.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "data/idx_support.h"
#include "support/close.h"
#include "support/temporary_folder.h"
#include "tenon/core/error.h"
#include "tenon/core/random.h"

namespace tenon {
namespace {

using data::CsvDataset;
using data::CsvDatasetOptions;
using testing::AllOf;
using testing::HasSubstr;

CsvDataset parse(const std::string& text, const CsvDatasetOptions& options = {}) {
  const TemporaryFolder folder;
  write_bytes(folder / "x.csv", text);
  return CsvDataset(folder / "x.csv", options);
}

std::vector<float> inputs_of(const std::string& text, const CsvDatasetOptions& options = {}) {
  return parse(text, options).inputs().to_vector<float>();
}

using Floats = std::vector<float>;

TEST(CsvDataset, ReadsInputsAndClasses) {
  const CsvDataset dataset =
      parse("width,label,height\n1.5,2,-3\n4e2,0,.25\n+7,10,8.\n", {.targets = {"label"}});
  EXPECT_EQ(dataset.size(), 3);
  EXPECT_TRUE(close(dataset.inputs(), Tensor::from({1.5f, -3.f, 400.f, .25f, 7.f, 8.f}, {3, 2})));
  EXPECT_TRUE(close(dataset.targets(), Tensor::from({2, 0, 10}, {3})));
  const data::Batch batch = dataset.read({2, 0});
  EXPECT_TRUE(close(batch.inputs, Tensor::from({7.f, 8.f, 1.5f, -3.f}, {2, 2})));
  EXPECT_TRUE(close(batch.targets, Tensor::from({10, 2}, {2})));
}

TEST(CsvDataset, TakesColumnsByName) {
  const std::string text = "a,b,c,d\n1,2,3,4\n5,6,7,8\n";
  EXPECT_EQ(inputs_of(text, {.inputs = {"d", "a"}}), (Floats{4, 1, 8, 5}));
  EXPECT_FALSE(parse(text).targets().defined());
  const CsvDataset two = parse(text, {.targets = {"d", "b"}, .inputs = {"c"}});
  EXPECT_TRUE(close(two.targets(), Tensor::from({4, 2, 8, 6}, {2, 2})));
  EXPECT_EQ(two.inputs().shape(), (Shape{2, 1}));
}

TEST(CsvDataset, RegressionTargetsAreColumns) {
  const CsvDataset dataset =
      parse("x,y\n1,0.5\n2,-1.5\n", {.targets = {"y"}, .target_dtype = Dtype::f32});
  EXPECT_TRUE(close(dataset.targets(), Tensor::from({0.5f, -1.5f}, {2, 1})));
}

TEST(CsvDataset, ClassesKeepAll64Bits) {
  const CsvDataset dataset =
      parse("x,y\n1,9007199254740993\n1,-9223372036854775808\n", {.targets = {"y"}});
  EXPECT_EQ(dataset.targets().to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{9007199254740993, std::int64_t{-1} << 63}));
}

TEST(CsvDataset, WithoutHeaderColumnsAreNumbers) {
  const CsvDataset dataset = parse("1,2,3\n4,5,6\n", {.header = false, .targets = {"2"}});
  EXPECT_TRUE(close(dataset.inputs(), Tensor::from({1.f, 2.f, 4.f, 5.f}, {2, 2})));
  EXPECT_TRUE(close(dataset.targets(), Tensor::from({3, 6}, {2})));
}

TEST(CsvDataset, TakesEveryWayToWriteLines) {
  const Floats want{1, 2, 3, 4};
  for (const std::string text : {"a,b\n1,2\n3,4\n", "a,b\n1,2\n3,4", "a,b\r\n1,2\r\n3,4\r\n",
                                 "a,b\r\n1,2\r\n3,4\r", "a,b\r1,2\r3,4",
                                 "\xef\xbb\xbf"
                                 "a,b\n1,2\n3,4\n",
                                 "\n\na,b\n\n1,2\n \t\n3,4\n\n\n", " a , b \n1 ,\t2\n  3,4  \n",
                                 "\"a\",\"b\"\n\"1\",2\n3,\"4\"\n", "a,b\n 1 , \"2\" \n3,4"}) {
    SCOPED_TRACE(text);
    EXPECT_EQ(inputs_of(text, {.inputs = {"a", "b"}}), want);
  }
}

TEST(CsvDataset, QuotesHoldSeparatorsLineEndsAndQuotes) {
  const std::string text = "\"a,b\",\"say \"\"x\"\"\",\"two\r\nlines\"\n1,2,3\n";
  EXPECT_EQ(inputs_of(text, {.inputs = {"two\nlines", "a,b", "say \"x\""}}), (Floats{3, 1, 2}));
}

TEST(CsvDataset, TakesOtherSeparators) {
  EXPECT_EQ(inputs_of("a;b\n1;2\n", {.separator = ';'}), (Floats{1, 2}));
  EXPECT_EQ(inputs_of("a\tb\n1\t 2\n", {.separator = '\t'}), (Floats{1, 2}));
  EXPECT_EQ(inputs_of("a b\n1 2\n", {.separator = ' '}), (Floats{1, 2}));
}

TEST(CsvDataset, ReadsGzip) {
  EXPECT_EQ(inputs_of(gzip("a,b\n1,2\n")), (Floats{1, 2}));
  EXPECT_THAT(message_of<DataError>([] { parse(gzip("a,b\n1,2\n").substr(0, 20)); }),
              HasSubstr("x.csv is cut off"));
}

// Against the C library, across the ends of the reader's buffer.
TEST(CsvDataset, RoundsAsTheCLibrary) {
  Rng rng(7);
  const std::vector<double> numbers =
      Tensor::normal({6000}, rng, {.dtype = Dtype::f64}).to_vector<double>();
  std::string text = "a,b,c\n";
  Floats want;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const double scale = std::pow(10.0, static_cast<double>(i % 70) - 35);
    const std::string number = fmt::format("{:.{}g}", numbers[i] * scale, 3 + i % 15);
    want.push_back(std::strtof(number.c_str(), nullptr));
    text += number + (i % 3 == 2 ? "\n" : ",");
  }
  ASSERT_GT(text.size(), std::size_t{70000});
  EXPECT_EQ(inputs_of(text), want);
}

TEST(CsvDataset, NumbersTooSmallForFloatAreNearlyZero) {
  EXPECT_EQ(inputs_of("a\n1e-50\n-1e-45\n1e-40\n0\n"),
            (Floats{0, -1e-45f, 1e-40f, 0}));  // 1e-45 is the least above 0
}

struct Wrong {
  std::string name;
  std::string text;
  std::string says;
  CsvDatasetOptions options = {};
};

TEST(CsvDataset, ErrorsNameFileLineColumnAndText) {
  const CsvDatasetOptions label{.targets = {"label"}};
  const std::string long_text(60, 'x');
  const std::vector<Wrong> files = {
      {"empty", "", "x.csv has no rows"},
      {"empty lines", "\n\r\n\n", "x.csv has no rows"},
      {"a header alone", "a,b\n", "has a header but no rows of numbers"},
      {"text", "a,b\n1,2\n3,four\n", R"(x.csv line 3, column 2 ("b"): "four" is not a number)"},
      {"half a number", "a\n1.5x\n", R"("1.5x" is not a number)"},
      {"two numbers", "a\n1 2\n", R"("1 2" is not a number)"},
      {"two signs", "a\n+-1\n", R"("+-1" is not a number)"},
      {"a sign", "a\n+\n", R"("+" is not a number)"},
      {"hexadecimal", "a\n0x10\n", R"("0x10" is not a number)"},
      {"a decimal comma", "a;b\n1,5;2\n", R"("1,5" is not a number)", {.separator = ';'}},
      {"not a number", "a\nnan\n", R"("nan" is not a finite number)"},
      {"infinity", "a\n-inf\n", R"("-inf" is not a finite number)"},
      {"too large", "a\n1e39\n", R"("1e39" is out of the range of f32)"},
      {"far too large", "a\n1e999\n", R"("1e999" is out of the range of f32)"},
      {"a missing value", "a,b\n1,\n",
       R"(line 2, column 2 ("b"): "" is no number: the field is empty)"},
      {"quotes around nothing", "a\n\"\"\n", "the field is empty"},
      {"few fields", "a,b,c\n1,2,3\n\n4,5\n", "line 4 has 2 fields, expected 3 as in line 1"},
      {"many fields", "\na,b\n1,2,3\n", "line 3 has 3 fields, expected 2 as in line 2"},
      {"a separator at the end", "a,b\n1,2,\n", "line 2 has 3 fields, expected 2"},
      {"lines of quotes count", "\"a\nb\"\n1\nx\n", "line 4, column 1 (\"a\\x0ab\")"},
      {"no such target", "a,b\n1,2\n", R"(has no column "label")", label},
      {"which columns there are", "a,b\n1,2\n", R"(Its 2 columns are "a", "b".)", label},
      {"no such input", "a,b\n1,2\n", R"(has no column "z")", {.inputs = {"z"}}},
      {"no such number", "1,2\n", R"(has no column "2")", {.header = false, .inputs = {"2"}}},
      {"twice", "a,label,label\n1,2,3\n", R"(more than one column "label")", label},
      {"both",
       "a,b\n1,2\n",
       R"(column "a" as an input and as a target)",
       {.targets = {"a"}, .inputs = {"a"}}},
      {"targets alone", "label\n1\n", "has no columns but the 1 targets", label},
      {"a class with a fraction", "a,label\n1,2.5\n",
       R"(line 2, column 2 ("label"): "2.5" is not a whole number)", label},
      {"a class of text", "a,label\n1,cat\n", "Dtype::f32", label},
      {"a class too large", "a,label\n1,9223372036854775808\n", "is out of the range of i64",
       label},
      {"a header that was not announced", "a,b\n1,2\n", "give .header = true", {.header = false}},
      {"open quotes", "a,b\n1,\"2\n3,4\n", "ends in the quotes that line 2, field 2 opens"},
      {"text behind quotes", "a,b\n1,\"2\"3\n",
       R"(line 2, field 2: text behind the closing quotes of "2")"},
      {"bytes", std::string("a\n\0\x01\n", 5), R"("\x00\x01" is not a number)"},
      {"a long text", "a\n" + long_text + "\n", '"' + long_text.substr(0, 40) + "...\" is not"},
      {"UTF-16",
       std::string("\xff\xfe"
                   "a\0,\0b\0\n\0"
                   "1\0,\0"
                   "2\0\n\0",
                   18),
       "x.csv"},
  };
  for (const Wrong& file : files) {
    SCOPED_TRACE(file.name);
    EXPECT_THAT(
        message_of<DataError>([&] { parse(file.text, file.options); }),
        AllOf(HasSubstr("CsvDataset: "), HasSubstr(file.says), HasSubstr("csv_dataset_test.cpp")));
  }
}

TEST(CsvDataset, ChecksFileAndOptions) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of<DataError>([&] { CsvDataset dataset(folder / "nothing.csv"); }),
              HasSubstr("nothing.csv cannot be opened"));
  EXPECT_THAT(message_of<DataError>([&] { CsvDataset dataset(folder.path()); }),
              HasSubstr("is a folder, not a file"));
  EXPECT_THAT(message_of<DtypeError>([] { parse("a\n1\n", {.target_dtype = Dtype::u8}); }),
              HasSubstr("target_dtype is u8, expected i64 for classes or f32"));
  for (const char separator : {'"', '\n', '\r'})
    EXPECT_THAT(message_of<DataError>([&] { parse("a\n1\n", {.separator = separator}); }),
                HasSubstr("the separator is a quote or a line end"));
}

TEST(CsvDataset, ShowsAtMostTwentyColumns) {
  std::string text = "c0";
  for (int i = 1; i < 25; ++i) text += fmt::format(",c{}", i);
  EXPECT_THAT(message_of<DataError>([&] { parse(text + "\n", {.targets = {"y"}}); }),
              AllOf(HasSubstr("Its 25 columns are \"c0\""), HasSubstr("\"c19\", ...")));
}

}  // namespace
}  // namespace tenon
