// The errors that docs/troubleshooting.md explains, each provoked as the page says: the page must
// quote their texts.
#include <gtest/gtest.h>
#include <models/lenet5.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "tenon/tenon.h"
#include "tests/support/close.h"

namespace tenon {
namespace {

const std::string& page() {
  static const std::string text = [] {
    const std::ifstream file(TENON_SOURCE_DIR "/docs/troubleshooting.md");
    std::stringstream all;
    all << file.rdbuf();
    return all.str();
  }();
  return text;
}

/// Runs the mistake; its error, but for the last line, which says where, must stand in the page.
template <class Body>
void expect_quoted(Body mistake) {
  const std::string message = std::regex_replace(
      message_of<Error>(mistake), std::regex(R"(troubleshooting_test\.cpp:\d+)"), "train.cpp:42");
  const std::string quote = message.substr(0, message.rfind("\n  at "));
  EXPECT_GT(quote.size(), 10u);
  EXPECT_NE(page().find(quote + "\n"), std::string::npos) << message << "\n";
}

TEST(Troubleshooting, Shapes) {
  Rng rng(1);
  const Tensor x = Tensor::zeros({64, 10}), image = Tensor::zeros({64, 28, 28});
  nn::Conv2d conv(1, 6, 5, rng);
  nn::Linear linear(400, 120, rng);
  models::LeNet5 model(rng);
  expect_quoted([&] { x + Tensor::zeros({64}); });
  expect_quoted([&] { matmul(x, Tensor::zeros({5, 10})); });
  expect_quoted([&] { conv(image); });
  expect_quoted([&] { model(Tensor::zeros({64, 3, 28, 28})); });
  expect_quoted([&] { linear(Tensor::zeros({64, 16, 5, 5})); });
  expect_quoted([&] { reshape(x, {-1, 3}); });
  expect_quoted([&] { concat({x, Tensor::zeros({64})}, 1); });
  expect_quoted([&] { x.item<float>(); });
}

TEST(Troubleshooting, LabelsAndDtypes) {
  const Tensor logits = Tensor::zeros({2, 10});
  expect_quoted([&] { cross_entropy(logits, Tensor::from({3, 10}, {2})); });
  expect_quoted([&] { embedding(logits, Tensor::from({0, 2}, {2})); });
  expect_quoted([&] { embedding(logits, Tensor::from({0.0f, 1.0f}, {2})); });
  expect_quoted([&] {
    conv2d(Tensor::zeros({1, 1, 8, 8}, {Dtype::u8}), Tensor::zeros({1, 1, 3, 3}),
           Tensor::zeros({1}));
  });
  expect_quoted([&] { logits.data<double>(); });
  expect_quoted([&] { transpose(logits, 0, 1).data<float>(); });
}

TEST(Troubleshooting, Gradients) {
  Tensor x = Tensor::ones({3}).set_requires_grad();
  expect_quoted([&] { square(x).backward(); });
  expect_quoted([&] { sum(Tensor::ones({3})).backward(); });
  expect_quoted([&] {
    const Tensor loss = sum(exp(x));
    loss.backward();
    loss.backward();
  });
  expect_quoted([&] { x.fill(0); });
  expect_quoted([&] {
    const Tensor loss = sum(square(x));
    {
      const NoGradGuard no_grad;
      x.fill(2);
    }
    loss.backward();
  });
  expect_quoted([&] { gradients(sum(x), {Tensor::ones({3}).set_requires_grad()}); });
  expect_quoted([&] { gradients(sum(x), {Tensor::ones({3})}); });
  expect_quoted(
      [&] { check_gradients([](const std::vector<Tensor>& in) { return exp(in[0]); }, {x}); });
  expect_quoted([&] {
    const AnomalyGuard anomalies;
    log(Tensor::from({1.0f, 0.0f, 2.0f}, {3}).set_requires_grad());
  });
}

TEST(Troubleshooting, ModulesAndTraining) {
  Rng rng(1);
  nn::Linear linear(3, 2, rng);
  nn::BatchNorm2d norm(1);
  const data::Batch batch{Tensor::ones({32, 1, 4, 4}), Tensor::zeros({32}, {Dtype::i64})};
  expect_quoted([&] { linear.parameters().at("weights"); });
  expect_quoted([&] {
    backward_in_shards(batch, norm.parameters(),
                       [&](const data::Batch& shard) { return sum(norm(shard.inputs)); });
  });
  expect_quoted([&] {
    backward_in_shards(batch, linear.parameters(), [&](const data::Batch& shard) {
      return sum(
          linear(dropout(reshape(slice(flatten(shard.inputs, 1), 1, {0, 3}), {-1, 3}), 0.5, rng)));
    });
  });
  expect_quoted([&] {
    const Tensor weight = linear.weight();
    optim::SGD(ParameterList({{"encoder.weight", weight}, {"decoder.weight", weight}}),
               {.learning_rate = 0.1});
  });
}

TEST(Troubleshooting, Files) {
  const std::filesystem::path before = std::filesystem::current_path();
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / "tenon_troubleshooting";
  std::filesystem::create_directories(folder);
  std::filesystem::current_path(folder);  // the page names files without folders
  Rng rng(1);
  models::LeNet5 model(rng);
  nn::Linear other(3, 2, rng);
  expect_quoted([&] { data::load_mnist("data", data::Split::train); });
  expect_quoted([&] { load_weights(model, "lenet5.h5"); });
  std::ofstream("notes.txt") << "this is no HDF5 file";
  expect_quoted([&] { load_weights(model, "notes.txt"); });
  save_weights(other, "other.h5");
  expect_quoted([&] { load_weights(model, "other.h5"); });
  std::filesystem::current_path(before);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace tenon
