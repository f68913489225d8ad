#include "tenon/ops/loss.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "../support/golden.h"

namespace tenon {
namespace {

using Inputs = Golden::Inputs;

const std::vector<std::pair<std::string, Reduction>> kReductions = {
    {"none", Reduction::none}, {"mean", Reduction::mean}, {"sum", Reduction::sum}};

void check_cross_entropy(Golden& golden, const std::string& reduction_name, Reduction reduction) {
  for (const double smoothing : {0.0, 0.1})
    for (const std::string weighted : {"", "_weight"})
      for (const std::string dimensions : {"2d", "4d"})
        for (const std::string targets : {"all", "ignore", "probabilities"})
          golden.check("cross_entropy_" + reduction_name + (smoothing > 0 ? "_smooth" : "_sharp") +
                           weighted + "_" + dimensions + "_" + targets,
                       {"x", "t", "weight"}, [&](const Inputs& in) {
                         return cross_entropy(in[0], in[1],
                                              {.reduction = reduction,
                                               .label_smoothing = smoothing,
                                               .weight = in[2],
                                               .ignore_index = targets == "ignore" ? 2 : -100});
                       });
}

TEST(GoldenLoss, AllOptions) {
  Golden golden("loss");
  for (const auto& entry : kReductions) {
    const std::string& name = entry.first;
    const Reduction reduction = entry.second;
    check_cross_entropy(golden, name, reduction);
    for (const std::string weighted : {"", "_weight"})
      for (const std::int64_t ignored : {-100, 2})
        golden.check("nll_" + name + weighted + (ignored >= 0 ? "_ignore" : "_all"),
                     {"x", "t", "weight"}, [&](const Inputs& in) {
                       return nll_loss(
                           in[0], in[1],
                           {.reduction = reduction, .weight = in[2], .ignore_index = ignored});
                     });
    golden.check("mse_" + name, {"x", "t"}, [&](const Inputs& in) {
      return mse_loss(in[0], in[1], {.reduction = reduction});
    });
    golden.check("l1_" + name, {"x", "t"},
                 [&](const Inputs& in) { return l1_loss(in[0], in[1], {.reduction = reduction}); });
    for (const std::string weights : {"", "_weight", "_pos_weight", "_weight_pos_weight"})
      golden.check(
          "bce_" + name + weights, {"x", "t", "weight", "pos_weight"}, [&](const Inputs& in) {
            return binary_cross_entropy_with_logits(
                in[0], in[1], {.reduction = reduction, .weight = in[2], .pos_weight = in[3]});
          });
  }
  golden.check("cross_entropy_nothing_counts", {"x", "t"},
               [](const Inputs& in) { return cross_entropy(in[0], in[1]); });
  golden.check("cross_entropy_vector", {"x", "t"},
               [](const Inputs& in) { return cross_entropy(in[0], in[1]); });
}

}  // namespace
}  // namespace tenon
