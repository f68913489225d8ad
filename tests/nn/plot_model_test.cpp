#include "tenon/nn/plot_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "models/lenet5.h"
#include "models/mlp.h"
#include "support/close.h"
#include "support/dot.h"
#include "tenon/autograd/backward.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/core/error.h"
#include "tenon/nn/nn.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

using nn::plot_model;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// relu(fc2(relu(fc1(x))) + x)
class Residual : public nn::Module {
 public:
  explicit Residual(Rng& rng)
      : fc1_(child<nn::Linear>("fc1", 4, 4, rng)), fc2_(child<nn::Linear>("fc2", 4, 4, rng)) {}
  Tensor forward(const Tensor& x) override { return relu(fc2_(relu(fc1_(x))) + x); }

 private:
  nn::Linear& fc1_;
  nn::Linear& fc2_;
};

TEST(PlotModel, WritesTheseLines) {
  Rng rng(1);
  nn::Sequential net;
  net.add<nn::Linear>("fc", 3, 2, rng, nn::LinearOptions{.activation = Activation::tanh});
  auto& block = net.add<nn::Sequential>("block");
  block.add<nn::Relu>("relu");
  const auto detail = [](const std::string& text) {
    return "<br/><font point-size=\"11\" color=\"#57606a\">" + text + "</font>";
  };
  const std::string green = "fillcolor=\"#e9f5ec\", color=\"#b4d6be\"";
  const std::string blue = "fillcolor=\"#eaf1fb\", color=\"#b3c7e6\"";
  const std::string grey = "fillcolor=\"#f6f7f9\", color=\"#ccd3db\"";
  const std::string font = "fontname=\"Helvetica,Arial,sans-serif\"";
  EXPECT_EQ(
      plot_model(net, {1, 3}).dot(),
      "digraph model {\n"
      "  graph [label=<<b>Sequential</b><br/>8 parameters>, labelloc=t, "
      "bgcolor=transparent, " +
          font +
          ", fontsize=12, fontcolor=\"#768390\", color=\"#8c959f55\", fillcolor=\"#8c959f1a\", "
          "style=\"rounded,filled\", nodesep=0.25, ranksep=0.3]\n"
          "  node [shape=box, style=\"rounded,filled\", " +
          font +
          ", fontsize=13, fontcolor=\"#24292f\", margin=\"0.16,0.08\", height=0.3, "
          "width=0.3]\n"
          "  edge [color=\"#8c959f\", arrowsize=0.6]\n"
          "  n0 [label=<input" +
          detail("[1, 3]") + ">, " + green +
          "]\n"
          "  n1 [label=<<b>fc</b> Linear" +
          ", tanh" + detail("8 parameters") + detail("[1, 2]") + ">, " + blue +
          "]\n"
          "  subgraph cluster_0 {\n"
          "  label=<<b>block</b> Sequential>\n"
          "  labeljust=l\n"
          "  n2 [label=<<b>relu</b> Relu" +
          detail("[1, 2]") + ">, " + grey +
          "]\n"
          "  }\n"
          "  n3 [label=<output" +
          detail("[1, 2]") + ">, " + green +
          "]\n"
          "  n0 -> n1\n"
          "  n1 -> n2\n"
          "  n2 -> n3\n"
          "}\n");
}

TEST(PlotModel, IsTrueOfLeNet5) {
  Rng rng(1);
  models::LeNet5 model(rng);
  const Plot plot = plot_model(model, {1, 1, 28, 28});
  EXPECT_EQ(counts_of(plot.dot()), (Counts{.nodes = 10, .edges = 9}));
  EXPECT_THAT(arrows_of(plot.dot()),
              ElementsAre("input -> conv1 Conv2d, 5 x 5, tanh",
                          "conv1 Conv2d, 5 x 5, tanh -> pool1 AvgPool2d, 2 x 2",
                          "pool1 AvgPool2d, 2 x 2 -> conv2 Conv2d, 5 x 5, tanh",
                          "conv2 Conv2d, 5 x 5, tanh -> pool2 AvgPool2d, 2 x 2",
                          "pool2 AvgPool2d, 2 x 2 -> flatten", "flatten -> fc1 Linear, tanh",
                          "fc1 Linear, tanh -> fc2 Linear, tanh", "fc2 Linear, tanh -> fc3 Linear",
                          "fc3 Linear -> output"));
  const std::string texts = texts_of_svg(plot.svg());
  for (const char* text :
       {"LeNet5\n", "44,426 parameters\n", "[1, 1, 28, 28]\n", " Conv2d, 5 x 5, tanh\n",
        "156 parameters\n", "[1, 6, 24, 24]\n", " AvgPool2d, 2 x 2\n", "2,416 parameters\n",
        "[1, 256]\n", "30,840 parameters\n", "10,164 parameters\n", "850 parameters\n",
        "[1, 10]\n"})
    EXPECT_THAT(texts, HasSubstr(text));
  EXPECT_THAT(plot_model(model, {1, 1, 28, 28}, {.show_shapes = false}).dot(),
              AllOf(Not(HasSubstr("[1, ")), HasSubstr("156 parameters")));
}

TEST(PlotModel, IsTrueOfAnMlp) {
  Rng rng(1);
  models::Mlp model({784, 32, 10}, rng);
  EXPECT_THAT(arrows_of(plot_model(model, {2, 1, 28, 28}).dot()),
              ElementsAre("input -> flatten", "flatten -> fc1 Linear, relu",
                          "fc1 Linear, relu -> fc2 Linear", "fc2 Linear -> output"));
}

TEST(PlotModel, ShowsResidualConnectionsInFrames) {
  class Net : public nn::Module {
   public:
    explicit Net(Rng& rng)
        : stem_(child<nn::Linear>("stem", 3, 4, rng)), block_(child<Residual>("block", rng)) {}
    Tensor forward(const Tensor& x) override { return sum(block_(stem_(x)), 1); }
    nn::Linear& stem_;
    Residual& block_;
  };
  Rng rng(1);
  Net net(rng);
  const std::string dot = plot_model(net, {2, 3}).dot();
  EXPECT_THAT(arrows_of(dot),
              ElementsAre("input -> stem Linear", "stem Linear -> fc1 Linear", "stem Linear -> add",
                          "fc1 Linear -> relu", "relu -> fc2 Linear", "fc2 Linear -> add",
                          "add -> relu", "relu -> sum", "sum -> output"));
  const std::size_t
      begin =
          dot.find("  subgraph cluster_0 {\n  label=<<b>block</b> Residual<br/>40 parameters>\n"),
      end = dot.find("  }\n");
  ASSERT_NE(begin, std::string::npos);
  const std::string frame = dot.substr(begin, end - begin);
  for (const char* inside : {"relu", "add", "fc1", "fc2"}) EXPECT_THAT(frame, HasSubstr(inside));
  for (const char* outside : {"stem", "sum", "input", "output"})
    EXPECT_THAT(frame, Not(HasSubstr(outside)));
}

TEST(PlotModel, ShowsLayersThatReturnWhatTheyGot) {
  class Net : public nn::Module {
   public:
    explicit Net(Rng& rng)
        : drop_(child<nn::Dropout>("drop", 0.5, rng)), empty_(child<nn::Sequential>("empty")) {}
    Tensor forward(const Tensor& x) override { return empty_(drop_(x)) + x; }
    nn::Dropout& drop_;
    nn::Sequential& empty_;
  };
  Rng rng(1);
  Net net(rng);
  EXPECT_THAT(
      arrows_of(plot_model(net, {2, 3}).dot()),
      ElementsAre("input -> drop Dropout", "input -> add", "drop Dropout -> empty Sequential",
                  "empty Sequential -> add", "add -> output"));
}

TEST(PlotModel, HasABoxACallAndDashesWhatIsNotCalled) {
  class Net : public nn::Module {
   public:
    explicit Net(Rng& rng)
        : shared_(child<nn::Linear>("shared", 4, 4, rng)),
          unused_(child<nn::Linear>("unused", 4, 1, rng)) {}
    Tensor forward(const Tensor& x) override { return shared_(shared_(x)); }
    nn::Linear& shared_;
    nn::Linear& unused_;
  };
  Rng rng(1);
  Net net(rng);
  net.shared_.set_requires_grad(false);
  const std::string dot = plot_model(net, {10, 4}).dot();
  EXPECT_EQ(counts_of(dot), (Counts{.nodes = 5, .edges = 3}));
  EXPECT_THAT(dot, AllOf(HasSubstr("call 1 of 2"), HasSubstr("call 2 of 2"),
                         HasSubstr("20 parameters, frozen"), HasSubstr("  n1 -> n2\n")));
  EXPECT_THAT(dot.substr(dot.find("  u0 ")),
              AllOf(HasSubstr("<b>unused</b> Linear"), HasSubstr("5 parameters"),
                    HasSubstr("not called"), HasSubstr("dashed")));
  EXPECT_FALSE(net.shared_.weight().requires_grad());
  EXPECT_TRUE(net.unused_.weight().requires_grad());
}

/// gate(x, y) = sigmoid(scale x) y
class Gate : public nn::Module {
 public:
  Gate() : scale_(register_parameter("scale", Tensor::ones({4}))) {}
  Tensor operator()(const Tensor& x, const Tensor& y, Where where = Where::current()) {
    const nn::Call call = enter(where);
    return sigmoid(scale_ * x) * y;
  }

 private:
  Tensor& scale_;
};

TEST(PlotModel, ShowsLayersWithAnOperatorOfTheirOwn) {
  class Net : public nn::Module {
   public:
    explicit Net(Rng& rng)
        : a_(child<nn::Linear>("a", 4, 4, rng)),
          b_(child<nn::Linear>("b", 4, 4, rng)),
          gate_(child<Gate>("gate")) {}
    Tensor forward(const Tensor& x) override {
      const Tensor y = a_(x);
      return gate_(y, b_(x));
    }
    nn::Linear& a_;
    nn::Linear& b_;
    Gate& gate_;
  };
  Rng rng(1);
  Net net(rng);
  const std::string dot = plot_model(net, {2, 4}).dot();
  EXPECT_THAT(arrows_of(dot),
              ElementsAre("input -> a Linear", "input -> b Linear", "a Linear -> gate Gate",
                          "b Linear -> gate Gate", "gate Gate -> output"));
  EXPECT_THAT(dot, HasSubstr("<b>gate</b> Gate<br/><font point-size=\"11\" color=\"#57606a\">4 "
                             "parameters"));
}

TEST(PlotModel, FollowsIntegersFrozenPartsAndDetachedTensors) {
  class Net : public nn::Module {
   public:
    explicit Net(Rng& rng)
        : embedding_(child<nn::Embedding>("embedding", 10, 4, rng)),
          fc_(child<nn::Linear>("fc", 8, 2, rng)),
          head_(child<nn::Linear>("head", 2, 1, rng)) {}
    Tensor forward(const Tensor& x) override {
      const Tensor features = fc_(flatten(embedding_(x), 1));
      const NoGradGuard no_grad;
      return head_(features.detach());
    }
    nn::Embedding& embedding_;
    nn::Linear& fc_;
    nn::Linear& head_;
  };
  Rng rng(1);
  Net net(rng);
  net.set_requires_grad(false);
  const NoGradGuard no_grad;  // of the caller, which must not hide the flow
  EXPECT_THAT(
      arrows_of(plot_model(net, {3, 2}, {.dtype = Dtype::i64}).dot()),
      ElementsAre("input -> embedding Embedding", "embedding Embedding -> flatten",
                  "flatten -> fc Linear", "fc Linear -> head Linear", "head Linear -> output"));
  EXPECT_FALSE(is_recording());
  for (const auto& [name, tensor] : net.parameters()) EXPECT_FALSE(tensor.requires_grad()) << name;
}

TEST(PlotModel, TakesAModelThatDifferentiatesItself) {
  class Net : public nn::Module {
   public:
    explicit Net(Rng& rng) : fc_(child<nn::Linear>("fc", 4, 3, rng)) {}
    Tensor forward(const Tensor& x) override {
      return gradients(sum(exp(fc_(x))), {x}, {.create_graph = true})[0];
    }

   private:
    nn::Linear& fc_;
  };
  Rng rng(1);
  Net net(rng);
  // What the gradient of fc computes belongs to fc.
  const std::string dot = plot_model(net, {2, 4}).dot();
  EXPECT_THAT(arrows_of(dot), testing::IsSupersetOf({"input -> fc Linear", "fc Linear -> exp",
                                                     "fc Linear -> output"}));
  EXPECT_THAT(dot, HasSubstr("15 parameters</font><br/><font point-size=\"11\" "
                             "color=\"#57606a\">[2, 3]</font>"));
}

TEST(PlotModel, LeavesTheModelAsItWas) {
  Rng rng(1);
  nn::Sequential net;
  net.add<nn::BatchNorm1d>("norm", 3);
  net.add<nn::Dropout>("dropout", 0.5, rng).set_training(false);
  Tensor weight = net.parameters().at("norm.weight");
  weight.set_grad(Tensor::full({3}, 7));
  const std::uint64_t position = rng.position();
  plot_model(net, {4, 3});
  EXPECT_TRUE(net.is_training() && net.at(0).is_training());
  EXPECT_FALSE(net.at(1).is_training());
  EXPECT_TRUE(close(net.buffers().at("norm.running_var"), Tensor::ones({3}), {0, 0}));
  EXPECT_TRUE(close(net.parameters().at("norm.weight").grad(), Tensor::full({3}, 7), {0, 0}));
  EXPECT_EQ(rng.position(), position);
}

TEST(PlotModel, TakesAModelThatIsOneLayer) {
  Rng rng(1);
  nn::Linear layer(3, 2, rng);
  EXPECT_THAT(arrows_of(plot_model(layer, {1, 3}).dot()),
              ElementsAre("input -> Linear", "Linear -> output"));
}

template <class T>
class Wrap : public nn::Relu {};

TEST(PlotModel, EscapesNames) {
  nn::Sequential net;
  net.add<Wrap<nn::Relu>>("a<b> & \"c\\n\"");
  const std::string texts = texts_of_svg(plot_model(net, {1, 3}).svg());
  EXPECT_THAT(
      texts, AllOf(HasSubstr("a<b> & \"c\xe2\xa7\xb5n\"\n"), HasSubstr("Wrap<tenon::nn::Relu>\n")));
}

TEST(PlotModel, FailsLikeAForwardAndRestoresTheModel) {
  Rng rng(1);
  models::LeNet5 model(rng);
  model.set_requires_grad(false);
  EXPECT_THAT(message_of<ShapeError>([&] {
                plot_model(model, {1, 3, 28, 28});
              }),
              AllOf(HasSubstr("LeNet5.conv1"), HasSubstr("plot_model_test.cpp")));
  EXPECT_THAT(message_of<ShapeError>([&] {
                plot_model(model, {-1, 1, 28, 28});
              }),
              AllOf(HasSubstr("-1"), HasSubstr("plot_model_test.cpp")));
  EXPECT_TRUE(model.is_training());
  EXPECT_TRUE(is_recording());
  EXPECT_FALSE(model.parameters()[0].tensor.requires_grad());
}

}  // namespace
}  // namespace tenon
