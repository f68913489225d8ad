#pragma once

#include <tenon/core/tensor.h>
#include <tenon/data/image_dataset.h>
#include <tenon/io/checkpoint.h>
#include <tenon/nn/module.h>

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

/// What the page of `tenon report` shows, as JSON, one function a section.
namespace tenon::cli::report {

using Json = nlohmann::ordered_json;
/// The state of a checkpoint.
using State = std::map<std::string, Tensor>;

/// The figures of each epoch, {"loss": [...], "validation_loss": [...]}, in the order of the logs.
Json history_of(const State& state);
/// {"seconds": [...], "samples_per_second": [...]}; null where no RunRecorder was.
Json speed_of(const State& state);
/// Of at most six epochs: {"epochs": [1, ...], "parameters": [{"name", "values": {"range",
/// "counts"}, "gradient": {...}}]}; null likewise. `epochs`: those that were finished.
Json histograms_of(const State& state, std::int64_t epochs);
/// Epoch, step, metadata, versions, machine.
Json run_of(const CheckpointInfo& info);

/// Predictions of a model in evaluation mode: figures, confusion matrix, the first images, the most
/// confident mistakes.
Json test_set_of(nn::Module& model, const data::ImageDataset& images);
/// The weights of the first layer as pictures; null where they are none.
Json filters_of(const nn::Module& model, const Shape& input_shape);
/// What each layer makes of an image, [1, C, H, W], where that is images.
Json feature_maps_of(nn::Module& model, const Tensor& image);
/// Time and kernels of each layer for a training step on one batch. Leaves the model in training
/// mode, and with gradients.
Json layers_of(nn::Module& model, const Shape& input_shape, std::int64_t num_classes);

/// The whole page.
std::string page_of(const Json& sections);

}  // namespace tenon::cli::report
