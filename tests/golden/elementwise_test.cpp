#include "tenon/ops/elementwise.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "../support/golden.h"
#include "tenon/ops/activation.h"
#include "tenon/ops/arithmetic.h"

namespace tenon {
namespace {

using Inputs = Golden::Inputs;

TEST(GoldenElementwise, BinaryAndUnary) {
  Golden golden("elementwise");
  using Binary = Tensor (*)(const Operand&, const Operand&);
  const std::vector<std::pair<std::string, Binary>> binary = {
      {"add", &add},       {"subtract", &subtract}, {"multiply", &multiply},
      {"divide", &divide}, {"maximum", &maximum},   {"minimum", &minimum}};
  for (const auto& [name, operation] : binary) {
    std::vector<std::string> kinds = {"same", "row", "both", "scalar"};
    if (name == "maximum" || name == "minimum") kinds.emplace_back("tie");
    for (const std::string& kind : kinds)
      golden.check(name + "_" + kind, {"a", "b"},
                   [&](const Inputs& in) { return operation(in[0], in[1]); });
  }
  golden.check("power", {"a", "b"}, [](const Inputs& in) { return power(in[0], in[1]); });
  golden.check("power_scalar", {"a"}, [](const Inputs& in) { return power(in[0], 3.0); });
  golden.check("power_square", {"a"}, [](const Inputs& in) { return power(in[0], 2); });
  golden.check("power_zero", {"a"}, [](const Inputs& in) { return power(in[0], 0.0); });
  golden.check("where", {"c", "a", "b"},
               [](const Inputs& in) { return where(in[0], in[1], in[2]); });

  using Unary = Tensor (*)(const Tensor&, Where);
  const std::vector<std::pair<std::string, Unary>> unary = {
      {"negate", &negate},    {"abs", &abs},   {"sign", &sign},   {"floor", &floor},
      {"round", &round},      {"exp", &exp},   {"log", &log},     {"log1p", &log1p},
      {"expm1", &expm1},      {"sqrt", &sqrt}, {"rsqrt", &rsqrt}, {"square", &square},
      {"sin", &sin},          {"cos", &cos},   {"erf", &erf},     {"tanh", &tanh},
      {"sigmoid", &sigmoid},  {"relu", &relu}, {"gelu", &gelu},   {"silu", &silu},
      {"softplus", &softplus}};
  for (const auto& [name, operation] : unary)
    golden.check(name, {"x"}, [&](const Inputs& in) { return operation(in[0], Where::current()); });
  golden.check("leaky_relu", {"x"}, [](const Inputs& in) { return leaky_relu(in[0], 0.2); });
  golden.check("elu", {"x"}, [](const Inputs& in) { return elu(in[0], 1.5); });
  golden.check("clamp", {"x"},
               [](const Inputs& in) { return clamp(in[0], {.low = -0.9, .high = 0.6}); });
  golden.check("clamp_low", {"x"}, [](const Inputs& in) { return clamp(in[0], {.low = -0.9}); });
}

TEST(GoldenElementwise, ClampAtItsBounds) {
  Golden golden("clamp_bounds");
  golden.check("both", {"x"},
               [](const Inputs& in) { return clamp(in[0], {.low = -1, .high = 0.5}); });
  golden.check("low", {"x"}, [](const Inputs& in) { return clamp(in[0], {.low = -1}); });
  golden.check("high", {"x"}, [](const Inputs& in) { return clamp(in[0], {.high = 0.5}); });
}

}  // namespace
}  // namespace tenon
