#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include <map>
#include <string>
#include <vector>

#include "io/hdf5_support.h"
#include "io/io_support.h"
#include "support/close.h"
#include "tenon/core/error.h"
#include "tenon/core/memory.h"
#include "tenon/io/checkpoint.h"
#include "tenon/io/hdf5_internal.h"
#include "tenon/io/weights.h"
#include "tenon/ops/shape.h"

namespace tenon {
namespace {

using testing::HasSubstr;

// Large tensors go past libhdf5, on the way out and in.

constexpr std::int64_t kElements = std::int64_t{1} << 18;  // of f32: just large
static_assert(kElements * sizeof(float) == hdf5::kLargeBytes);

class Zeppelin : public nn::Module {
 public:
  explicit Zeppelin(std::uint64_t seed) {
    Rng rng(seed);
    const Tensor x = Tensor::normal({512, 2, 256}, rng);
    register_parameter("rows", x);
    register_parameter("turned", permute(x, {2, 0, 1}).detach());
    register_parameter("part", slice(Tensor::normal({kElements + 7}, rng), 0, {.start = 7}));
    register_parameter("just_not_large", Tensor::normal({kElements - 1}, rng));
    register_parameter("double", Tensor::normal({kElements}, rng, {.dtype = Dtype::f64}));
    register_buffer("count", Tensor::randint(-1000, 1000, {kElements}, rng));
    register_buffer("small", Tensor::randint(-9, 9, {kElements + 1}, rng).to(Dtype::i32));
    register_buffer("bytes", Tensor::randint(0, 256, {4 * kElements + 3}, rng).to(Dtype::u8));
    register_buffer("mask", Tensor::randint(0, 2, {5 * kElements}, rng).to(Dtype::boolean));
    register_parameter("scalar", Tensor::normal({}, rng));
  }
};

/// Many of one size, more than libhdf5 was given room for in front.
class Crowd : public nn::Module {
 public:
  explicit Crowd(std::uint64_t seed) {
    Rng rng(seed);
    const std::string long_name(1500, 'x');
    for (int i = 0; i < 20; ++i) {
      register_parameter("part_" + std::to_string(i) + long_name, Tensor::normal({kElements}, rng));
      register_parameter("small_" + std::to_string(i), Tensor::normal({3}, rng));
    }
  }
};

/// The bytes of each dataset below /model as libhdf5 reads them from the file.
std::map<std::string, std::string> read_by_hdf5(const std::string& path, const nn::Module& names) {
  std::map<std::string, std::string> bytes;
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  EXPECT_GE(file, 0);
  for (const ParameterList& list : {names.parameters(), names.buffers()})
    for (const auto& [name, tensor] : list) {
      const hid_t dataset = H5Dopen2(file, ("model/" + name).c_str(), H5P_DEFAULT);
      const hid_t type = H5Dget_type(dataset);
      std::string& to = bytes[name];
      to.resize(static_cast<std::size_t>(H5Dget_storage_size(dataset)));
      EXPECT_GE(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to.data()), 0) << name;
      H5Tclose(type);
      H5Dclose(dataset);
    }
  H5Fclose(file);
  return bytes;
}

template <class Model>
void check_file() {
  const TemporaryFolder folder;
  const Model model(1);
  save_weights(model, folder / "a.h5");
  save_weights(Model(1), folder / "b.h5");
  const std::string file = read_bytes(folder / "a.h5");
  EXPECT_TRUE(file == read_bytes(folder / "b.h5")) << "the same contents give other bytes";
  EXPECT_TRUE(read_by_hdf5(folder / "a.h5", model) == bits_of(model));
  Model other(2);
  load_weights(other, folder / "a.h5");
  EXPECT_TRUE(bits_of(other) == bits_of(model));

  std::size_t elements = 0;
  for (const auto& [name, bits] : bits_of(model)) elements += bits.size();
  EXPECT_LT(file.size(), elements + (128 << 10)) << "there is air in the file";
}

TEST(LargeTensors, AreWhatLibhdf5ReadsAndComeBack) { check_file<Zeppelin>(); }
TEST(LargeTensors, NeedNoRoomThatWasForeseen) { check_file<Crowd>(); }

class Holder : public nn::Module {
 public:
  explicit Holder(std::int64_t size) {
    register_buffer("a", Tensor::zeros({size}, {.dtype = Dtype::u8}));
    register_parameter("x", Tensor::zeros({kElements}));
  }
};

/// Versions before this one let libhdf5 write large tensors, at any offset.
TEST(LargeTensors, LieAnywhereInFilesOfOlderVersions) {
  const TemporaryFolder folder;
  const std::string path = folder / "old.h5";
  Rng rng(3);
  const std::vector<float> values = Tensor::normal({kElements}, rng).to_vector<float>();
  const auto add = [&](hid_t group, const char* name, hid_t type, hsize_t size) {
    const hid_t space = H5Screate_simple(1, &size, nullptr);
    const hid_t dataset =
        H5Dcreate2(group, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    EXPECT_GE(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
    H5Dclose(dataset);
    H5Sclose(space);
  };
  for (const std::int64_t bytes_before : {1, 2, 3, 4}) {
    write_bytes(path, sealed(make_hdf5(path, kBlockBytes, [&](hid_t file) {
                  add_text(file, "format", "tenon-weights");
                  add_integer(file, "version", 1);
                  const hid_t model =
                      H5Gcreate2(file, "model", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
                  add(model, "a", H5T_STD_U8LE, static_cast<hsize_t>(bytes_before));
                  add(model, "x", H5T_IEEE_F32LE, values.size());
                  H5Gclose(model);
                })));
    Holder model(bytes_before);
    load_weights(model, path);
    EXPECT_TRUE(model.parameters().at("x").to_vector<float>() == values) << bytes_before;
  }
}

TEST(LargeTensors, OfAStateDoNotKeepTheFileInMemory) {
  const TemporaryFolder folder;
  {
    const Zeppelin model(1);
    save_checkpoint(folder / "run.h5",
                    {.model = &model, .state = {{"x", Tensor::full({kElements}, 2.5)}}});
  }
  const std::int64_t before = memory_stats().live_bytes;
  const CheckpointInfo info = load_checkpoint(folder / "run.h5");
  EXPECT_EQ(memory_stats().live_bytes - before,
            static_cast<std::int64_t>(kElements * sizeof(float)));
  EXPECT_EQ(info.state.at("x").to_vector<float>(), std::vector<float>(kElements, 2.5F));
}

TEST(LargeTensors, FlippedBitsAreNoticed) {
  const TemporaryFolder folder;
  save_weights(Zeppelin(1), folder / "a.h5");
  const std::string good = read_bytes(folder / "a.h5");
  Zeppelin model(2);
  const auto before = bits_of(model);
  Rng rng(9);
  for (int i = 0; i < 20; ++i) {
    std::string bad = good;
    const std::uint64_t bit = rng.below(8 * bad.size());
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    write_bytes(folder / "bad.h5", bad);
    EXPECT_THAT(message_of<CheckpointError>([&] { load_weights(model, folder / "bad.h5"); }),
                HasSubstr("is damaged"));
  }
  EXPECT_TRUE(bits_of(model) == before);
}

}  // namespace
}  // namespace tenon
