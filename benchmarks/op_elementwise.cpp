// Activations, broadcasting, and a change of layout.
#include "benchmarks/support/suite.h"

namespace tenon::benchmarks {
namespace {

using Unary = Tensor (*)(const Tensor&, Where);

void add_unary(const char* name, Unary function) {
  add(Operation{
      .name = std::string(name) + "/512x4096",
      .inputs = [](Layout) -> std::vector<Tensor> {
        return {noise({512, 4096})};
      },
      .run =
          [function](const std::vector<Tensor>& x) { return function(x[0], Where::current()); }});
}

void add_all() {
  add_unary("gelu", gelu);
  add_unary("tanh", tanh);
  add_unary("relu", relu);
  add(Operation{.name = "add_broadcast/1024x1024",
                .inputs = [](Layout) -> std::vector<Tensor> {
                  return {noise({1024, 1024}), noise({1024})};
                },
                .run = [](const std::vector<Tensor>& x) { return x[0] + x[1]; }});
  add(Operation{
      .name = "transpose/1024x1024",
      .inputs = [](Layout) -> std::vector<Tensor> {
        return {noise({1024, 1024})};
      },
      .run = [](const std::vector<Tensor>& x) { return transpose(x[0], 0, 1).contiguous(); }});
}

}  // namespace
}  // namespace tenon::benchmarks

int main(int argc, char** argv) {
  return tenon::benchmarks::run(argc, argv, tenon::benchmarks::add_all);
}
