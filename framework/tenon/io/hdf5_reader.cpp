#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "tenon/core/tensor_internal.h"
#include "tenon/io/hdf5_handles_internal.h"
#include "tenon/io/hdf5_internal.h"

namespace tenon::hdf5 {
namespace {

constexpr int kMostLevels = 64;  // of groups: no model is deeper, and a circle of links ends

class Reader {
 public:
  Reader(hid_t file, const Tensor& image, const std::vector<std::string>& wanted, Tree& tree)
      : file_(file), image_(image), wanted_(wanted), tree_(tree) {}

  void read_group(const std::string& path, int level) {
    if (level > kMostLevels)
      throw Failure(fmt::format("its groups are nested deeper than {}", kMostLevels));
    const Id group(H5Gopen2(file_, path.empty() ? "/" : path.c_str(), H5P_DEFAULT), H5Gclose,
                   "H5Gopen2");
    read_attributes(group, path);
    H5G_info_t info{};
    check(H5Gget_info(group, &info), "H5Gget_info");
    for (hsize_t i = 0; i < info.nlinks; ++i) {
      const std::string name = link_name(group, i);
      H5L_info_t link{};
      check(H5Lget_info(group, name.c_str(), &link, H5P_DEFAULT), "H5Lget_info");
      std::string child = path;
      if (!child.empty()) child += '/';
      child += name;
      if (link.type != H5L_TYPE_HARD)
        throw Failure(fmt::format("{} is a link, which Tenon never writes", child));
      const Id object(H5Oopen(group, name.c_str(), H5P_DEFAULT), H5Oclose, "H5Oopen");
      const H5I_type_t type = H5Iget_type(object);
      if (type == H5I_GROUP) {
        if (level > 0 || wants(name)) read_group(child, level + 1);
      } else if (type == H5I_DATASET) {
        if (level > 0) tree_.tensors[child] = read_tensor(object, child);
      } else {
        throw Failure(fmt::format("{} is neither a group nor a dataset", child));
      }
    }
  }

 private:
  bool wants(const std::string& name) const {
    return std::find(wanted_.begin(), wanted_.end(), name) != wanted_.end();
  }

  static std::string link_name(hid_t group, hsize_t i) {
    const ssize_t length =
        H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, nullptr, 0, H5P_DEFAULT);
    check(length, "H5Lget_name_by_idx");
    std::string name(static_cast<std::size_t>(length), '\0');
    check(H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name.data(),
                             name.size() + 1, H5P_DEFAULT),
          "H5Lget_name_by_idx");
    return name;
  }

  void read_attributes(hid_t group, const std::string& path) {
    Attributes& attributes = tree_.groups[path];
    struct Context {
      Attributes& attributes;
      std::string failure;
    } context{attributes, {}};
    // No exception may cross libhdf5.
    const herr_t result = H5Aiterate2(
        group, H5_INDEX_NAME, H5_ITER_INC, nullptr,
        [](hid_t object, const char* name, const H5A_info_t*, void* data) -> herr_t {
          auto& to = *static_cast<Context*>(data);
          try {
            to.attributes[name] = read_attribute(object, name);
            return 0;
          } catch (const std::exception& error) {
            to.failure = error.what();
            return -1;
          }
        },
        &context);
    if (!context.failure.empty()) throw Failure(context.failure);
    check(result, "H5Aiterate2");
  }

  static Attribute read_attribute(hid_t object, const char* name) {
    const Id attribute(H5Aopen(object, name, H5P_DEFAULT), H5Aclose, "H5Aopen");
    const Id type(H5Aget_type(attribute), H5Tclose, "H5Aget_type");
    const Id space(H5Aget_space(attribute), H5Sclose, "H5Aget_space");
    if (H5Sget_simple_extent_npoints(space) != 1)
      throw Failure(fmt::format("attribute {} is not one value", name));
    if (H5Tget_class(type) == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_2) {
      std::int64_t value = 0;
      check(H5Aread(attribute, H5T_NATIVE_INT64, &value), "H5Aread");
      return value;
    }
    if (H5Tget_class(type) == H5T_INTEGER) {
      std::uint64_t value = 0;
      check(H5Aread(attribute, H5T_NATIVE_UINT64, &value), "H5Aread");
      return value;
    }
    if (H5Tget_class(type) == H5T_FLOAT) {
      double value = 0;
      check(H5Aread(attribute, H5T_NATIVE_DOUBLE, &value), "H5Aread");
      return value;
    }
    if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) <= 0)
      throw Failure(fmt::format("attribute {} is neither text nor a number", name));
    char* characters = nullptr;
    check(H5Aread(attribute, type, &characters), "H5Aread");
    std::string text = characters == nullptr ? "" : characters;
    H5free_memory(characters);
    return text;
  }

  static Dtype dtype_of_file(hid_t type, const std::string& path) {
    for (const Dtype dtype :
         {Dtype::boolean, Dtype::u8, Dtype::i32, Dtype::i64, Dtype::f32, Dtype::f64})
      if (H5Tequal(type, file_type(dtype)) > 0) return dtype;
    throw Failure(fmt::format("{} has an element type that Tenon never writes", path));
  }

  /// The elements of a dataset where they lie in the image; undefined where that is no tensor.
  Tensor view_of(hid_t dataset, const Shape& shape, Dtype dtype, std::uint64_t bytes) const {
    const haddr_t offset = H5Dget_offset(dataset);
    if (std::endian::native != std::endian::little || dtype == Dtype::boolean ||
        offset == HADDR_UNDEF || offset % size_bytes(dtype) != 0)
      return {};
    const auto size = static_cast<std::uint64_t>(image_.numel());
    if (offset > size || bytes > size - offset) return {};
    auto* view = new TensorImpl(image_.impl()->storage, shape, contiguous_strides(shape),
                                static_cast<std::int64_t>(offset / size_bytes(dtype)), dtype);
    view->retain_fresh();
    return Tensor::adopt(view);
  }

  Tensor read_tensor(hid_t dataset, const std::string& path) const {
    const Id type(H5Dget_type(dataset), H5Tclose, "H5Dget_type");
    const Dtype dtype = dtype_of_file(type, path);
    const Id space(H5Dget_space(dataset), H5Sclose, "H5Dget_space");
    const int rank = H5Sget_simple_extent_ndims(space);
    check(rank, "H5Sget_simple_extent_ndims");
    if (static_cast<std::size_t>(rank) > kMaxRank)
      throw Failure(fmt::format("{} has {} axes", path, rank));
    hsize_t sizes[kMaxRank] = {};
    if (rank > 0)
      check(H5Sget_simple_extent_dims(space, sizes, nullptr), "H5Sget_simple_extent_dims");

    Shape shape = Shape::filled(static_cast<std::size_t>(rank), 0);
    std::uint64_t bytes = size_bytes(dtype);
    const std::uint64_t stored = H5Dget_storage_size(dataset);
    bool fits = H5Sget_simple_extent_type(space) != H5S_NULL;
    for (int axis = 0; axis < rank; ++axis) {
      shape[static_cast<std::size_t>(axis)] = static_cast<std::int64_t>(sizes[axis]);
      fits = fits && sizes[axis] <= INT64_MAX &&
             (sizes[axis] == 0 || bytes <= UINT64_MAX / sizes[axis]);
      bytes *= sizes[axis];
    }
    if (!fits || bytes != stored)
      throw Failure(fmt::format("{} holds {} bytes, which do not fit its shape", path, stored));

    if (bytes >= kLargeBytes)
      if (Tensor view = view_of(dataset, shape, dtype, bytes); view.defined()) return view;
    Tensor x = make_tensor(shape, dtype);
    if (x.numel() == 0) return x;
    visit_dtype(dtype, [&](auto zero) {
      check(H5Dread(dataset, memory_type(dtype), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                    fresh_elements<decltype(zero)>(x)),
            "H5Dread");
    });
    if (dtype == Dtype::boolean) {
      auto* values = reinterpret_cast<unsigned char*>(fresh_elements<bool>(x));
      std::transform(values, values + x.numel(), values,
                     [](unsigned char value) { return value != 0; });
    }
    return x;
  }

  hid_t file_;
  const Tensor& image_;
  const std::vector<std::string>& wanted_;
  Tree& tree_;
};

/// Lets libhdf5 read a file in memory without the copies that it would make.
void use_image(hid_t access, const Tensor& image) {
  auto* bytes = const_cast<unsigned char*>(elements<unsigned char>(image));
  H5FD_file_image_callbacks_t callbacks{};
  callbacks.image_malloc = [](std::size_t, H5FD_file_image_op_t, void* memory) { return memory; };
  callbacks.image_memcpy = [](void* memory, const void*, std::size_t, H5FD_file_image_op_t, void*) {
    return memory;
  };
  callbacks.image_free = [](void*, H5FD_file_image_op_t, void*) -> herr_t { return 0; };
  callbacks.udata_copy = [](void* memory) { return memory; };
  callbacks.udata_free = [](void*) -> herr_t { return 0; };
  callbacks.udata = bytes;
  check(H5Pset_file_image_callbacks(access, &callbacks), "H5Pset_file_image_callbacks");
  check(H5Pset_file_image(access, bytes, static_cast<std::size_t>(image.numel())),
        "H5Pset_file_image");
}

}  // namespace

Tree read_image(const Tensor& image, const std::vector<std::string>& groups) {
  Tree tree;
  const Session session;
  const Id access = property_list(H5P_FILE_ACCESS);
  check(H5Pset_fapl_core(access, 1 << 16, false), "H5Pset_fapl_core");
  use_image(access, image);
  const Id file(H5Fopen("tenon", H5F_ACC_RDONLY, access), H5Fclose, "H5Fopen");
  Reader(file, image, groups, tree).read_group("", 0);
  return tree;
}

}  // namespace tenon::hdf5
