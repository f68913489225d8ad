#pragma once

#include <map>
#include <string>

#include "tenon/core/tensor.h"
#include "tenon/core/where.h"

/// Figures of a model, gathered batch by batch.
namespace tenon::metrics {

/// A figure of all samples that update() has seen since the last reset():
///   metrics::Accuracy accuracy;
///   for (const data::Batch& batch : loader.epoch(epoch))
///     accuracy.update(model(batch.inputs), batch.targets);
///   fmt::print("{} {:.4f}\n", accuracy.name(), accuracy.value());
///   accuracy.reset();
/// - How the samples are cut into batches changes nothing, not even the last bit: counts are
///   integers, and sums are of f64 and take one sample after the other.
/// - outputs and targets have any strides; nothing is recorded, so outputs may have history.
/// - An update that throws changes nothing.
/// - A NaN among the outputs makes value() NaN until reset(); it is no error, so that training can
///   go on to whatever looks for NaN.
class Metric {
 public:
  virtual ~Metric();
  Metric(const Metric&) = delete;
  Metric& operator=(const Metric&) = delete;

  /// What logs call it.
  const std::string& name() const { return name_; }
  /// Adds the samples of a batch, along axis 0; none for an empty one.
  virtual void update(const Tensor& outputs, const Tensor& targets,
                      Where where = Where::current()) = 0;
  /// The figure so far; NaN before any sample.
  virtual double value() const = 0;
  /// Forgets all samples.
  virtual void reset() = 0;

  /// What a checkpoint keeps of an unfinished epoch, by name: copies, counts in i64 and sums in
  /// f64, so that a metric that takes it over goes on with the same bits.
  virtual std::map<std::string, Tensor> state() const = 0;
  /// Takes over such a state. Throws CheckpointError, before anything is changed, that names all
  /// missing and unexpected tensors and all with another shape or dtype.
  virtual void load_state(const std::map<std::string, Tensor>& state,
                          Where where = Where::current()) = 0;

 protected:
  explicit Metric(std::string name);

 private:
  std::string name_;
};

}  // namespace tenon::metrics
