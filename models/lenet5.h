#pragma once

#include <tenon/nn/nn.h>

namespace tenon::models {

/// LeNet-5 for 28x28 images with the activations and average pooling of 1998, fully connected
/// between pool1 and conv2: 44,426 parameters. x [N, 1, 28, 28] -> logits [N, 10]. LeCun, Bottou,
/// Bengio and Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE
/// 86(11), 1998.
class LeNet5 : public nn::Module {
 public:
  explicit LeNet5(Rng& rng);
  Tensor forward(const Tensor& x) override;

 private:
  nn::Conv2d& conv1_;
  nn::AvgPool2d& pool1_;
  nn::Conv2d& conv2_;
  nn::AvgPool2d& pool2_;
  nn::Linear& fc1_;
  nn::Linear& fc2_;
  nn::Linear& fc3_;
};

}  // namespace tenon::models
