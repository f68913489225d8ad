#include "tenon/ops/index.h"

#include <gtest/gtest.h>

#include <string>

#include "../support/golden.h"
#include "tenon/ops/shape.h"

namespace tenon {
namespace {

using Inputs = Golden::Inputs;

TEST(GoldenIndex, IndexAndShape) {
  Golden golden("index");
  for (const std::int64_t axis : {0, 1, 2, -1}) {
    const std::string suffix = "_" + std::to_string(axis);
    golden.check("gather" + suffix, {"x", "i"},
                 [&](const Inputs& in) { return gather(in[0], axis, in[1]); });
    golden.check("scatter_add" + suffix, {"x", "i", "s"},
                 [&](const Inputs& in) { return scatter_add(in[0], axis, in[1], in[2]); });
    golden.check("index_select" + suffix, {"x", "i"},
                 [&](const Inputs& in) { return index_select(in[0], axis, in[1]); });
    golden.check("index_add" + suffix, {"x", "i", "s"},
                 [&](const Inputs& in) { return index_add(in[0], axis, in[1], in[2]); });
    golden.check("flip" + suffix, {"x"}, [&](const Inputs& in) { return flip(in[0], axis); });
  }
  golden.check("flip_02", {"x"}, [](const Inputs& in) { return flip(in[0], {0, 2}); });
  for (const std::int64_t diagonal : {-2, -1, 0, 1, 3}) {
    golden.check("tril_" + std::to_string(diagonal), {"x"},
                 [&](const Inputs& in) { return tril(in[0], diagonal); });
    golden.check("triu_" + std::to_string(diagonal), {"x"},
                 [&](const Inputs& in) { return triu(in[0], diagonal); });
  }
  golden.check("pad", {"x"}, [](const Inputs& in) { return pad(in[0], {{0, 0}, {1, 2}, {3, 0}}); });
  golden.check("pad_value", {"x"}, [](const Inputs& in) {
    return pad(in[0], {{1, 1}, {2, 0}, {0, 1}}, -1.5);
  });
  golden.check("masked_fill", {"x", "m"},
               [](const Inputs& in) { return masked_fill(in[0], in[1], 0.5); });
  golden.check("embedding", {"w", "i"}, [](const Inputs& in) { return embedding(in[0], in[1]); });
  golden.check("one_hot", {"i"}, [](const Inputs& in) { return one_hot(in[0], 5); });
  golden.check("concat", {"a", "b"}, [](const Inputs& in) { return concat({in[0], in[1]}, 1); });
  golden.check("stack", {"a", "b"}, [](const Inputs& in) { return stack({in[0], in[1]}, 1); });
  golden.check("slice", {"x"}, [](const Inputs& in) {
    return slice(in[0], 1, {.start = 1, .stop = 6, .step = 2});
  });
  golden.check("select", {"x"}, [](const Inputs& in) { return select(in[0], 1, -2); });
  golden.check("permute", {"x"}, [](const Inputs& in) { return permute(in[0], {2, 0, 1}); });
  golden.check("reshape", {"x"}, [](const Inputs& in) {
    return reshape(permute(in[0], {2, 0, 1}), {6, 4});
  });
  golden.check("expand", {"x"}, [](const Inputs& in) { return expand(in[0], {2, 4, 3}); });
}

}  // namespace
}  // namespace tenon
