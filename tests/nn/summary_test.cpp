#include "tenon/nn/summary.h"

#include <gtest/gtest.h>

#include <string>

#include "models/lenet5.h"
#include "support/close.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/core/error.h"
#include "tenon/nn/nn.h"
#include "tenon/ops/arithmetic.h"

namespace tenon {
namespace {

TEST(Summary, HasARowALayerAndTotals) {
  Rng rng(1);
  models::LeNet5 model(rng);
  // multiply-adds: conv1 6 24^2 1 5^2, conv2 16 8^2 6 5^2, then the products of the linear layers'
  // sizes
  EXPECT_EQ(summary(model, {1, 1, 28, 28}),
            "layer  type       output shape    parameters  multiply-adds\n"
            "-----------------------------------------------------------\n"
            "conv1  Conv2d     [1, 6, 24, 24]         156         86,400\n"
            "pool1  AvgPool2d  [1, 6, 12, 12]           0              0\n"
            "conv2  Conv2d     [1, 16, 8, 8]        2,416        153,600\n"
            "pool2  AvgPool2d  [1, 16, 4, 4]            0              0\n"
            "fc1    Linear     [1, 120]            30,840         30,720\n"
            "fc2    Linear     [1, 84]             10,164         10,080\n"
            "fc3    Linear     [1, 10]                850            840\n"
            "-----------------------------------------------------------\n"
            "total  LeNet5     [1, 10]             44,426        281,640\n");
}

TEST(Summary, CountsBatchesFrozenPartsAndUncalledLayers) {
  class Net : public nn::Module {
   public:
    explicit Net(Rng& rng)
        : shared_(child<nn::Linear>("shared", 4, 4, rng)),
          unused_(child<nn::Linear>("unused", 4, 1, rng)) {
      register_parameter("scale", Tensor::ones({4}));
    }
    Tensor forward(const Tensor& x) override { return shared_(shared_(x)); }
    nn::Linear& shared_;
    nn::Linear& unused_;
  };
  Rng rng(1);
  Net net(rng);
  net.shared_.set_requires_grad(false);
  EXPECT_EQ(summary(net, {10, 4}),
            "layer    type    output shape  parameters  multiply-adds\n"
            "--------------------------------------------------------\n"
            "(model)  Net     [10, 4]                4              0\n"
            "shared   Linear  [10, 4]               20            320\n"
            "unused   Linear  -                      5              -\n"
            "--------------------------------------------------------\n"
            "total    Net     [10, 4]               29            320\n"
            "9 trainable, 20 frozen\n");
}

TEST(Summary, NamesNestedLayersAndTransposedConvolutions) {
  Rng rng(1);
  nn::Sequential net;
  auto& block = net.add<nn::Sequential>("block");
  block.add<nn::ConvTranspose2d>("up", 2, 3, 2, rng, nn::ConvTranspose2dOptions{.stride = 2});
  block.add<nn::Relu>("relu");
  const std::string text = summary(net, {1, 2, 3, 3});
  EXPECT_NE(text.find("block.up    ConvTranspose2d  [1, 3, 6, 6]          27            216\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("block.relu  Relu             [1, 3, 6, 6]           0              0\n"),
            std::string::npos)
      << text;
}

TEST(Summary, LeavesTheModelAsItWas) {
  class Counter : public nn::Module {
   public:
    Counter() { register_buffer("calls", Tensor::zeros({1})); }
    Tensor forward(const Tensor& x) override {
      EXPECT_FALSE(is_training());
      EXPECT_FALSE(is_recording());
      update_buffer("calls", [](const Tensor& calls) { return calls + 1.0; });
      return x;
    }
  };
  Rng rng(1);
  nn::Sequential net;
  net.add<nn::BatchNorm1d>("norm", 3);
  net.add<nn::Dropout>("dropout", 0.5, rng);
  net.add<Counter>("counter");
  auto& part = net.add<nn::Sequential>("part");
  auto& asleep = part.add<nn::Sequential>("asleep");
  auto& awake = asleep.add<nn::Relu>("awake");
  asleep.set_training(false);
  awake.set_training(true);
  const std::uint64_t position = rng.position();
  summary(net, {4, 3});
  EXPECT_TRUE(net.is_training() && net.at(0).is_training() && part.is_training() &&
              awake.is_training());
  EXPECT_FALSE(asleep.is_training());
  EXPECT_EQ(net.buffers().at("counter.calls").item<int>(), 0);
  EXPECT_EQ(net.buffers().at("dropout.calls").item<int>(), 0);
  EXPECT_TRUE(close(net.buffers().at("norm.running_var"), Tensor::ones({3}), {0, 0}));
  EXPECT_EQ(rng.position(), position);
}

TEST(Summary, TakesIntegerInputs) {
  Rng rng(1);
  nn::Sequential net;
  net.add<nn::Embedding>("embedding", 10, 4, rng);
  EXPECT_NE(summary(net, {2, 5}, {.dtype = Dtype::i64}).find("[2, 5, 4]"), std::string::npos);
}

TEST(Summary, FailsLikeAForwardAndRestoresTheModel) {
  Rng rng(1);
  models::LeNet5 model(rng);
  const std::string text = message_of<ShapeError>([&] { summary(model, {1, 3, 28, 28}); });
  EXPECT_NE(text.find("LeNet5.conv1"), std::string::npos) << text;
  EXPECT_NE(text.find("summary_test.cpp"), std::string::npos) << text;
  EXPECT_TRUE(model.is_training());
  EXPECT_TRUE(is_recording());
}

}  // namespace
}  // namespace tenon
