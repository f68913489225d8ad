// Sums over rows, columns and everything, and maxima.
#include "benchmarks/support/suite.h"

namespace tenon::benchmarks {
namespace {

void add_reduction(const char* name, Tensor (*reduce)(const Tensor&)) {
  add(Operation{.name = std::string(name) + "/1024x1024",
                .inputs = [](Layout) -> std::vector<Tensor> {
                  return {noise({1024, 1024})};
                },
                .run = [reduce](const std::vector<Tensor>& x) { return reduce(x[0]); }});
}

void add_all() {
  add_reduction("sum_axis0", [](const Tensor& x) { return sum(x, 0); });
  add_reduction("sum_axis1", [](const Tensor& x) { return sum(x, 1); });
  add_reduction("sum", [](const Tensor& x) { return sum(x); });
  add_reduction("max_axis1", [](const Tensor& x) { return max(x, 1); });
}

}  // namespace
}  // namespace tenon::benchmarks

int main(int argc, char** argv) {
  return tenon::benchmarks::run(argc, argv, tenon::benchmarks::add_all);
}
