#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "tenon/core/random.h"
#include "tenon/core/tensor.h"
#include "tenon/core/where.h"

namespace tenon::data {

/// The pixels of one image, [C, H, W], row-major; T is float or const float.
template <class T>
struct ImagePixels {
  T* pixels = nullptr;
  std::int64_t channels = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;

  T* row(std::int64_t channel, std::int64_t y) const {
    return pixels + (channel * height + y) * width;
  }
  T& at(std::int64_t channel, std::int64_t y, std::int64_t x) const { return row(channel, y)[x]; }
};

/// What a transform does to one image: derive from it for a new kind. It is shared by all copies
/// of its Transform and must not change; apply() is called by several threads at once.
class TransformSource {
 public:
  TransformSource() = default;
  TransformSource(const TransformSource&) = delete;
  TransformSource& operator=(const TransformSource&) = delete;
  virtual ~TransformSource();

  /// The shape [C, H, W] of the result for an image of this shape; as it is unless overridden.
  /// Throws ShapeError for an image that the transform cannot take.
  virtual Shape output_shape(const Shape& image, Where where) const;
  /// Writes every pixel of `result`, which has the output_shape of `image`. What is random comes
  /// from `rng` alone.
  virtual void apply(ImagePixels<const float> image, ImagePixels<float> result, Rng& rng) const = 0;

 private:
  friend class Transform;
  mutable std::int32_t references_ = 0;
};

/// A source that calls a function of tensors.
class FunctionTransformSource : public TransformSource {
 public:
  explicit FunctionTransformSource(Where where) : where_(where) {}
  void apply(ImagePixels<const float> image, ImagePixels<float> result, Rng& rng) const final;

 protected:
  virtual Tensor call(const Tensor& image, Rng& rng) const = 0;

 private:
  Where where_;
};

/// A change of single images on their way into a batch, random or not; a handle by value to a
/// shared, immutable source. Kinds of transforms derive from it without data members
/// (data/transforms.h).
///   data::Loader loader(dataset, {.batch_size = 128, .shuffle = true, .seed = 1,
///                                 .transforms = {data::PadTo({32, 32}),
///                                                data::RandomShift({.pixels = 2})}});
/// The Loader gives it a random stream that depends on the seed, the epoch, the sample and the
/// transform's place in the list alone.
class Transform {
 public:
  /// Takes over a source made by `new`. Throws DataError for null.
  explicit Transform(const TransformSource* source, Where where = Where::current());
  /// A transform of a new `Source(args...)`.
  template <class Source, class... Args>
  static Transform make(Args&&... args) {
    return Transform(static_cast<const TransformSource*>(new Source(std::forward<Args>(args)...)));
  }
  /// A function `Tensor(const Tensor& image, Rng& rng)` of an f32 image [C, H, W] that returns one
  /// of the same shape and dtype (else a ShapeError or DtypeError):
  ///   [](const Tensor& image, Rng& rng) { return image + 0.1 * normal_like(image, rng); }
  /// It is called by several threads at once and is not recorded.
  template <class F, std::enable_if_t<!std::is_base_of_v<Transform, std::remove_cvref_t<F>> &&
                                          std::is_invocable_r_v<Tensor, const std::decay_t<F>&,
                                                                const Tensor&, Rng&>,
                                      int> = 0>
  Transform(F&& function, Where where = Where::current())
      : Transform(source_of(std::forward<F>(function), where), where) {}
  // Copied also where it could be moved: a Transform always has a source.
  Transform(const Transform& other) noexcept;
  Transform& operator=(const Transform& other) noexcept;
  ~Transform();

  /// The transform of one image, f32 [C, H, W], any strides, to look at: what is random is drawn
  /// from `rng`. Not recorded. Throws ShapeError, DtypeError.
  Tensor operator()(const Tensor& image, Rng& rng, Where where = Where::current()) const;
  const TransformSource& source() const { return *source_; }

 private:
  template <class F>
  static const TransformSource* source_of(F&& function, Where where) {
    class Source final : public FunctionTransformSource {
     public:
      Source(F&& f, Where at) : FunctionTransformSource(at), function_(std::forward<F>(f)) {}

     private:
      Tensor call(const Tensor& image, Rng& rng) const override { return function_(image, rng); }
      const std::decay_t<F> function_;
    };
    return new Source(std::forward<F>(function), where);
  }

  const TransformSource* source_;
};

}  // namespace tenon::data
