#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "tenon/autograd/grad_mode.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/io/hdf5_handles_internal.h"
#include "tenon/io/hdf5_internal.h"
#include "tenon/kernels/copy.h"

namespace tenon::hdf5 {
namespace {

constexpr std::size_t kGrowthBytes = 1 << 16;  // of a file in memory
constexpr std::size_t kEndOfFileAt = 28;       // in a superblock of version 2, 8 bytes
// libhdf5 takes places in the order in which it needs them. With room for a dataset's description
// in front of all large ones, it never writes behind those, and its memory stays small.
constexpr std::size_t kDescriptionBytes = 1024;
constexpr std::size_t kAlignment = 64;  // of large tensors in the file

/// A tensor whose elements are not in libhdf5's memory, but belong at `offset`.
struct LargeTensor {
  std::uint64_t offset;
  Tensor rows;
};

Piece bytes_of(const Tensor& rows) {
  const auto* first = static_cast<const unsigned char*>(rows.impl()->storage->data);
  const std::size_t width = size_bytes(rows.dtype());
  return {first + static_cast<std::size_t>(rows.impl()->offset) * width,
          static_cast<std::size_t>(rows.numel()) * width};
}

/// In memory as in a file, and worth not to be copied.
bool is_large(const Tensor& x) {
  return std::endian::native == std::endian::little &&
         static_cast<std::size_t>(x.numel()) * size_bytes(x.dtype()) >= kLargeBytes;
}

/// The memory that libhdf5 writes a file into, which outlives the file: H5Fget_file_image forgets
/// the user block.
class MemoryFile {
 public:
  MemoryFile() = default;
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  void use_in(hid_t access) {
    H5FD_file_image_callbacks_t callbacks{};
    callbacks.image_realloc = [](void*, std::size_t size, H5FD_file_image_op_t, void* self) {
      return static_cast<MemoryFile*>(self)->resize(size);
    };
    callbacks.image_free = [](void*, H5FD_file_image_op_t, void*) -> herr_t { return 0; };
    callbacks.udata_copy = [](void* self) { return self; };
    callbacks.udata_free = [](void*) -> herr_t { return 0; };
    callbacks.udata = this;
    check(H5Pset_file_image_callbacks(access, &callbacks), "H5Pset_file_image_callbacks");
  }

  /// Hands out what was written, when the file is closed, with large tensors in ascending order.
  Image take(std::vector<LargeTensor> large) {
    const std::size_t need = kBlockBytes + kEndOfFileAt + 8;
    std::uint64_t end = 0;
    for (std::size_t i = 0; i < 8 && size_ >= need; ++i)
      end |= std::uint64_t{memory_[kBlockBytes + kEndOfFileAt + i]} << (8 * i);
    if (end < need || (large.empty() && end > size_))
      throw Failure("HDF5 wrote a superblock of an unknown version");

    Image image;
    std::uint64_t position = kBlockBytes;
    for (LargeTensor& tensor : large) {
      add_between(position, tensor.offset, image.pieces);
      image.pieces.push_back(bytes_of(tensor.rows));
      position = tensor.offset + image.pieces.back().size();
      image.large.push_back(std::move(tensor.rows));
    }
    add_between(position, end, image.pieces);
    image.memory = std::move(memory_);
    return image;
  }

 private:
  void* resize(std::size_t size) {
    auto* data = static_cast<unsigned char*>(std::realloc(memory_.get(), size));
    if (data == nullptr) return nullptr;
    static_cast<void>(memory_.release());
    memory_.reset(data);
    if (size > size_) std::memset(data + size_, 0, size - size_);
    size_ = size;
    return data;
  }

  /// What libhdf5 wrote between two offsets: zeros where its memory does not reach.
  void add_between(std::uint64_t begin, std::uint64_t end, std::vector<Piece>& pieces) const {
    static constexpr std::array<unsigned char, 4096> kZeros{};
    while (begin < end) {
      const Piece piece =
          begin < size_ ? Piece(memory_.get() + begin, memory_.get() + size_) : Piece(kZeros);
      pieces.push_back(piece.first(std::min<std::uint64_t>(piece.size(), end - begin)));
      begin += pieces.back().size();
    }
  }

  GrowingMemory memory_;
  std::size_t size_ = 0;
};

void write_attribute(hid_t object, const std::string& name, const Attribute& value) {
  const Id space(H5Screate(H5S_SCALAR), H5Sclose, "H5Screate");
  const auto write = [&](hid_t in_file, hid_t in_memory, const void* data) {
    const Id attribute(H5Acreate2(object, name.c_str(), in_file, space, H5P_DEFAULT, H5P_DEFAULT),
                       H5Aclose, "H5Acreate2");
    check(H5Awrite(attribute, in_memory, data), "H5Awrite");
  };
  if (const auto* text = std::get_if<std::string>(&value)) {
    const Id type = text_type();
    const char* characters = text->c_str();
    write(type, type, &characters);
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    write(H5T_STD_I64LE, H5T_NATIVE_INT64, integer);
  } else if (const auto* number = std::get_if<std::uint64_t>(&value)) {
    write(H5T_STD_U64LE, H5T_NATIVE_UINT64, number);
  } else {
    write(H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &std::get<double>(value));
  }
}

class Writer {
 public:
  explicit Writer(hid_t file)
      : file_(file),
        group_options_(property_list(H5P_GROUP_CREATE)),
        dataset_options_(property_list(H5P_DATASET_CREATE)),
        large_options_(property_list(H5P_DATASET_CREATE)) {
    check(H5Pset_obj_track_times(group_options_, false), "H5Pset_obj_track_times");
    for (const Id* options : {&dataset_options_, &large_options_})
      check(H5Pset_obj_track_times(*options, false), "H5Pset_obj_track_times");
    check(H5Pset_alloc_time(large_options_, H5D_ALLOC_TIME_EARLY), "H5Pset_alloc_time");
    check(H5Pset_fill_time(large_options_, H5D_FILL_TIME_NEVER), "H5Pset_fill_time");
  }

  void write_group(const std::string& path, const Attributes& attributes) {
    make_groups(path);
    const Id group(H5Gopen2(file_, path.empty() ? "/" : path.c_str(), H5P_DEFAULT), H5Gclose,
                   "H5Gopen2");
    for (const auto& [name, value] : attributes) write_attribute(group, name, value);
  }

  void write_tensor(const std::string& path, const Tensor& x) {
    const Id dataset = make_dataset(path, x, dataset_options_);
    if (x.numel() == 0) return;
    const Tensor rows = rows_of(x);
    visit_dtype(rows.dtype(), [&](auto zero) {
      check(H5Dwrite(dataset, memory_type(rows.dtype()), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                     elements<decltype(zero)>(rows)),
            "H5Dwrite");
    });
  }

  /// Only says where the elements belong.
  LargeTensor place_tensor(const std::string& path, const Tensor& x) {
    const Id dataset = make_dataset(path, x, large_options_);
    const haddr_t offset = H5Dget_offset(dataset);
    check(offset == HADDR_UNDEF ? -1 : 0, "H5Dget_offset");
    return {offset, rows_of(x)};
  }

 private:
  static Tensor rows_of(const Tensor& x) {
    return x.is_contiguous() ? x : kernels::copy_to_strides(x, contiguous_strides(x.shape()));
  }

  Id make_dataset(const std::string& path, const Tensor& x, hid_t options) {
    if (const std::size_t slash = path.rfind('/'); slash != std::string::npos)
      make_groups(path.substr(0, slash));
    hsize_t sizes[kMaxRank];
    std::copy(x.shape().begin(), x.shape().end(), sizes);
    const int rank = static_cast<int>(x.shape().rank());
    const Id space(rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, sizes, nullptr),
                   H5Sclose, "H5Screate_simple");
    const Id type = file_type(x.dtype());
    return {H5Dcreate2(file_, path.c_str(), type, space, H5P_DEFAULT, options, H5P_DEFAULT),
            H5Dclose, "H5Dcreate2"};
  }

  void make_groups(const std::string& path) {
    for (std::size_t end = 0; end != std::string::npos && !path.empty();) {
      end = path.find('/', end + 1);
      const std::string part = path.substr(0, end);
      if (groups_.insert(part).second)
        Id(H5Gcreate2(file_, part.c_str(), H5P_DEFAULT, group_options_, H5P_DEFAULT), H5Gclose,
           "H5Gcreate2");
    }
  }

  hid_t file_;
  Id group_options_;
  Id dataset_options_;
  Id large_options_;
  std::set<std::string> groups_;
};

}  // namespace

Image write_image(const Tree& tree) {
  std::map<std::string, Tensor> small, large;
  for (const auto& [path, tensor] : tree.tensors) (is_large(tensor) ? large : small)[path] = tensor;

  MemoryFile memory;
  std::vector<LargeTensor> placed;
  const Session session;
  {
    const Id access = property_list(H5P_FILE_ACCESS);
    check(H5Pset_fapl_core(access, kGrowthBytes, false), "H5Pset_fapl_core");
    check(H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18), "H5Pset_libver_bounds");
    if (!large.empty()) {
      check(H5Pset_alignment(access, kLargeBytes, kAlignment), "H5Pset_alignment");
      check(H5Pset_meta_block_size(access, (1 + large.size()) * kDescriptionBytes),
            "H5Pset_meta_block_size");
    }
    memory.use_in(access);
    const Id creation = property_list(H5P_FILE_CREATE);
    check(H5Pset_userblock(creation, kBlockBytes), "H5Pset_userblock");
    check(H5Pset_obj_track_times(creation, false), "H5Pset_obj_track_times");
    Id file(H5Fcreate("tenon", H5F_ACC_TRUNC, creation, access), H5Fclose, "H5Fcreate");
    {
      Writer writer(file);
      for (const auto& [path, attributes] : tree.groups) writer.write_group(path, attributes);
      for (const auto& [path, tensor] : small) writer.write_tensor(path, tensor);
      for (const auto& [path, tensor] : large) placed.push_back(writer.place_tensor(path, tensor));
    }
    file.close();
  }
  std::sort(placed.begin(), placed.end(),
            [](const LargeTensor& a, const LargeTensor& b) { return a.offset < b.offset; });
  return memory.take(std::move(placed));
}

}  // namespace tenon::hdf5
