#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "data/idx_support.h"
#include "tenon/core/tensor.h"

namespace tenon {

inline std::string fixture(const std::string& name) {
  return std::string(TENON_TEST_DATA) + "/images/" + name;
}

/// What tests/golden/make_images.py says of each case: case -> what -> numbers (f64).
inline const std::map<std::string, std::map<std::string, Tensor>>& expected_images() {
  static const auto all = [] {
    std::map<std::string, std::map<std::string, Tensor>> cases;
    std::ifstream file(fixture("expected.txt"));
    for (std::string line; std::getline(file, line);) {
      std::istringstream words(line);
      std::string name, what, sizes;
      words >> name >> what >> sizes;
      std::vector<std::int64_t> shape;
      std::istringstream numbers(sizes);
      for (std::string size; std::getline(numbers, size, 'x');) shape.push_back(std::stoll(size));
      std::vector<double> values;
      for (std::string value; words >> value;) values.push_back(std::stod(value));
      cases[name][what] = Tensor::from(values, Shape(shape), Dtype::f64);
    }
    EXPECT_FALSE(cases.empty());
    return cases;
  }();
  return all;
}

/// The files of make_images.py whose names end so.
inline std::vector<std::string> fixtures(const std::string& ending) {
  std::vector<std::string> names;
  for (const auto& [name, tensors] : expected_images())
    if (name.ends_with(ending)) names.push_back(name);
  return names;
}

inline const std::string kPngSignature = "\x89PNG\r\n\x1a\n";

inline std::string png_chunk(const std::string& name, const std::string& data) {
  const std::string checked = name + data;
  const auto sum =
      crc32(0, reinterpret_cast<const Bytef*>(checked.data()), static_cast<uInt>(checked.size()));
  return big_endian(data.size(), 4) + checked + big_endian(sum, 4);
}

/// The first chunk, with its right checksum.
inline std::string png_header(std::uint32_t width, std::uint32_t height, int depth = 8,
                              int color = 0, int interlaced = 0) {
  std::string data = big_endian(width, 4) + big_endian(height, 4);
  for (const int byte : {depth, color, 0, 0, interlaced}) data += static_cast<char>(byte);
  return png_chunk("IHDR", data);
}

/// The chunk of pixels, packed.
inline std::string png_data(const std::string& rows) {
  std::string packed(compressBound(static_cast<uLong>(rows.size())), '\0');
  auto length = static_cast<uLongf>(packed.size());
  EXPECT_EQ(compress(reinterpret_cast<Bytef*>(packed.data()), &length,
                     reinterpret_cast<const Bytef*>(rows.data()), static_cast<uLong>(rows.size())),
            Z_OK);
  packed.resize(length);
  return png_chunk("IDAT", packed);
}

}  // namespace tenon
