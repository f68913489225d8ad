#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tenon/core/tensor.h"
#include "tenon/train/metric.h"
#include "tenon/train/running_sum.h"

namespace tenon::metrics {

// Metrics of numbers. outputs, targets: equal shapes, f32 or f64; nothing is broadcast (ShapeError,
// DtypeError). Differences and sums are of f64, whatever the dtypes.

struct RegressionOptions {
  std::string name = {};  ///< what logs call the metric; the default is its own
};

/// The mean over all elements of a function of output - target.
class MeanError : public Metric {
 public:
  void update(const Tensor& outputs, const Tensor& targets,
              Where where = Where::current()) override;
  double value() const override;
  void reset() override;
  std::map<std::string, Tensor> state() const override;
  void load_state(const std::map<std::string, Tensor>& state,
                  Where where = Where::current()) override;

 protected:
  /// `operation` names the metric in errors.
  MeanError(const char* operation, std::string name);
  virtual double error(double difference) const = 0;

 private:
  const char* operation_;
  RunningSum total_;
  std::int64_t count_ = 0;
};

/// The mean over all elements of (output - target)^2, named "mse".
///   metrics::MeanSquaredError mse;
///   for (const data::Batch& batch : loader.epoch(0))
///     mse.update(model(batch.inputs), batch.targets);
///   const double error = mse.value();
class MeanSquaredError : public MeanError {
 public:
  explicit MeanSquaredError(const RegressionOptions& options = {});

 protected:
  double error(double difference) const override;
};

/// The mean over all elements of |output - target|, named "mae".
///   metrics::MeanAbsoluteError mae;
class MeanAbsoluteError : public MeanError {
 public:
  explicit MeanAbsoluteError(const RegressionOptions& options = {});

 protected:
  double error(double difference) const override;
};

/// How the R2 of several numbers a sample become one.
enum class OutputAverage : std::uint8_t {
  uniform,            ///< their mean
  variance_weighted,  ///< their mean, weighted by the variance of the targets
};

struct R2Options {
  OutputAverage average = OutputAverage::uniform;
  std::string name = {};  ///< "r2"
};

/// The coefficient of determination, named "r2": 1 - sum of (target - output)^2 / sum of (target -
/// mean target)^2, of each of the D numbers a sample, averaged.   outputs, targets: [N] or [N,
/// ...].
///   metrics::R2 r2;
///   r2.update(model(batch.inputs), batch.targets);
/// Where all targets are equal it is 1 if the outputs are right and else 0, as in scikit-learn; NaN
/// before two samples. The mean and the squares of the targets follow Welford 1962.
class R2 : public Metric {
 public:
  explicit R2(R2Options options = {});

  /// Throws ShapeError for another number of numbers a sample than before.
  void update(const Tensor& outputs, const Tensor& targets,
              Where where = Where::current()) override;
  double value() const override;
  void reset() override;
  std::map<std::string, Tensor> state() const override;
  void load_state(const std::map<std::string, Tensor>& state,
                  Where where = Where::current()) override;

  /// That of each number of a sample, [D] f64; [0] before any sample.
  Tensor per_output() const;

 private:
  struct Sums {
    double mean = 0;     // of the targets
    double squares = 0;  // of their differences from it
    RunningSum residual;
  };
  double value_of(const Sums& sums) const;

  R2Options options_;
  std::int64_t count_ = 0;
  std::vector<Sums> sums_;
};

}  // namespace tenon::metrics
