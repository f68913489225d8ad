#include "tenon/data/tensor_dataset.h"

#include <fmt/format.h>

#include <cstring>

#include "tenon/core/fault_internal.h"
#include "tenon/core/parallel.h"
#include "tenon/core/tensor_internal.h"

namespace tenon::data {
namespace {

// About 20 us of copying.
constexpr std::size_t kBytesPerBlock = 1 << 18;

/// The parts of row-major x along axis 0 that the indices name.
Tensor take(const Tensor& x, const std::vector<std::int64_t>& indices) {
  Shape shape = x.shape();
  shape[0] = static_cast<std::int64_t>(indices.size());
  Tensor y = make_tensor(shape, x.dtype());
  if (y.numel() == 0) return y;

  const std::size_t bytes = static_cast<std::size_t>(y.numel() / shape[0]) * size_bytes(x.dtype());
  return visit_dtype(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto* from = reinterpret_cast<const unsigned char*>(elements<T>(x));
    auto* to = reinterpret_cast<unsigned char*>(fresh_elements<T>(y));
    const auto grain = static_cast<std::int64_t>(1 + kBytesPerBlock / bytes);
    parallel_for(shape[0], grain, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
        std::memcpy(to + i * bytes, from + static_cast<std::size_t>(indices[i]) * bytes, bytes);
    });
    return y;
  });
}

class TensorSource final : public DatasetSource {
 public:
  TensorSource(Tensor inputs_in, Tensor targets_in)
      : inputs(std::move(inputs_in)), targets(std::move(targets_in)) {}

  std::int64_t size() const override { return inputs.shape()[0]; }
  Batch read(const std::vector<std::int64_t>& indices) const override {
    return {take(inputs, indices), targets.defined() ? take(targets, indices) : Tensor()};
  }

  const Tensor inputs;
  const Tensor targets;
};

const TensorSource& tensor_source(const Dataset& dataset) {
  const auto* source = dynamic_cast<const TensorSource*>(&dataset.source());
  if (source == nullptr)
    Fault("TensorDataset", Where::current())
        .raise<DataError>("this dataset was assigned one of another kind");
  return *source;
}

const DatasetSource* make_source(const Tensor& inputs, const Tensor& targets, Where where) {
  check_defined("TensorDataset", "inputs", inputs, where);
  const auto fault = [&] {
    Fault text("TensorDataset", where);
    text.operand("inputs", inputs, "N, ...");
    if (targets.defined()) text.operand("targets", targets, "N, ...");
    return text;
  };
  if (inputs.rank() == 0)
    fault().raise<ShapeError>("inputs need an axis of samples but have rank 0");
  if (!targets.defined()) return new TensorSource(inputs.detach().contiguous(where), Tensor());
  if (targets.rank() == 0)
    fault().raise<ShapeError>("targets need an axis of samples but have rank 0");
  if (inputs.shape()[0] != targets.shape()[0])
    fault().raise<ShapeError>(
        fmt::format("there are {} inputs but {} targets", inputs.shape()[0], targets.shape()[0]));
  return new TensorSource(inputs.detach().contiguous(where), targets.detach().contiguous(where));
}

}  // namespace

TensorDataset::TensorDataset(const Tensor& inputs, const Tensor& targets, Where where)
    : Dataset(make_source(inputs, targets, where), where) {}

Tensor TensorDataset::inputs() const { return tensor_source(*this).inputs; }
Tensor TensorDataset::targets() const { return tensor_source(*this).targets; }

}  // namespace tenon::data
