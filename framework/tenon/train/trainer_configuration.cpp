#include <fmt/format.h>

#include <bit>
#include <typeinfo>

#include "tenon/core/fault_internal.h"
#include "tenon/core/type_name_internal.h"
#include "tenon/train/trainer_state_internal.h"

namespace tenon {
namespace {

constexpr const char* kShardSizeName = "trainer.shard_size";
constexpr std::string_view kLoader = "trainer.loader.";

/// FNV-1a of the numbers' bits.
std::int64_t hash_of(const std::vector<double>& numbers) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const double number : numbers)
    hash = (hash ^ std::bit_cast<std::uint64_t>(number)) * 0x100000001b3;
  return static_cast<std::int64_t>(hash);
}

Configuration configuration_of(const data::Loader& train) {
  const data::LoaderOptions& o = train.options();
  const Configuration values{{"dataset.size()", train.dataset().size()},
                             {"samples_per_epoch()", train.samples_per_epoch()},
                             {"batch_size", o.batch_size},
                             {"shuffle", o.shuffle},
                             {"seed", static_cast<std::int64_t>(o.seed)},
                             {"drop_last", o.drop_last},
                             {"transforms.size()", static_cast<std::int64_t>(o.transforms.size())},
                             {"hash of the weights", hash_of(o.weights)}};
  Configuration named;
  for (const auto& [name, value] : values) named.emplace(std::string(kLoader) + name, value);
  return named;
}

/// The options that change the bits of a run.
Configuration decisive_options(const TrainerOptions& options) {
  return {{"trainer.batches_per_step", options.batches_per_step},
          {"trainer.max_gradient_norm", options.max_gradient_norm},
          {"trainer.max_gradient_value", options.max_gradient_value},
          {"trainer.average_decay", options.average_decay},
          {"trainer.batch_norm", static_cast<int>(options.batch_norm)}};
}

/// Notes each value of `now` that was another; returns how many.
int note_changes(const Configuration& saved, const Configuration& now, std::string_view prefix,
                 Fault& fault) {
  int changes = 0;
  for (const auto& [name, value] : now) {
    const auto found = saved.find(name);
    if (found != saved.end() && found->second == value) continue;
    fault.note(fmt::format("  {} was {} and is {} now", name.substr(prefix.size()),
                           found == saved.end() ? "not saved" : to_string(found->second),
                           to_string(value)));
    ++changes;
  }
  return changes;
}

}  // namespace

Configuration Trainer::State::configuration() const {
  const optim::Optimizer& used = optimizer;
  Configuration all{{"trainer.model", runner.model().type_name()},
                    {"trainer.loss", runner.loss().name()},
                    {"trainer.optimizer", short_type_name(typeid(used).name())},
                    {"trainer.epochs", options.epochs},
                    {kShardSizeName, shard_size}};
  std::string names;
  for (const TrainerPart& part : parts())
    names += (names.empty() ? "" : " ") + part.name.substr(0, part.name.size() - 1);
  all.emplace("trainer.parts", names);
  for (const Configuration& more : {decisive_options(options), loader, options.metadata})
    all.insert(more.begin(), more.end());
  return all;
}

void Trainer::State::check_configuration(const Configuration& saved, Where where) const {
  Fault fault("Trainer::resume", where);
  Configuration now = decisive_options(options);
  const auto saved_size = saved.find(kShardSizeName);
  const MetadataValue open = kChooseShards;
  if (shard_size != kChooseShards && saved_size != saved.end() && saved_size->second != open)
    now.emplace(kShardSizeName, shard_size);
  if (const int changes = note_changes(saved, now, kOwnMetadata, fault); changes > 0)
    fault.fix("Give the trainer the options of the saved run.")
        .raise<CheckpointError>(fmt::format("{} options of the saved run were others", changes));
}

void Trainer::State::use_configuration(const Configuration& saved) {
  if (const auto found = saved.find(kShardSizeName);
      found != saved.end() && found->second.is_integer())
    shard_size = found->second.integer();
  loader.clear();
  for (const auto& [name, value] : saved)
    if (name.starts_with(kLoader)) loader.emplace(name, value);
}

void Trainer::State::use_loader(const data::Loader& train, Where where) {
  const Configuration now = configuration_of(train);
  if (!loader.empty() && (is_resumed || position.batch > 0)) {
    Fault fault("Trainer::fit", where);
    if (note_changes(loader, now, kLoader, fault) > 0)
      fault.fix("Give fit the loader that the saved run had.")
          .raise<DataError>("the resumed run had another loader, so it could not go on as it was");
  }
  is_resumed = false;
  loader = now;
  batches_per_epoch = train.size();
  samples_per_epoch = train.samples_per_epoch();
}

}  // namespace tenon
