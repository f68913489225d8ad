#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "../support/golden.h"
#include "tenon/ops/reduce.h"
#include "tenon/ops/softmax.h"
#include "tenon/ops/sort.h"

namespace tenon {
namespace {

using Inputs = Golden::Inputs;

TEST(GoldenReduction, OverAxes) {
  Golden golden("reduction");
  const std::vector<std::pair<std::string, Axes>> cases = {
      {"all", {0, 1, 2}}, {"0", {0}}, {"1", {1}}, {"2", {2}}, {"02", {0, 2}}, {"12", {1, 2}}};
  for (const bool keepdim : {false, true})
    for (const auto& entry : cases) {
      const Axes& axes = entry.second;
      const std::string suffix = "_" + entry.first + (keepdim ? "_keepdim" : "");
      const ReduceOptions options{.keepdim = keepdim};
      golden.check("sum" + suffix, {"x"},
                   [&](const Inputs& in) { return sum(in[0], axes, options); });
      golden.check("mean" + suffix, {"x"},
                   [&](const Inputs& in) { return mean(in[0], axes, options); });
      golden.check("max" + suffix, {"x"},
                   [&](const Inputs& in) { return max(in[0], axes, options); });
      golden.check("min" + suffix, {"x"},
                   [&](const Inputs& in) { return min(in[0], axes, options); });
      golden.check("var" + suffix, {"x"},
                   [&](const Inputs& in) { return var(in[0], axes, {.keepdim = keepdim}); });
      golden.check("var_biased" + suffix, {"x"}, [&](const Inputs& in) {
        return var(in[0], axes, {.keepdim = keepdim, .correction = 0});
      });
      golden.check("stddev" + suffix, {"x"},
                   [&](const Inputs& in) { return stddev(in[0], axes, {.keepdim = keepdim}); });
    }
  for (const std::string zeros : {"no_zero", "zeros"}) {
    golden.check("prod_all_" + zeros, {"x"}, [](const Inputs& in) { return prod(in[0]); });
    for (const std::int64_t axis : {0, 1, 2})
      golden.check("prod_" + std::to_string(axis) + "_" + zeros, {"x"},
                   [&](const Inputs& in) { return prod(in[0], axis); });
  }
  for (const std::int64_t axis : {0, 1, -1}) {
    const std::string suffix = "_" + std::to_string(axis);
    golden.check("argmax" + suffix, {"x"}, [&](const Inputs& in) { return argmax(in[0], axis); });
    golden.check("argmin" + suffix, {"x"},
                 [&](const Inputs& in) { return argmin(in[0], axis, {.keepdim = true}); });
    golden.check("cumsum" + suffix, {"x"}, [&](const Inputs& in) { return cumsum(in[0], axis); });
    for (const bool descending : {false, true}) {
      const std::string order = suffix + (descending ? "_descending" : "_ascending");
      golden.check("sort" + order, {"x"}, [&](const Inputs& in) {
        return sort(in[0], axis, {.descending = descending}).values;
      });
      golden.check("sort_indices" + order, {"x"}, [&](const Inputs& in) {
        return sort(in[0], axis, {.descending = descending}).indices;
      });
      golden.check("topk" + order, {"x"}, [&](const Inputs& in) {
        return topk(in[0], 2, axis, {.largest = descending}).values;
      });
      golden.check("topk_indices" + order, {"x"}, [&](const Inputs& in) {
        return topk(in[0], 2, axis, {.largest = descending}).indices;
      });
    }
  }
  golden.check("any", {"x"}, [](const Inputs& in) { return any(in[0], 1); });
  golden.check("all", {"x"}, [](const Inputs& in) { return all(in[0], 1); });
  golden.check("stddev_zero", {"x"}, [](const Inputs& in) { return stddev(in[0], 1); });
  golden.check("var_one", {"x"}, [](const Inputs& in) { return var(in[0], 1); });
}

TEST(GoldenReduction, Softmax) {
  Golden golden("softmax");
  for (const std::int64_t axis : {0, 1, 2, -1}) {
    const std::string suffix = "_" + std::to_string(axis);
    golden.check("softmax" + suffix, {"x"}, [&](const Inputs& in) { return softmax(in[0], axis); });
    golden.check("log_softmax" + suffix, {"x"},
                 [&](const Inputs& in) { return log_softmax(in[0], axis); });
    golden.check("logsumexp" + suffix, {"x"},
                 [&](const Inputs& in) { return logsumexp(in[0], axis); });
  }
  golden.check("logsumexp_two", {"x"}, [](const Inputs& in) {
    return logsumexp(in[0], {0, 2}, {.keepdim = true});
  });
  for (const char* name : {"softmax_large", "softmax_masked"})
    golden.check(name, {"x"}, [](const Inputs& in) { return softmax(in[0], 1); });
  golden.check("log_softmax_large", {"x"}, [](const Inputs& in) { return log_softmax(in[0], 1); });
}

}  // namespace
}  // namespace tenon
