#pragma once

#include <gtest/gtest.h>
#include <hdf5.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "support/temporary_folder.h"
#include "tenon/io/container_internal.h"

namespace tenon {

/// An HDF5 file by somebody else: `fill` makes what is in it.
template <class Fill>
std::string make_hdf5(const std::string& path, std::size_t block_bytes, Fill fill) {
  const hid_t options = H5Pcreate(H5P_FILE_CREATE);
  H5Pset_userblock(options, block_bytes);
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, options, H5P_DEFAULT);
  EXPECT_GE(file, 0);
  fill(file);
  H5Fclose(file);
  H5Pclose(options);
  return read_bytes(path);
}
inline void add_text(hid_t object, const char* name, const char* text) {
  const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  H5Tset_size(type, H5T_VARIABLE);
  const hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, type, &text);
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
}
inline void add_integer(hid_t object, const char* name, std::int64_t value, hsize_t count = 1) {
  const std::vector<std::int64_t> values(count, value);
  const hid_t space = count == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &count, nullptr);
  const hid_t attribute = H5Acreate2(object, name, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, H5T_NATIVE_INT64, values.data());
  H5Aclose(attribute);
  H5Sclose(space);
}

/// The file with the block that fits the rest.
inline std::string sealed(std::string file) {
  const Piece rest(reinterpret_cast<const unsigned char*>(file.data()) + kBlockBytes,
                   file.size() - kBlockBytes);
  const auto block = seal({&rest, 1});
  std::copy(block.begin(), block.end(), file.begin());
  return file;
}

}  // namespace tenon
