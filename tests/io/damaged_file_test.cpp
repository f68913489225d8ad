#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>
#include <xxhash.h>

#include <cstdint>
#include <string>
#include <vector>

#include "io/hdf5_support.h"
#include "io/io_support.h"
#include "support/close.h"
#include "tenon/core/error.h"
#include "tenon/io/checkpoint.h"
#include "tenon/io/container_internal.h"
#include "tenon/io/weights.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Loads a broken file in every way; all must be a CheckpointError that names it, and leave the
/// model as it is.
class DamagedFile : public testing::Test {
 protected:
  DamagedFile() : path_(folder_ / "file.h5"), model_(2), before_(bits_of(model_)) {
    save_weights(Zoo(1), path_);
    good_ = read_bytes(path_);
  }

  std::string load(const std::string& bytes) {
    write_bytes(path_, bytes);
    return load();
  }
  std::string load() {
    const std::string message = message_of<CheckpointError>([&] { load_weights(model_, path_); });
    EXPECT_THAT(message,
                AllOf(HasSubstr("load_weights: " + path_), HasSubstr("damaged_file_test.cpp")));
    EXPECT_EQ(bits_of(model_), before_);
    EXPECT_THAT(message_of<CheckpointError>([&] { load_checkpoint(path_, {.model = &model_}); }),
                HasSubstr("load_checkpoint: " + path_));
    EXPECT_EQ(bits_of(model_), before_);
    return message;
  }

  TemporaryFolder folder_;
  std::string path_;
  std::string good_;
  Zoo model_;
  std::map<std::string, std::string> before_;
};

TEST_F(DamagedFile, CutAnywhere) {
  std::vector<std::size_t> lengths = {0,   1,   7,   8,   100, 511,
                                      512, 513, 519, 520, 521, good_.size() - 1};
  for (std::size_t percent = 2; percent < 100; percent += 2)
    lengths.push_back(good_.size() * percent / 100);
  for (const std::size_t length : lengths) {
    SCOPED_TRACE(length);
    EXPECT_THAT(load(good_.substr(0, length)),
                length < 8 ? HasSubstr("is not an HDF5 file") : HasSubstr("damaged"));
  }
}

TEST_F(DamagedFile, Longer) {
  EXPECT_THAT(load(good_ + '\0'),
              HasSubstr("is damaged: it has " + std::to_string(good_.size() + 1) +
                        " bytes, expected " + std::to_string(good_.size())));
  EXPECT_THAT(load(good_ + good_), HasSubstr("is damaged"));
}

TEST_F(DamagedFile, AnyFlippedBitOfTheUserBlock) {
  for (std::size_t bit = 0; bit < 8 * kBlockBytes; ++bit) {
    std::string bad = good_;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    ASSERT_THAT(load(bad), HasSubstr("is damaged")) << "bit " << bit;
  }
}

TEST_F(DamagedFile, FlippedBitsOfTheRest) {
  for (std::size_t bit = 8 * kBlockBytes; bit < 8 * good_.size(); bit += 29) {
    std::string bad = good_;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    ASSERT_THAT(load(bad), HasSubstr("checksum is wrong")) << "bit " << bit;
  }
}

TEST_F(DamagedFile, PiecesOverwrittenSwappedOrShifted) {
  std::string zeros = good_, swapped = good_, block = good_;
  std::fill(zeros.begin() + 1024, zeros.begin() + 2048, '\0');
  std::swap_ranges(swapped.begin() + 600, swapped.begin() + 700, swapped.begin() + 900);
  std::fill(block.begin(), block.begin() + 512, '\0');
  EXPECT_THAT(load(zeros), HasSubstr("checksum is wrong"));
  EXPECT_THAT(load(swapped), HasSubstr("checksum is wrong"));
  EXPECT_THAT(load(block),
              HasSubstr("is damaged: its first 512 bytes are not those of a Tenon file"));
  EXPECT_THAT(load(" " + good_), HasSubstr("is not an HDF5 file"));
  EXPECT_THAT(load(good_.substr(1)), HasSubstr("is not an HDF5 file"));
  EXPECT_THAT(load(good_.substr(512)), HasSubstr("is an HDF5 file that was not written by Tenon"));
}

TEST_F(DamagedFile, OtherFilesAndNone) {
  EXPECT_THAT(load("this is no HDF5 file"), HasSubstr("is not an HDF5 file"));
  EXPECT_THAT(load(""), HasSubstr("is not an HDF5 file: it is empty"));
  EXPECT_THAT(load(std::string(100000, '\xff')), HasSubstr("is not an HDF5 file"));
  EXPECT_THAT(load("\x89PNG\r\n\x1a\n" + std::string(1000, 'x')), HasSubstr("is not an HDF5 file"));
  EXPECT_THAT(load("PK\x03\x04" + std::string(1000, 'x')), HasSubstr("is not an HDF5 file"));

  const auto message = [&](const std::string& path) {
    return message_of<CheckpointError>([&] { load_weights(model_, path); });
  };
  EXPECT_THAT(message(folder_ / "no_such_file.h5"),
              AllOf(HasSubstr("no_such_file.h5 cannot be read"), HasSubstr("No such file")));
  EXPECT_THAT(message(folder_.path()), HasSubstr("is a folder, not a file"));
  EXPECT_THAT(message(path_ + "/x.h5"), HasSubstr("Not a directory"));
  EXPECT_THAT(message("/dev/zero"), HasSubstr("is not a regular file"));
  EXPECT_THAT(message(""), HasSubstr("cannot be read"));
}

/// A newer Tenon would write another version there, with right checksums.
std::string with_block_field(std::string bytes, std::size_t offset, std::uint64_t value,
                             int width) {
  for (int i = 0; i < width; ++i)
    bytes[offset + static_cast<std::size_t>(i)] = static_cast<char>(value >> (8 * i));
  const XXH64_hash_t hash = XXH3_64bits(bytes.data(), 504);
  for (std::size_t i = 0; i < 8; ++i) bytes[504 + i] = static_cast<char>(hash >> (8 * i));
  return bytes;
}

TEST_F(DamagedFile, WrongFieldsOfTheUserBlock) {
  EXPECT_THAT(load(with_block_field(good_, 8, 2, 4)),
              HasSubstr("has format version 2, but this version of Tenon reads 1"));
  EXPECT_THAT(load(with_block_field(good_, 8, 0, 4)), HasSubstr("has format version 0"));
  EXPECT_THAT(load(with_block_field(good_, 12, 1024, 4)), HasSubstr("wrong size"));
  for (const std::uint64_t length :
       {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}, std::uint64_t{1} << 62})
    EXPECT_THAT(load(with_block_field(good_, 16, length, 8)), HasSubstr("is damaged: it has"));
  EXPECT_THAT(load(with_block_field(good_, 24, 12345, 8)), HasSubstr("checksum is wrong"));
}

void add_dataset(hid_t group, const char* name, hid_t type, const std::vector<hsize_t>& sizes,
                 hid_t options = H5P_DEFAULT) {
  const hid_t space = H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr);
  const hid_t dataset = H5Dcreate2(group, name, type, space, H5P_DEFAULT, options, H5P_DEFAULT);
  EXPECT_GE(dataset, 0);
  H5Dclose(dataset);
  H5Sclose(space);
}

TEST_F(DamagedFile, Hdf5FilesOfOthers) {
  const auto nothing = [](hid_t) {};
  EXPECT_THAT(load(make_hdf5(path_, 0, nothing)),
              HasSubstr("is an HDF5 file that was not written by Tenon"));
  EXPECT_THAT(load(make_hdf5(path_, 512, nothing)),
              HasSubstr("its first 512 bytes are not those of a Tenon file"));
  EXPECT_THAT(load(make_hdf5(path_, 1024, nothing)), HasSubstr("is not an HDF5 file"));
}

/// Files with a right checksum that hold what we never write.
class StrangeFile : public DamagedFile {
 protected:
  template <class Fill>
  std::string load_sealed(Fill fill, const char* format = "tenon-weights",
                          std::int64_t version = 1) {
    const std::string bytes = make_hdf5(path_, 512, [&](hid_t file) {
      if (format != nullptr) add_text(file, "format", format);
      if (version != 0) add_integer(file, "version", version);
      const hid_t model = H5Gcreate2(file, "model", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      fill(file, model);
      H5Gclose(model);
    });
    return load(sealed(bytes));
  }
};

TEST_F(StrangeFile, FormatsAndVersions) {
  const auto nothing = [](hid_t, hid_t) {};
  EXPECT_THAT(load_sealed(nothing, nullptr),
              HasSubstr("is neither a weights file nor a checkpoint: its format is not named"));
  EXPECT_THAT(load_sealed(nothing, "keras"), HasSubstr("its format is keras"));
  EXPECT_THAT(load_sealed(nothing, "tenon-weights", 0), HasSubstr("neither a weights file"));
  EXPECT_THAT(load_sealed(nothing, "tenon-weights", 2),
              HasSubstr("has format version 2, but this version of Tenon reads 1"));
  EXPECT_THAT(load_sealed(nothing), HasSubstr("does not fit: 10 missing"));
  const std::string empty =
      make_hdf5(path_, 512, [](hid_t file) { add_integer(file, "format", 1); });
  EXPECT_THAT(load(sealed(empty)), HasSubstr("its format is not named"));
}

TEST_F(StrangeFile, ElementTypesAndShapes) {
  const auto with_dataset = [&](hid_t type, const std::vector<hsize_t>& sizes,
                                hid_t options = H5P_DEFAULT) {
    return load_sealed(
        [&](hid_t, hid_t model) { add_dataset(model, "weight", type, sizes, options); });
  };
  for (const hid_t type : {H5T_STD_I16LE, H5T_STD_U64LE, H5T_STD_I32BE, H5T_IEEE_F32BE, H5T_C_S1,
                           H5T_STD_REF_OBJ, H5T_STD_B8LE})
    EXPECT_THAT(with_dataset(type, {2}),
                HasSubstr("model/weight has an element type that Tenon never writes"));
  EXPECT_THAT(with_dataset(H5T_IEEE_F32LE, std::vector<hsize_t>(9, 1)),
              HasSubstr("model/weight has 9 axes"));
  EXPECT_THAT(with_dataset(H5T_IEEE_F32LE, {1 << 10, 1 << 20, 1 << 10}),
              HasSubstr("do not fit its shape"));
  // Compressed and never written: the shape is far larger than the file.
  const hid_t options = H5Pcreate(H5P_DATASET_CREATE);
  const hsize_t chunk[2] = {1000, 1000};
  H5Pset_chunk(options, 2, chunk);
  EXPECT_THAT(with_dataset(H5T_IEEE_F32LE, {1 << 20, 1 << 20}, options),
              HasSubstr("holds 0 bytes, which do not fit its shape"));
  H5Pclose(options);
}

TEST_F(StrangeFile, LinksTypesAndDepth) {
  EXPECT_THAT(load_sealed([](hid_t, hid_t model) {
                H5Lcreate_soft("/model", model, "soft", H5P_DEFAULT, H5P_DEFAULT);
              }),
              HasSubstr("model/soft is a link, which Tenon never writes"));
  EXPECT_THAT(load_sealed([](hid_t, hid_t model) {
                H5Lcreate_external("/etc/passwd", "/x", model, "far", H5P_DEFAULT, H5P_DEFAULT);
              }),
              HasSubstr("model/far is a link"));
  EXPECT_THAT(load_sealed([](hid_t file, hid_t model) {
                H5Lcreate_hard(file, "model", model, "self", H5P_DEFAULT, H5P_DEFAULT);
              }),
              HasSubstr("nested deeper than"));
  EXPECT_THAT(load_sealed([](hid_t, hid_t model) {
                const hid_t type = H5Tcopy(H5T_NATIVE_INT);
                H5Tcommit2(model, "type", type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
                H5Tclose(type);
              }),
              HasSubstr("model/type is neither a group nor a dataset"));
  EXPECT_THAT(load_sealed([](hid_t, hid_t model) { add_integer(model, "row", 1, 3); }),
              HasSubstr("attribute row is not one value"));
  EXPECT_THAT(
      load_sealed([](hid_t, hid_t model) {
        const hid_t space = H5Screate(H5S_SCALAR);
        H5Aclose(H5Acreate2(model, "what", H5T_STD_REF_OBJ, space, H5P_DEFAULT, H5P_DEFAULT));
        H5Sclose(space);
      }),
      HasSubstr("attribute what is neither text nor a number"));
}

}  // namespace
}  // namespace tenon
