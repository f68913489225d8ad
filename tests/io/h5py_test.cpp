#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <limits>
#include <string>

#include "io/io_support.h"
#include "support/close.h"
#include "tenon/core/error.h"
#include "tenon/io/checkpoint.h"
#include "tenon/io/weights.h"
#include "tenon/ops/ops.h"
#include "tenon/optim/sgd.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// What a command prints, errors included; its exit status is expected to be 0.
std::string output_of(const std::string& command) {
  std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::string text;
  for (char buffer[4096]; const std::size_t count = std::fread(buffer, 1, sizeof buffer, pipe);)
    text.append(buffer, count);
  EXPECT_EQ(::pclose(pipe), 0) << command << "\n"
                               << text << "\n(tools/setup installs python3-h5py and hdf5-tools)";
  return text;
}

// Debian's: python3-h5py belongs to it.
const std::string kPython = "/usr/bin/python3 ";

class Known : public nn::Module {
 public:
  Known() {
    child<Block>("block");
    register_parameter(
        "double",
        Tensor::from({0.1, -1e300, std::numeric_limits<double>::infinity()}, {3}, Dtype::f64));
    register_parameter("scalar", Tensor::from(2.5f));
    register_parameter("empty", Tensor::zeros({2, 0}));
    register_buffer("count", Tensor::from(INT64_MIN));
    register_buffer("small", Tensor::from({1, -2}, {1, 2}, Dtype::i32));
    register_buffer("bytes", Tensor::from({0, 127, 255}, {3}, Dtype::u8));
    register_buffer("mask", Tensor::from({true, false, true}, {3}));
  }

 private:
  class Block : public nn::Module {
   public:
    Block() {
      // Not in rows, and still [2, 3, 4] for all readers.
      const Tensor x = reshape(Tensor::arange(24).to(Dtype::f32) / 8, {2, 3, 4});
      register_parameter("weight",
                         permute(permute(x, {2, 1, 0}).clone().contiguous(), {2, 1, 0}).detach());
    }
  };
};

void save_known(const std::string& path) {
  const Known model;
  optim::SGD optimizer(model.parameters(), {.learning_rate = 0.25, .momentum = 0.9});
  sum(model.parameters().at("block.weight")).backward();
  optimizer.step();
  const NoGradGuard no_grad;  // what the step took off
  Tensor weight = model.parameters().at("block.weight");
  weight.copy_from(weight + 0.25);
  Rng rng(~std::uint64_t{0}, 7);
  save_checkpoint(path, {.model = &model,
                         .optimizer = &optimizer,
                         .epoch = 3,
                         .step = 1404,
                         .rng = &rng,
                         .metadata = {{"model", "größer"}, {"seed", 1}, {"rate", 0.002}}});
}

TEST(H5py, ReadsACheckpoint) {
  const TemporaryFolder folder;
  save_known(folder / "run.h5");
  output_of(kPython + TENON_SOURCE_DIR + "/tests/io/read_with_h5py.py " + (folder / "run.h5"));
}

TEST(H5py, ADifferenceWouldBeNoticed) {
  const TemporaryFolder folder;
  save_checkpoint(folder / "run.h5", {});
  EXPECT_NE(std::system((kPython + TENON_SOURCE_DIR + "/tests/io/read_with_h5py.py " +
                         (folder / "run.h5") + " 2>/dev/null")
                            .c_str()),
            0);
}

TEST(H5py, WhatItChangesIsNotReadBack) {
  const TemporaryFolder folder;
  const Known model;
  Known target;
  save_weights(model, folder / "known.h5");
  output_of(kPython + "-c \"import h5py; h5py.File('" + (folder / "known.h5") +
            "', 'r+')['model/scalar'][()] = 3\"");
  EXPECT_THAT(message_of<CheckpointError>([&] { load_weights(target, folder / "known.h5"); }),
              HasSubstr("was changed by another program"));
}

TEST(H5dump, ReadsACheckpoint) {
  const TemporaryFolder folder;
  save_known(folder / "run.h5");
  EXPECT_THAT(output_of("h5dump " + (folder / "run.h5")),
              AllOf(HasSubstr("ATTRIBUTE \"format\""), HasSubstr("\"tenon-checkpoint\""),
                    HasSubstr("DATASET \"weight\""), HasSubstr("DATATYPE  H5T_IEEE_F32LE"),
                    HasSubstr("DATASPACE  SIMPLE { ( 2, 3, 4 ) / ( 2, 3, 4 ) }"),
                    HasSubstr("(1,2,0): 2.5, 2.625, 2.75, 2.875"), HasSubstr("\"FALSE\"")));
  EXPECT_THAT(output_of("h5ls -r " + (folder / "run.h5")), HasSubstr("/model/block/weight"));
}

}  // namespace
}  // namespace tenon
