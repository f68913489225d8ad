#include "tenon/kernels/onednn/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <list>
#include <mutex>
#include <new>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "tenon/core/error.h"
#include "tenon/core/parallel_internal.h"
#include "tenon/core/tensor_internal.h"

namespace tenon::kernels::onednn {
namespace {

constexpr std::size_t kAlignment = 64;

std::atomic<std::int64_t> g_primitives_created{0};
std::atomic<std::int64_t> g_weights_packed{0};
std::atomic<std::int64_t> g_live_plans{0};

/// Names live for ever: kernel reports point to them.
const char* intern(const char* name) {
  static std::mutex mutex;
  static std::set<std::string>& names = *new std::set<std::string>;
  const std::lock_guard lock(mutex);
  return names.insert(name).first->c_str();
}

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::size_t bytes)
      : data_(::operator new (std::max(bytes, kAlignment), std::align_val_t{kAlignment})),
        bytes_(bytes) {}
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~AlignedBuffer() {
    if (data_) ::operator delete (data_, std::align_val_t{kAlignment});
  }

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  void grow(std::size_t bytes) {
    if (bytes_ >= bytes) return;
    *this = AlignedBuffer();
    *this = AlignedBuffer(bytes);
  }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// The scratchpad of every plan of this thread, one at a time; it only grows.
AlignedBuffer& thread_scratchpad() {
  thread_local AlignedBuffer buffer;
  return buffer;
}

std::size_t round_up(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

dnnl::memory handle_without_data(const dnnl::memory::desc& desc) {
  return {desc, engine(), DNNL_MEMORY_NONE};
}

void set_data(const dnnl::memory& memory, const void* data) {
  dnnl_memory_set_data_handle(memory.get(), const_cast<void*>(data));
}

const void* data_of(const Tensor& x) {
  const TensorImpl& impl = *x.impl();
  return static_cast<const char*>(impl.storage->data) +
         impl.offset * static_cast<std::int64_t>(size_bytes(impl.dtype));
}

void run(Work work, dnnl_primitive_t primitive, const std::vector<dnnl_exec_arg_t>& arguments,
         const char* name) {
  dnnl_status_t status = dnnl_success;
  const auto execute = [&] {
    status = dnnl_primitive_execute(primitive, stream().get(), static_cast<int>(arguments.size()),
                                    arguments.data());
  };
  if (work == Work::small) {
    run_serially(execute);
  } else {
    run_in_arena(execute);
  }
  if (status == dnnl_out_of_memory) throw Error(fmt::format("out of memory in oneDNN ({}).", name));
  if (status != dnnl_success)
    throw Error(fmt::format("tenon: oneDNN ({}) failed with status {}.", name, int(status)));
}

/// Weights in the primitive's format, and whose they are.
struct Packed {
  std::uint64_t storage_id;
  std::int64_t offset;
  std::uint32_t version;
  std::uint64_t last_use;
  AlignedBuffer buffer;
};

}  // namespace

/// From a tensor's format to the primitive's, or back for an output.
struct Plan::Conversion {
  // Layers of one geometry share a plan, each with weights of its own.
  static constexpr std::size_t kMaxPacked = 8;
  static constexpr std::size_t kMaxPackedBytes = std::size_t{32} << 20;

  dnnl::primitive reorder;
  dnnl::memory from;
  dnnl::memory to;
  dnnl::memory scratchpad;
  std::vector<dnnl_exec_arg_t> arguments;
  std::size_t scratchpad_bytes = 0;
  std::size_t bytes = 0;  // of the primitive's format
  Work work = Work::small;
  bool is_output = false;
  std::vector<Packed> packed;
  std::uint64_t uses = 0;

  explicit Conversion(const PlanArgument& argument) : is_output(argument.is_output) {
    const dnnl::memory::desc& from_desc = is_output ? argument.desc : argument.tensor_desc;
    const dnnl::memory::desc& to_desc = is_output ? argument.tensor_desc : argument.desc;
    const dnnl::reorder::primitive_desc desc(engine(), from_desc, engine(), to_desc, attributes());
    reorder = dnnl::reorder(desc);
    g_primitives_created.fetch_add(1, std::memory_order_relaxed);
    from = handle_without_data(from_desc);
    to = handle_without_data(to_desc);
    scratchpad = handle_without_data(desc.scratchpad_desc());
    scratchpad_bytes = desc.scratchpad_desc().get_size();
    bytes = argument.desc.get_size();
    work = work_of(static_cast<double>(bytes) / 8);  // 8 bytes a nanosecond
    arguments = {{DNNL_ARG_FROM, from.get()},
                 {DNNL_ARG_TO, to.get()},
                 {DNNL_ARG_SCRATCHPAD, scratchpad.get()}};
  }

  void convert(const void* source, void* destination) {
    set_data(from, source);
    set_data(to, destination);
    thread_scratchpad().grow(scratchpad_bytes);
    set_data(scratchpad, thread_scratchpad().data());
    run(work, reorder.get(), arguments, "reorder");
  }

  const void* pack(const Tensor& w) {
    const Storage& storage = *w.impl()->storage;
    const std::int64_t offset = w.impl()->offset;
    const std::uint32_t version = storage.version.load(std::memory_order_acquire);
    ++uses;
    auto slot = std::find_if(packed.begin(), packed.end(), [&](const Packed& p) {
      return p.storage_id == storage.id && p.offset == offset;
    });
    if (slot != packed.end() && slot->version == version) {
      slot->last_use = uses;
      return slot->buffer.data();
    }
    if (slot == packed.end()) {
      if (packed.empty() ||
          (packed.size() < kMaxPacked && (packed.size() + 1) * bytes <= kMaxPackedBytes)) {
        packed.push_back({0, 0, 0, 0, AlignedBuffer(bytes)});
        slot = packed.end() - 1;
      } else {
        slot = std::min_element(packed.begin(), packed.end(), [](const Packed& a, const Packed& b) {
          return a.last_use < b.last_use;
        });
      }
    }
    slot->storage_id = 0;  // no storage's, should the conversion throw
    convert(data_of(w), slot->buffer.data());
    g_weights_packed.fetch_add(1, std::memory_order_relaxed);
    slot->storage_id = storage.id;
    slot->offset = offset;
    slot->version = version;
    slot->last_use = uses;
    return slot->buffer.data();
  }
};

PlanKey& PlanKey::add(std::int64_t number) {
  if (size_ == kCapacity) throw Error("tenon: a plan's key is too long.");
  numbers_[size_++] = number;
  return *this;
}

PlanKey& PlanKey::add(const Shape& shape) {
  add(static_cast<std::int64_t>(shape.rank()));
  for (const std::int64_t size : shape) add(size);
  return *this;
}

std::uint64_t PlanKey::hash() const {
  // FNV-1a over words, with a rotation, since the numbers differ in their low bits.
  std::uint64_t hash = 1469598103934665603U;
  for (std::size_t i = 0; i < size_; ++i)
    hash = std::rotl((hash ^ static_cast<std::uint64_t>(numbers_[i])) * 1099511628211U, 23);
  return hash;
}

Plan::Plan(const PlanRecipe& recipe, Work work) : work_(work) {
  g_live_plans.fetch_add(1, std::memory_order_relaxed);
  if (!recipe.primitive_desc) return;
  primitive_object_ = dnnl::primitive(recipe.primitive_desc);
  g_primitives_created.fetch_add(1, std::memory_order_relaxed);
  implementation_ = intern(recipe.primitive_desc.impl_info_str());
  for (const PlanArgument& argument : recipe.arguments) {
    memories_.push_back(handle_without_data(argument.desc));
    arguments_.push_back({argument.index, memories_.back().get()});
    const bool converts = !argument.tensor_desc.is_zero() && argument.tensor_desc != argument.desc;
    conversions_.push_back(converts ? std::make_unique<Conversion>(argument) : nullptr);
    if (converts && argument.is_output) temporary_bytes_ += round_up(argument.desc.get_size());
  }
  const dnnl::memory::desc scratchpad = recipe.primitive_desc.scratchpad_desc();
  scratchpad_bytes_ = round_up(scratchpad.get_size());
  memories_.push_back(handle_without_data(scratchpad));
  arguments_.push_back({DNNL_ARG_SCRATCHPAD, memories_.back().get()});
  primitive_ = primitive_object_.get();
}

Plan::~Plan() { g_live_plans.fetch_sub(1, std::memory_order_relaxed); }

void Plan::execute(std::initializer_list<const Tensor*> tensors) {
  // Weights first: packing uses the scratchpad too.
  for (std::size_t i = 0; const Tensor* tensor : tensors) {
    Conversion* conversion = conversions_[i].get();
    if (tensor && conversion && !conversion->is_output)
      set_data(memories_[i], conversion->pack(*tensor));
    ++i;
  }
  AlignedBuffer& scratchpad = thread_scratchpad();
  std::size_t output_scratchpad_bytes = 0;
  for (const auto& conversion : conversions_)
    if (conversion && conversion->is_output)
      output_scratchpad_bytes = std::max(output_scratchpad_bytes, conversion->scratchpad_bytes);
  const std::size_t front_bytes = round_up(std::max(scratchpad_bytes_, output_scratchpad_bytes));
  scratchpad.grow(front_bytes + temporary_bytes_);
  auto* temporary = static_cast<char*>(scratchpad.data()) + front_bytes;
  for (std::size_t i = 0; const Tensor* tensor : tensors) {
    Conversion* conversion = conversions_[i].get();
    if (conversion && conversion->is_output) {
      set_data(memories_[i], temporary);
      temporary += round_up(conversion->bytes);
    } else if (!conversion || !tensor) {
      set_data(memories_[i], tensor ? data_of(*tensor) : nullptr);
    }
    ++i;
  }
  set_data(memories_.back(), scratchpad.data());
  run(work_, primitive_, arguments_, implementation_);
  temporary = static_cast<char*>(scratchpad.data()) + front_bytes;
  for (std::size_t i = 0; const Tensor* tensor : tensors) {
    if (Conversion* conversion = conversions_[i].get(); conversion && conversion->is_output) {
      if (tensor) conversion->convert(temporary, const_cast<void*>(data_of(*tensor)));
      temporary += round_up(conversion->bytes);
    }
    ++i;
  }
}

namespace {

struct Hash {
  std::size_t operator()(const PlanKey& key) const { return key.hash(); }
};

/// The plans of a thread, the most recently used first.
struct PlanCache {
  struct Entry {
    Entry(const PlanKey& key_in, const PlanRecipe& recipe, Work work)
        : key(key_in), plan(recipe, work) {}
    PlanKey key;
    Plan plan;
  };
  std::list<Entry> entries;
  std::unordered_map<PlanKey, std::list<Entry>::iterator, Hash> by_key;

  Plan& find_or_make(const PlanKey& key, Work work, FunctionRef<PlanRecipe()> recipe) {
    if (!entries.empty() && entries.front().key == key) return entries.front().plan;
    if (const auto found = by_key.find(key); found != by_key.end()) {
      entries.splice(entries.begin(), entries, found->second);
      return found->second->plan;
    }
    make(key, work, recipe);
    by_key.emplace(key, entries.begin());
    if (entries.size() > kMaxPlans) {
      by_key.erase(entries.back().key);
      entries.pop_back();
    }
    return entries.front().plan;
  }

  void make(const PlanKey& key, Work work, FunctionRef<PlanRecipe()> recipe) {
    const std::lock_guard lock(making_mutex());  // threads share oneDNN's own cache
    try {
      plan_for_threads(work == Work::small ? 1 : kLogicalThreads, [&] {
        PlanRecipe made;
        try {
          made = recipe();
        } catch (const dnnl::error& error) {
          if (error.status != dnnl_unimplemented) throw;
          made = {};
        }
        entries.emplace_front(key, made, work);
      });
    } catch (const dnnl::error& error) {
      throw Error(fmt::format("tenon: oneDNN refused a primitive: {} (status {}).", error.what(),
                              int(error.status)));
    }
  }
};

}  // namespace

Plan& plan_for(const PlanKey& key, Work work, FunctionRef<PlanRecipe()> recipe) {
  thread_local PlanCache cache;
  return cache.find_or_make(key, work, recipe);
}

PlanCounters plan_counters() {
  return {g_primitives_created.load(std::memory_order_relaxed),
          g_weights_packed.load(std::memory_order_relaxed),
          g_live_plans.load(std::memory_order_relaxed)};
}

}  // namespace tenon::kernels::onednn
