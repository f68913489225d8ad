#include "tenon/autograd/plot_graph.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <string>
#include <vector>

#include "models/lenet5.h"
#include "support/close.h"
#include "support/dot.h"
#include "tenon/autograd/record.h"
#include "tenon/core/error.h"
#include "tenon/ops/ops.h"

namespace tenon {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Tensor leaf(const Shape& shape) { return Tensor::ones(shape).set_requires_grad(); }

TEST(PlotGraph, WritesTheseLines) {
  const int line = __LINE__ + 1;
  Tensor w = Tensor::ones({2}).set_requires_grad();
  const Tensor b = Tensor::ones({2}, {.dtype = Dtype::f64}).set_requires_grad();
  const Tensor loss = sum(w * b);
  const auto detail = [](const std::string& text) {
    return "<font point-size=\"11\" color=\"#57606a\">" + text + "</font>";
  };
  const std::string blue = "fillcolor=\"#eaf1fb\", color=\"#b3c7e6\"";
  const std::string grey = "fillcolor=\"#f6f7f9\", color=\"#ccd3db\"";
  const auto tooltip = [&](int at) {
    return fmt::format("tooltip=\"at plot_graph_test.cpp:{}\"", at);
  };
  const std::string dot = plot_graph(loss, {.parameters = {{"w", w}}}).dot();
  EXPECT_EQ(dot.substr(0, 27), "digraph graph_of_loss {\n  g");
  EXPECT_EQ(dot.substr(dot.find("  n0")),
            "  n0 [label=<<b>w</b><br/>" + detail("[2] f32") + ">, " + blue + ", " + tooltip(line) +
                "]\n"
                "  n1 [label=<<b>leaf</b><br/>" +
                detail("[2] f64") + ">, " + blue + ", " + tooltip(line + 1) +
                "]\n"
                "  n2 [label=<<b>multiply</b><br/>" +
                detail("[2] f64") + ">, " + grey + ", " + tooltip(line + 2) +
                "]\n"
                "  n0 -> n2\n"
                "  n1 -> n2\n"
                "  n3 [label=<<b>sum</b><br/>" +
                detail("[] f64") + ">, " + grey + ", " + tooltip(line + 2) +
                "]\n"
                "  n2 -> n3\n"
                "}\n");
}

TEST(PlotGraph, HasABoxAnOperationAndALeafOfLeNet5) {
  Rng rng(1);
  models::LeNet5 model(rng);
  const Tensor x = Tensor::ones({3, 1, 28, 28}), t = Tensor::from({0, 1, 2}, {3});
  const Tensor loss = cross_entropy(model(x), t);
  const Plot plot = plot_graph(loss, {.parameters = model.parameters()});
  // 2 convolutions, 2 poolings, flatten, 3 linear layers, the loss; 10 parameters.
  // Into them: conv1 2 (x needs no gradient), conv2 3, linear layers 3 each, the others 1 each.
  EXPECT_EQ(counts_of(plot.dot()), (Counts{.nodes = 9 + 10, .edges = 2 + 3 + 3 * 3 + 4}));
  const std::vector<std::string> arrows = arrows_of(plot.dot());
  EXPECT_THAT(arrows, testing::IsSupersetOf(
                          {"conv1.weight -> conv2d", "conv1.bias -> conv2d", "conv2d -> avg_pool2d",
                           "avg_pool2d -> conv2d", "avg_pool2d -> flatten", "flatten -> linear",
                           "linear -> linear", "fc3.bias -> linear", "linear -> cross_entropy"}));
  const std::string texts = texts_of_svg(plot.svg());
  for (const char* text :
       {"conv2d\n", "LeNet5.conv1\n", "[3, 6, 24, 24] f32\n", "fc2.weight\n", "[84, 120] f32\n",
        "at lenet5.cpp:", " in LeNet5.conv1, called from plot_graph_test.cpp:"})
    EXPECT_THAT(texts, HasSubstr(text));
}

TEST(PlotGraph, ShowsEveryUseAndEveryOutput) {
  const Tensor x = leaf({2, 4});
  EXPECT_THAT(arrows_of(plot_graph(x * x).dot()),
              ElementsAre("leaf -> multiply", "leaf -> multiply"));
  const std::vector<Tensor> both =
      record("both", {x}, std::vector<Tensor>{Tensor::ones({1}), Tensor::ones({2, 3})},
             [](const Gradients&, const Needs&) -> Gradients { return {none}; });
  const std::string dot = plot_graph(sum(both[0]) + sum(both[1])).dot();
  EXPECT_THAT(dot, HasSubstr("<b>both</b><br/><font point-size=\"11\" color=\"#57606a\">[1] "
                             "f32<br/>[2, 3] f32</font>"));
  EXPECT_THAT(arrows_of(dot), ElementsAre("leaf -> both", "both -> sum", "both -> sum",
                                          "sum -> add", "sum -> add"));
}

TEST(PlotGraph, IsTheSameTextForTheSameGraph) {
  const auto plot = [] {
    const Tensor a = leaf({2}), b = leaf({2});
    return plot_graph(sum(exp(a) * b), {.parameters = {{"a", a}, {"b", b}}}).dot();
  };
  const std::string first = plot();
  sum(exp(leaf({2})));  // takes ids
  EXPECT_EQ(plot(), first);
}

TEST(PlotGraph, TakesALeafALossOfAnyShapeAndAFreedGraph) {
  const Tensor x = leaf({2});
  EXPECT_EQ(counts_of(plot_graph(x).dot()), (Counts{1, 0}));
  const Tensor y = exp(x), z = sum(y);
  EXPECT_THAT(plot_graph(y).dot(), AllOf(Not(HasSubstr("dashed")), HasSubstr("label=< >")));
  z.backward();
  const Tensor more = z + sum(x);  // of these sums, the first one is freed
  const std::string dot = plot_graph(more).dot();
  EXPECT_THAT(dot, HasSubstr("label=<dashed: freed by a backward pass>"));
  EXPECT_EQ(counts_of(dot), (Counts{5, 5}));
  std::size_t dashed = 0;
  for (std::size_t at = 0;
       (at = dot.find("style=\"rounded,filled,dashed\"", at)) != std::string::npos; ++at)
    ++dashed;
  EXPECT_EQ(dashed, 2U);
}

TEST(PlotGraph, LeavesOutTheOldestOperationsOfMany) {
  const Tensor x = leaf({2}), w = leaf({2});
  Tensor y = x;
  for (int i = 0; i < 5; ++i) y = y * w;
  const std::string dot = plot_graph(y, {.parameters = {{"x", x}, {"w", w}}, .max_nodes = 2}).dot();
  EXPECT_THAT(arrows_of(dot),
              ElementsAre("3 older operations are left out -> multiply", "w -> multiply",
                          "multiply -> multiply", "w -> multiply"));
  EXPECT_THAT(dot, HasSubstr("max_nodes = 2"));
  EXPECT_THAT(plot_graph(y, {.max_nodes = 5}).dot(), Not(HasSubstr("left out")));
}

/// Draws a chain of a million operations; returns the text.
void* plot_long_chain(void* result) {
  Tensor y = leaf({1});
  for (int i = 0; i < 1'000'000; ++i) y = y + 1.0;
  *static_cast<std::string*>(result) = plot_graph(y).dot();
  return nullptr;
}

TEST(PlotGraph, TakesAMillionOperationsOnASmallStack) {
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, 256 * 1024), 0);
  pthread_t thread;
  std::string dot;
  ASSERT_EQ(pthread_create(&thread, &attributes, &plot_long_chain, &dot), 0);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  EXPECT_EQ(pthread_attr_destroy(&attributes), 0);
  EXPECT_THAT(dot, HasSubstr("999,000 older operations are left out"));
  EXPECT_EQ(arrows_of(dot).size(), 1000U);
}

TEST(PlotGraph, PutsALeafOfManyUsesBesideEach) {
  const Tensor w = leaf({2}), x = leaf({2});
  Tensor y = x;
  for (int i = 0; i < 4; ++i) y = y * w;
  const auto plot = [&] { return plot_graph(y, {.parameters = {{"x", x}, {"w", w}}}).dot(); };
  EXPECT_EQ(counts_of(plot()), (Counts{.nodes = 4 + 2, .edges = 8}));
  y = y * w;
  EXPECT_EQ(counts_of(plot()), (Counts{.nodes = 5 + 1 + 5, .edges = 10}));
  for (const char* use : {"use 1 of 5", "use 2 of 5", "use 3 of 5", "use 4 of 5", "use 5 of 5"})
    EXPECT_THAT(plot(), HasSubstr(use));
}

TEST(PlotGraph, EscapesNames) {
  const Tensor x = leaf({1});
  const Tensor y = record("<odd> \"op\" \\n & co", {x}, Tensor::ones({1}),
                          [](const Tensor& dy, const Needs&) -> Gradients { return {dy}; });
  const Plot plot = plot_graph(y, {.parameters = {{"a<b>\"&\n", x}}});
  const std::string texts = texts_of_svg(plot.svg());
  EXPECT_THAT(texts, AllOf(HasSubstr("<odd> \"op\" \xe2\xa7\xb5n & co\n"),
                           HasSubstr("a<b>\"&\xef\xbf\xbd\n")));
}

TEST(PlotGraph, ErrorsSayWhatToDo) {
  EXPECT_THAT(message_of<ShapeError>([] { plot_graph(Tensor()); }),
              AllOf(HasSubstr("plot_graph: the loss is an undefined tensor"),
                    HasSubstr("plot_graph_test.cpp:")));
  EXPECT_THAT(message_of<GradientError>([] { plot_graph(Tensor::ones({2})); }),
              AllOf(HasSubstr("plot_graph: the loss has no history and does not require grad.\n"
                              "  loss [2] f32\n"),
                    HasSubstr("NoGradGuard"), HasSubstr("plot_graph_test.cpp:")));
  EXPECT_THAT(message_of<ShapeError>([] { plot_graph(leaf({1}), {.max_nodes = 0}); }),
              HasSubstr("max_nodes must be at least 1 but is 0"));
}

}  // namespace
}  // namespace tenon
