#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tenon/core/tensor.h"
#include "tenon/core/tensor_internal.h"

namespace tenon {
namespace {

constexpr std::int64_t kFullPrint = 1000;  // elements; NumPy's threshold
constexpr std::int64_t kEdge = 3;          // of a long axis, at each end

/// How all elements of one tensor are printed: as short as they allow, at most 4 digits, of one
/// width.
class Format {
 public:
  explicit Format(const Tensor& x) : dtype_(x.dtype()) {
    const std::vector<double> values =
        is_floating(dtype_) ? x.to_vector<double>() : std::vector<double>{};
    double largest = 0, smallest = HUGE_VAL;
    for (const double value : values) {
      if (!std::isfinite(value) || value == 0) continue;
      largest = std::max(largest, std::abs(value));
      smallest = std::min(smallest, std::abs(value));
      integral_ = integral_ && value == std::nearbyint(value);
    }
    scientific_ =
        largest >= 1e8 || smallest < 1e-4 || (largest > 1e3 * smallest && smallest < 1e-3);
  }
  std::string operator()(double value, std::int64_t integer) const {
    if (dtype_ == Dtype::boolean) return integer ? "true" : "false";
    if (!is_floating(dtype_)) return fmt::format("{}", integer);
    if (!std::isfinite(value)) return fmt::format("{}", value);
    if (scientific_) return fmt::format("{:.4e}", value);
    return integral_ ? fmt::format("{:.0f}.", value) : fmt::format("{:.4f}", value);
  }

 private:
  Dtype dtype_;
  bool integral_ = true;
  bool scientific_ = false;
};

/// The texts of the elements that are shown, padded to one width.
class Printer {
 public:
  explicit Printer(const Tensor& x)
      : shape_(x.shape()),
        all_(x.numel() <= kFullPrint),
        reals_(x.to_vector<double>()),
        integers_(whole(x)),
        format_(x) {
    visit(0, 0, [&](const std::string& text) { width_ = std::max(width_, text.size()); });
  }
  std::string text() {
    std::string out;
    print(out, 0, 0);
    return out;
  }

 private:
  static std::vector<std::int64_t> whole(const Tensor& x) {
    return is_floating(x.dtype()) ? std::vector<std::int64_t>{} : x.to_vector<std::int64_t>();
  }
  std::string element(std::int64_t index) const {
    const auto i = static_cast<std::size_t>(index);
    return format_(reals_[i], integers_.empty() ? 0 : integers_[i]);
  }
  bool is_cut(std::size_t axis) const { return !all_ && shape_[axis] > 2 * kEdge; }
  template <class F>
  void visit(std::size_t axis, std::int64_t index, const F& f) const {
    if (axis == shape_.rank()) return f(element(index));
    for (std::int64_t i = 0; i < shape_[axis]; ++i) {
      if (is_cut(axis) && i == kEdge) i = shape_[axis] - kEdge;
      visit(axis + 1, index * shape_[axis] + i, f);
    }
  }
  void print(std::string& out, std::size_t axis, std::int64_t index) const {
    if (axis == shape_.rank()) {
      out += fmt::format("{:>{}}", element(index), width_);
      return;
    }
    const bool last = axis + 1 == shape_.rank();
    const std::string between =
        last ? ", "
             : "," + std::string(shape_.rank() - axis - 1, '\n') + std::string(axis + 1, ' ');
    out += '[';
    for (std::int64_t i = 0; i < shape_[axis]; ++i) {
      if (i > 0) out += between;
      if (is_cut(axis) && i == kEdge) {
        out += "..." + between;
        i = shape_[axis] - kEdge;
      }
      print(out, axis + 1, index * shape_[axis] + i);
    }
    out += ']';
  }

  Shape shape_;
  bool all_;
  std::vector<double> reals_;
  std::vector<std::int64_t> integers_;
  Format format_;
  std::size_t width_ = 0;
};

}  // namespace

std::string to_string(const Tensor& x) {
  if (!x.defined()) return "undefined";
  return fmt::format("{} {} {}", Printer(x).text(), to_string(x.shape()), to_string(x.dtype()));
}

}  // namespace tenon
