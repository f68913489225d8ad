// Average and maximum pooling, by the layout of the images.
#include <string>

#include "benchmarks/support/suite.h"

namespace tenon::benchmarks {
namespace {

enum class Kind : std::uint8_t { average, maximum };

void add_pool2d(Kind kind, const Shape& x, std::int64_t kernel, std::int64_t stride) {
  const auto text = [](std::int64_t number) { return std::to_string(number); };
  add(Operation{
      .name = std::string(kind == Kind::average ? "avg" : "max") + "_pool2d/" + text(x[0]) + "x" +
              text(x[1]) + "x" + text(x[2]) + "_k" + text(kernel) + "_s" + text(stride),
      .inputs = [x](Layout layout) -> std::vector<Tensor> { return {in_layout(noise(x), layout)}; },
      .run =
          [=](const std::vector<Tensor>& in) {
            return kind == Kind::average ? avg_pool2d(in[0], kernel, {.stride = stride})
                                         : max_pool2d(in[0], kernel, {.stride = stride});
          },
      .layouts = kAllLayouts});
}

void add_all() {
  add_pool2d(Kind::average, {128, 6, 24, 24}, 2, 2);
  add_pool2d(Kind::average, {128, 16, 8, 8}, 2, 2);
  add_pool2d(Kind::maximum, {128, 6, 24, 24}, 2, 2);
  add_pool2d(Kind::maximum, {64, 64, 32, 32}, 2, 2);
  add_pool2d(Kind::maximum, {64, 64, 32, 32}, 3, 2);
}

}  // namespace
}  // namespace tenon::benchmarks

int main(int argc, char** argv) {
  return tenon::benchmarks::run(argc, argv, tenon::benchmarks::add_all);
}
