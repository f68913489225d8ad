#include "tenon/nn/module.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/close.h"
#include "tenon/autograd/grad_mode.h"
#include "tenon/core/error.h"
#include "tenon/nn/conv2d.h"
#include "tenon/nn/linear.h"
#include "tenon/nn/sequential.h"
#include "tenon/ops/arithmetic.h"
#include "tenon/ops/reduce.h"

namespace tenon {
namespace {

/// y = scale * x + the number of calls.
class Scale : public nn::Module {
 public:
  explicit Scale(double value)
      : scale_(register_parameter("scale", Tensor::full({1}, value))),
        calls_(register_buffer("calls", Tensor::zeros({1}))) {}
  Tensor forward(const Tensor& x) override {
    update_buffer("calls", [](const Tensor& calls) { return calls + 1.0; });
    return scale_ * x;
  }
  Tensor& scale_;
  Tensor& calls_;
};

class Pair : public nn::Module {
 public:
  Pair()
      : own_(register_parameter("own", Tensor::ones({2, 3}))),
        a_(child<Scale>("a", 2.0)),
        b_(child<Scale>("b", 3.0)) {}
  Tensor forward(const Tensor& x) override { return b_(a_(x)); }
  Tensor& own_;
  Scale& a_;
  Scale& b_;
};

std::vector<std::string> names_of(const ParameterList& list) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : list) names.push_back(name);
  return names;
}

template <class T>
class Wrapped : public nn::Module {};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Module, ListsParametersAndBuffersInOrder) {
  nn::Sequential net;
  net.add<Pair>("first");
  net.add<Scale>("second", 1.0);
  EXPECT_EQ(
      names_of(net.parameters()),
      (std::vector<std::string>{"first.own", "first.a.scale", "first.b.scale", "second.scale"}));
  EXPECT_EQ(names_of(net.buffers()),
            (std::vector<std::string>{"first.a.calls", "first.b.calls", "second.calls"}));
  EXPECT_EQ(net.num_parameters(), 9);
  for (auto [name, tensor] : net.parameters()) EXPECT_TRUE(tensor.requires_grad()) << name;
  for (auto [name, tensor] : net.buffers()) EXPECT_FALSE(tensor.requires_grad()) << name;
}

TEST(Module, ListsHandlesToItsOwnTensors) {
  Pair net;
  {
    const NoGradGuard no_grad;
    net.parameters().at("a.scale").fill(5);
  }
  EXPECT_EQ(net(Tensor::ones({1})).item<float>(), 15);
  EXPECT_TRUE(net.parameters().contains("own"));
  EXPECT_FALSE(net.parameters().contains("ow"));
  EXPECT_EQ(net.parameters()[2].name, "b.scale");
  const std::string text = message_of<Error>([&] { net.parameters().at("c.scale"); });
  EXPECT_TRUE(contains(text, "\"c.scale\"")) << text;
  EXPECT_TRUE(contains(text, "own, a.scale, b.scale")) << text;
  EXPECT_TRUE(contains(text, "module_test.cpp")) << text;
  EXPECT_TRUE(contains(message_of<Error>([] { ParameterList().at("x"); }), "empty"));
}

TEST(Module, ListsATiedTensorOnce) {
  class Tied : public nn::Module {
   public:
    Tied() {
      const Tensor w = Tensor::ones({4});
      register_parameter("first", w);
      register_parameter("second", w);
    }
  };
  nn::Sequential net;
  net.add<Tied>("tied");
  EXPECT_EQ(names_of(net.parameters()), std::vector<std::string>{"tied.first"});
  EXPECT_EQ(net.num_parameters(), 4);
  net.to(Dtype::f64);
  EXPECT_EQ(names_of(net.parameters()), std::vector<std::string>{"tied.first"});
}

TEST(Module, ListsModulesParentsFirst) {
  nn::Sequential net;
  net.add<Pair>("first");
  std::vector<std::string> all, direct;
  for (const auto& [name, module] : net.modules()) all.push_back(name + ":" + module.type_name());
  EXPECT_EQ(all, (std::vector<std::string>{":Sequential", "first:Pair", "first.a:Scale",
                                           "first.b:Scale"}));
  for (const auto& [name, module] : net.at(0).children()) direct.push_back(name);
  EXPECT_EQ(direct, (std::vector<std::string>{"a", "b"}));
}

TEST(Module, NamesItsTypeWithoutNamespaces) {
  class Local : public nn::Module {};
  Rng rng(1);
  EXPECT_EQ(Local().type_name(), "Local");
  EXPECT_EQ(nn::Conv2d(1, 1, 1, rng).type_name(), "Conv2d");
  EXPECT_EQ(Wrapped<nn::Linear>().type_name(), "Wrapped<tenon::nn::Linear>");
}

TEST(Module, RefusesBadNames) {
  class Named : public nn::Module {
   public:
    explicit Named(const std::string& name) {
      register_parameter("taken", Tensor::ones({1}));
      register_buffer(name, Tensor::ones({1}));
    }
  };
  for (const std::string name : {"a.b", "a/b", "a\n"})
    EXPECT_TRUE(contains(message_of<Error>([&] { Named{name}; }),
                         "has a dot, a slash or a control character"))
        << name;
  EXPECT_TRUE(contains(message_of<Error>([] { Named{""}; }), "a name in Named is empty"));
  const std::string text = message_of<Error>([] { Named{"taken"}; });
  EXPECT_TRUE(contains(
      text, "register_buffer: Named already has a child, parameter or buffer named \"taken\""))
      << text;
  EXPECT_TRUE(contains(text, "module_test.cpp")) << text;

  nn::Sequential net;
  net.add<Scale>("layer", 1.0);
  EXPECT_TRUE(
      contains(message_of<Error>([&] { net.add<Scale>("layer", 1.0); }), "already has a child"));
  EXPECT_EQ(net.size(), 1U);
}

TEST(Module, RefusesBadParameters) {
  class Bad : public nn::Module {
   public:
    explicit Bad(const Tensor& w) { register_parameter("w", w); }
  };
  EXPECT_TRUE(contains(message_of<ShapeError>([] { Bad{Tensor()}; }), "w is an undefined tensor"));
  EXPECT_TRUE(contains(message_of<DtypeError>([] {
                         Bad{Tensor::from({1, 2}, {2})};
                       }),
                       "w must be f32 or f64 but is i64"));
  Tensor x = Tensor::ones({2}).set_requires_grad();
  EXPECT_TRUE(contains(message_of<GradientError>([&] { Bad{x * x}; }), "a parameter is a leaf"));
  class BadBuffer : public nn::Module {
   public:
    BadBuffer() { register_buffer("b", Tensor()); }
  };
  EXPECT_TRUE(contains(message_of<ShapeError>([] { BadBuffer{}; }), "b is an undefined tensor"));
}

TEST(Module, SaysWhatToDoWithoutForward) {
  class Empty : public nn::Module {};
  Empty empty;
  const std::string text = message_of<Error>([&] { empty(Tensor::ones({1})); });
  EXPECT_TRUE(contains(text, "Empty: forward is not defined")) << text;
  EXPECT_TRUE(contains(text, "Override Tensor forward(const Tensor& x)")) << text;
  EXPECT_TRUE(contains(text, "module_test.cpp")) << text;
}

TEST(Module, RefusesUndefinedTensors) {
  class Lost : public nn::Module {
   public:
    Tensor forward(const Tensor&) override { return {}; }
  };
  Pair net;
  const std::string text = message_of<ShapeError>([&] { net(Tensor()); });
  EXPECT_TRUE(contains(text, "Pair: x is an undefined tensor")) << text;
  EXPECT_TRUE(contains(text, "module_test.cpp")) << text;
  Lost lost;
  EXPECT_TRUE(contains(message_of<ShapeError>([&] { lost(Tensor::ones({2})); }),
                       "Lost: forward returned an undefined tensor"));
}

TEST(Module, ErrorsNameThePathAndBothLines) {
  class Block : public nn::Module {
   public:
    explicit Block(Rng& rng) : fc_(child<nn::Linear>("fc", 3, 2, rng)) {}
    Tensor forward(const Tensor& x) override { return fc_(x); }
    nn::Linear& fc_;
  };
  Rng rng(1);
  class Net : public nn::Module {
   public:
    explicit Net(Rng& random) : block_(child<Block>("block", random)) {}
    Tensor forward(const Tensor& x) override { return block_(x); }
    Block& block_;
  };
  Net net(rng);
  const std::string text = message_of<ShapeError>([&] { net(Tensor::ones({2, 4})); });
  EXPECT_TRUE(contains(text, "linear: ")) << text;
  EXPECT_TRUE(contains(text, "in Net.block.fc, called from module_test.cpp")) << text;
  // A child that is called by itself is a root.
  EXPECT_TRUE(contains(message_of<ShapeError>([&] {
                         net.block_.fc_(Tensor::ones({2, 4}));
                       }),
                       "in Linear"));
}

TEST(Module, OwnOperatorEntersTheCall) {
  class Two : public nn::Module {
   public:
    explicit Two(Rng& rng) : fc_(child<nn::Linear>("fc", 3, 2, rng)) {}
    Tensor operator()(const Tensor& a, const Tensor& b, Where where = Where::current()) {
      const nn::Call call = enter(where);
      return fc_(a + b);
    }
    nn::Linear& fc_;
  };
  Rng rng(1);
  Two two(rng);
  EXPECT_EQ(two(Tensor::ones({1, 3}), Tensor::ones({1, 3})).shape(), Shape({1, 2}));
  EXPECT_TRUE(contains(message_of<ShapeError>([&] {
                         two(Tensor::ones({1, 4}), Tensor::ones({1, 4}));
                       }),
                       "in Two.fc"));
  const std::int64_t hook =
      two.register_forward_hook([](nn::Module&, const Tensor&, const Tensor&) {});
  EXPECT_TRUE(contains(message_of<Error>([&] {
                         two(Tensor::ones({1, 3}), Tensor::ones({1, 3}));
                       }),
                       "hooks are registered"));
  two.remove_hook(hook);
  EXPECT_NO_THROW(two(Tensor::ones({1, 3}), Tensor::ones({1, 3})));
}

TEST(Module, ConstructorErrorsNameTheLineThatNamesTheChild) {
  Rng rng(1);
  nn::Sequential net;
  const int line = __LINE__ + 2;
  const std::string text = message_of<ShapeError>(
      [&] { net.add<nn::Conv2d>("conv", 3, 4, 3, rng, nn::Conv2dOptions{.groups = 2}); });
  EXPECT_TRUE(contains(text, "at module_test.cpp:" + std::to_string(line))) << text;
  EXPECT_EQ(net.size(), 0U);
  EXPECT_TRUE(net.parameters().empty());
  const int direct = __LINE__ + 1;
  const std::string other = message_of<ShapeError>([&] { nn::Linear(0, 4, rng); });
  EXPECT_TRUE(contains(other, "at module_test.cpp:" + std::to_string(direct))) << other;
}

TEST(Module, HooksSeeAndReplace) {
  Pair net;
  std::vector<std::string> order;
  net.a_.register_forward_pre_hook([&](nn::Module& module, const Tensor& x) {
    order.push_back("pre " + module.type_name() + " " + std::to_string(x.item<int>()));
  });
  const std::int64_t replaced_x =
      net.a_.register_forward_pre_hook([](nn::Module&, const Tensor& x) { return x + 1.0; });
  net.a_.register_forward_hook([&](nn::Module&, const Tensor& x, const Tensor& y) {
    order.push_back("post " + std::to_string(x.item<int>()) + " " + std::to_string(y.item<int>()));
  });
  const std::int64_t replaced_y = net.a_.register_forward_hook(
      [](nn::Module&, const Tensor&, const Tensor& y) { return y * 10.0; });
  EXPECT_EQ(net(Tensor::ones({1})).item<float>(), 120);  // 3 * (10 * (2 * (1 + 1)))
  EXPECT_EQ(order, (std::vector<std::string>{"pre Scale 1", "post 2 4"}));
  net.a_.remove_hook(replaced_x);
  net.a_.remove_hook(replaced_y);
  EXPECT_EQ(net(Tensor::ones({1})).item<float>(), 6);
  const std::string text = message_of<Error>([&] { net.a_.remove_hook(replaced_y); });
  EXPECT_TRUE(contains(text, "remove_hook: Scale has no hook")) << text;
}

TEST(Module, TrainingModeReachesAllChildren) {
  Pair net;
  EXPECT_TRUE(net.is_training() && net.a_.is_training());
  net.set_training(false);
  EXPECT_FALSE(net.is_training() || net.a_.is_training() || net.b_.is_training());
  net.b_.set_training();
  EXPECT_FALSE(net.a_.is_training());
  EXPECT_TRUE(net.b_.is_training());
}

TEST(Module, FrozenParametersGetNoGradient) {
  Pair net;
  net.a_.set_requires_grad(false);
  sum(net(Tensor::ones({2}))).backward();
  EXPECT_FALSE(net.a_.scale_.grad().defined());
  EXPECT_EQ(net.b_.scale_.grad().item<float>(), 4);
  net.zero_grad();
  EXPECT_FALSE(net.b_.scale_.grad().defined());
  net.set_requires_grad(true);
  sum(net(Tensor::ones({2}))).backward();
  EXPECT_EQ(net.a_.scale_.grad().item<float>(), 6);
}

TEST(Module, UpdatesBuffersAtOnceAndUnrecorded) {
  Scale net(2);
  net(Tensor::ones({1}));
  net(Tensor::ones({1}));
  EXPECT_EQ(net.calls_.item<float>(), 2);
  net.update_buffer("calls", [&](const Tensor& calls) { return calls * net.scale_; });
  EXPECT_EQ(net.calls_.item<float>(), 4);
  EXPECT_FALSE(net.calls_.requires_grad());

  const std::string unknown =
      message_of<Error>([&] { net.update_buffer("count", [](const Tensor& b) { return b; }); });
  EXPECT_TRUE(contains(unknown, "Scale has no buffer named \"count\"")) << unknown;
  const auto another_shape = [](const Tensor&) { return Tensor::ones({2}); };
  const std::string shape =
      message_of<ShapeError>([&] { net.update_buffer("calls", another_shape); });
  EXPECT_TRUE(contains(shape, "[1] f32") && contains(shape, "[2] f32")) << shape;
  EXPECT_TRUE(contains(message_of<ShapeError>([&] {
                         net.update_buffer("calls", [](const Tensor&) { return Tensor(); });
                       }),
                       "the new value is an undefined tensor"));
  EXPECT_EQ(net.calls_.item<float>(), 4);
}

TEST(Module, ConvertsToAnotherDtype) {
  Pair net;
  net.b_.set_requires_grad(false);
  net.to(Dtype::f64);
  for (auto [name, tensor] : net.parameters()) {
    EXPECT_EQ(tensor.dtype(), Dtype::f64) << name;
    EXPECT_TRUE(tensor.is_leaf()) << name;
    EXPECT_EQ(tensor.requires_grad(), name != "b.scale") << name;
  }
  EXPECT_EQ(net.buffers().at("a.calls").dtype(), Dtype::f64);
  const Tensor y = net(Tensor::ones({1}, {.dtype = Dtype::f64}));
  EXPECT_EQ(y.dtype(), Dtype::f64);
  EXPECT_EQ(y.item<double>(), 6);
  EXPECT_TRUE(contains(message_of<DtypeError>([&] { net.to(Dtype::i64); }), "cannot be i64"));
}

TEST(Module, DestroysItsChildren) {
  static int alive = 0;
  class Counted : public nn::Module {
   public:
    Counted() { ++alive; }
    ~Counted() override { --alive; }
  };
  {
    nn::Sequential net;
    net.add<Counted>("a");
    net.add<Counted>("b");
    EXPECT_EQ(alive, 2);
    EXPECT_THROW(net.add<Counted>("a"), Error);
    EXPECT_EQ(alive, 2);
  }
  EXPECT_EQ(alive, 0);
}

TEST(Sequential, RunsItsLayersInOrder) {
  nn::Sequential net;
  EXPECT_EQ(net(Tensor::full({1}, 7)).item<float>(), 7);
  net.add<Scale>("a", 2.0);
  Scale& b = net.add<Scale>("b", 5.0);
  EXPECT_EQ(net(Tensor::full({1}, 7)).item<float>(), 70);
  EXPECT_EQ(&net.at(1), &b);
  EXPECT_TRUE(
      contains(message_of<ShapeError>([&] { net.at(2); }), "there is no layer 2 among 2 layers"));
}

TEST(Sequential, ErrorsNameTheUsersLine) {
  Rng rng(1);
  nn::Sequential net;
  net.add<nn::Linear>("fc1", 3, 4, rng);
  net.add<nn::Linear>("fc2", 5, 1, rng);
  const int line = __LINE__ + 1;
  const std::string text = message_of<ShapeError>([&] { net(Tensor::ones({2, 3})); });
  EXPECT_TRUE(contains(text, "at module_test.cpp:" + std::to_string(line) + " in Sequential.fc2"))
      << text;
}

}  // namespace
}  // namespace tenon
