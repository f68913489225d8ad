#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <set>
#include <utility>

#include "tenon/autograd/grad_mode.h"
#include "tenon/core/tensor_internal.h"
#include "tenon/io/hdf5_handles_internal.h"
#include "tenon/io/hdf5_internal.h"
#include "tenon/kernels/copy.h"

namespace tenon::hdf5 {
namespace {

constexpr std::size_t kGrowthBytes = 1 << 16;  // of a file in memory
constexpr std::size_t kEndOfFileAt = 28;       // in a superblock of version 2, 8 bytes

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

  /// Hands out what was written, when the file is closed.
  Bytes take() {
    const std::size_t need = kBlockBytes + kEndOfFileAt + 8;
    std::uint64_t end = 0;
    for (std::size_t i = 0; i < 8 && bytes_.size >= need; ++i)
      end |= std::uint64_t{bytes_.data[kBlockBytes + kEndOfFileAt + i]} << (8 * i);
    if (end < need || end > bytes_.size)
      throw Failure("HDF5 wrote a superblock of an unknown version");
    bytes_.size = end;
    return std::move(bytes_);
  }

 private:
  void* resize(std::size_t size) {
    auto* data = static_cast<unsigned char*>(std::realloc(bytes_.data.get(), size));
    if (data == nullptr) return nullptr;
    static_cast<void>(bytes_.data.release());
    bytes_.data.reset(data);
    if (size > bytes_.size) std::memset(data + bytes_.size, 0, size - bytes_.size);
    bytes_.size = size;
    return data;
  }

  Bytes bytes_;
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
        dataset_options_(property_list(H5P_DATASET_CREATE)) {
    check(H5Pset_obj_track_times(group_options_, false), "H5Pset_obj_track_times");
    check(H5Pset_obj_track_times(dataset_options_, false), "H5Pset_obj_track_times");
  }

  void write_group(const std::string& path, const Attributes& attributes) {
    make_groups(path);
    const Id group(H5Gopen2(file_, path.empty() ? "/" : path.c_str(), H5P_DEFAULT), H5Gclose,
                   "H5Gopen2");
    for (const auto& [name, value] : attributes) write_attribute(group, name, value);
  }

  void write_tensor(const std::string& path, const Tensor& x) {
    if (const std::size_t slash = path.rfind('/'); slash != std::string::npos)
      make_groups(path.substr(0, slash));
    const Tensor rows =
        x.is_contiguous() ? x : kernels::copy_to_strides(x, contiguous_strides(x.shape()));
    hsize_t sizes[kMaxRank];
    std::copy(x.shape().begin(), x.shape().end(), sizes);
    const int rank = static_cast<int>(x.shape().rank());
    const Id space(rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, sizes, nullptr),
                   H5Sclose, "H5Screate_simple");
    const Id type = file_type(x.dtype());
    const Id dataset(
        H5Dcreate2(file_, path.c_str(), type, space, H5P_DEFAULT, dataset_options_, H5P_DEFAULT),
        H5Dclose, "H5Dcreate2");
    if (rows.numel() == 0) return;
    visit_dtype(rows.dtype(), [&](auto zero) {
      check(H5Dwrite(dataset, memory_type(rows.dtype()), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                     elements<decltype(zero)>(rows)),
            "H5Dwrite");
    });
  }

 private:
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
  std::set<std::string> groups_;
};

}  // namespace

Bytes write_image(const Tree& tree) {
  MemoryFile memory;
  const Session session;
  {
    const Id access = property_list(H5P_FILE_ACCESS);
    check(H5Pset_fapl_core(access, kGrowthBytes, false), "H5Pset_fapl_core");
    check(H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18), "H5Pset_libver_bounds");
    memory.use_in(access);
    const Id creation = property_list(H5P_FILE_CREATE);
    check(H5Pset_userblock(creation, kBlockBytes), "H5Pset_userblock");
    check(H5Pset_obj_track_times(creation, false), "H5Pset_obj_track_times");
    Id file(H5Fcreate("tenon", H5F_ACC_TRUNC, creation, access), H5Fclose, "H5Fcreate");
    {
      Writer writer(file);
      for (const auto& [path, attributes] : tree.groups) writer.write_group(path, attributes);
      for (const auto& [path, tensor] : tree.tensors) writer.write_tensor(path, tensor);
    }
    file.close();
  }
  return memory.take();
}

}  // namespace tenon::hdf5
