#include <tenon/core/kernel_report.h>
#include <tenon/core/parallel.h>
#include <tenon/ops/ops.h>
#include <tenon/train/progress.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tools/tenon/report/sections.h"

namespace tenon::cli::report {
namespace {

constexpr std::int64_t kBatch = 128;
constexpr int kWarmUp = 3, kRepeats = 21;

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::string kernel_name(const KernelUse& use) {
  return use.operation + ": " + use.kernel +
         (use.implementation.empty() ? "" : " " + use.implementation);
}

/// One direction of a layer, or of a model: how long it takes, or which kernels it runs. Looking at
/// kernels takes time, so that a pass does one or the other.
class Stretch {
 public:
  void start(bool with_kernels) {
    is_open_ = true;
    if (with_kernels) kernels_before_ = kernel_report();
    start_seconds_ = steady_seconds();
  }
  /// Does nothing where it has not begun.
  void stop(bool with_kernels) {
    if (!std::exchange(is_open_, false)) return;
    if (!with_kernels) {
      seconds_ += steady_seconds() - start_seconds_;
      return;
    }
    for (const KernelUse& use : kernel_report())
      if (std::none_of(kernels_before_.begin(), kernels_before_.end(), [&](const KernelUse& old) {
            return kernel_name(old) == kernel_name(use) && old.calls == use.calls;
          }))
        kernels_.insert(kernel_name(use));
  }
  /// Returns the seconds of the pass.
  double end_pass() { return repeats_.emplace_back(std::exchange(seconds_, 0)); }

  double milliseconds() const { return 1e3 * median(repeats_); }
  const std::set<std::string>& kernels() const { return kernels_; }

 private:
  bool is_open_ = false;
  double start_seconds_ = 0;
  double seconds_ = 0;  // of this pass
  std::vector<double> repeats_;
  std::vector<KernelUse> kernels_before_;
  std::set<std::string> kernels_;
};

struct Layer {
  std::string name;
  nn::Module* module;
  Shape output = {};
  Stretch forward = {};
  Stretch backward = {};
};

/// Watches the layers of a model, the modules without children; the model must not be used after
/// it. The backward pass of a layer begins when the gradient of its output has arrived, and ends
/// when that of its input has; where the input has none, with the pass.
class Watch {
 public:
  explicit Watch(nn::Module& model) {
    for (const auto& [name, module] : model.modules())
      if (module.children().empty()) layers_.push_back({.name = name, .module = &module});
    for (Layer& layer : layers_) {
      layer.module->register_forward_pre_hook([this, &layer](nn::Module&, const Tensor& x) {
        if (x.requires_grad())
          Tensor(x).register_hook([this, &layer](const Tensor&) {
            layer.backward.stop(with_kernels);
            return Tensor();
          });
        layer.forward.start(with_kernels);
      });
      layer.module->register_forward_hook(
          [this, &layer](nn::Module&, const Tensor&, const Tensor& y) {
            layer.forward.stop(with_kernels);
            layer.output = y.shape();
            if (y.requires_grad())
              Tensor(y).register_hook([this, &layer](const Tensor&) {
                layer.backward.start(with_kernels);
                return Tensor();
              });
          });
    }
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void end_backward() {
    for (Layer& layer : layers_) layer.backward.stop(with_kernels);
  }
  /// Returns the seconds of the pass in the layers, forward and backward.
  std::pair<double, double> end_pass() {
    std::pair<double, double> seconds;
    for (Layer& layer : layers_) {
      seconds.first += layer.forward.end_pass();
      seconds.second += layer.backward.end_pass();
    }
    return seconds;
  }
  const std::vector<Layer>& layers() const { return layers_; }

  bool with_kernels = false;

 private:
  std::vector<Layer> layers_;
};

/// Of a pass without hooks, the costliest first.
Json kernels_of(FunctionRef<void()> pass) {
  set_kernel_timing(true);
  reset_kernel_report();
  for (int i = 0; i < kRepeats; ++i) pass();
  std::vector<KernelUse> report = kernel_report();
  set_kernel_timing(false);
  std::sort(report.begin(), report.end(),
            [](const KernelUse& a, const KernelUse& b) { return a.seconds > b.seconds; });
  Json rows = Json::array();
  for (const KernelUse& use : report)
    rows.push_back({{"operation", use.operation},
                    {"kernel", use.kernel},
                    {"implementation", use.implementation},
                    {"calls", static_cast<double>(use.calls) / kRepeats},
                    {"milliseconds", 1e3 * use.seconds / kRepeats},
                    {"reorders", static_cast<double>(use.reorders) / kRepeats}});
  return rows;
}

}  // namespace

Json layers_of(nn::Module& model, const Shape& input_shape, std::int64_t num_classes) {
  Shape batch_shape = input_shape;
  batch_shape[0] = kBatch;
  Rng rng(1);
  const Tensor inputs = Tensor::uniform(batch_shape, rng);
  const Tensor targets = Tensor::randint(0, num_classes, {kBatch}, rng);
  model.set_training(true);
  const auto forward_pass = [&] {
    model.zero_grad();
    return cross_entropy(model(inputs), targets);
  };
  for (int i = 0; i < kWarmUp; ++i) forward_pass().backward();
  const auto whole_pass = [&] { forward_pass().backward(); };
  const Json kernels = kernels_of(whole_pass);

  Watch watch(model);
  watch.with_kernels = true;
  forward_pass().backward();
  watch.end_backward();
  watch.with_kernels = false;
  Stretch forward, backward;  // of the model, loss included
  std::vector<double> forward_between, backward_between;
  for (int i = 0; i < kRepeats; ++i) {
    forward.start(false);
    const Tensor loss = forward_pass();
    forward.stop(false);
    backward.start(false);
    loss.backward();
    watch.end_backward();
    backward.stop(false);
    const auto [forward_layers, backward_layers] = watch.end_pass();
    forward_between.push_back(forward.end_pass() - forward_layers);
    backward_between.push_back(backward.end_pass() - backward_layers);
  }

  Json rows = Json::array();
  for (const Layer& layer : watch.layers())
    rows.push_back({{"name", layer.name},
                    {"type", layer.module->type_name()},
                    {"output", to_string(layer.output)},
                    {"parameters", layer.module->num_parameters()},
                    {"forward", layer.forward.milliseconds()},
                    {"backward", layer.backward.milliseconds()},
                    {"forward_kernels", layer.forward.kernels()},
                    {"backward_kernels", layer.backward.kernels()}});
  return {{"batch", kBatch},
          {"repeats", kRepeats},
          {"threads", num_threads()},
          {"parameters", model.num_parameters()},
          {"forward", forward.milliseconds()},
          {"backward", backward.milliseconds()},
          {"forward_between", 1e3 * median(forward_between)},
          {"backward_between", 1e3 * median(backward_between)},
          {"layers", rows},
          {"kernels", kernels}};
}

}  // namespace tenon::cli::report
