#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "tenon/io/hdf5_handles_internal.h"
#include "tenon/io/hdf5_internal.h"

namespace tenon::hdf5 {
namespace {

std::mutex& library_mutex() {
  static std::mutex mutex;
  return mutex;
}

Id copy_of(hid_t type) { return {H5Tcopy(type), H5Tclose, "H5Tcopy"}; }

Id boolean_type(hid_t base) {
  Id type(H5Tenum_create(base), H5Tclose, "H5Tenum_create");
  for (const std::int8_t value : {std::int8_t{0}, std::int8_t{1}}) {
    std::int8_t stored = value;  // of one byte, so any byte order will do
    check(H5Tenum_insert(type, value == 0 ? "FALSE" : "TRUE", &stored), "H5Tenum_insert");
  }
  return type;
}

}  // namespace

Session::Session() : lock_(library_mutex()) {
  H5Eget_auto2(H5E_DEFAULT, &printer_, &printer_data_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Session::~Session() { H5Eset_auto2(H5E_DEFAULT, printer_, printer_data_); }

void check(long long result, const char* call) {
  if (result >= 0) return;
  std::string reason;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned, const H5E_error2_t* error, void* text) -> herr_t {
        auto& first = *static_cast<std::string*>(text);
        if (first.empty() && error->desc != nullptr) first = error->desc;
        return 0;
      },
      &reason);
  throw Failure(fmt::format("HDF5 reports \"{}\" in {}", reason, call));
}

Id file_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::boolean: return boolean_type(H5T_STD_I8LE);
    case Dtype::u8: return copy_of(H5T_STD_U8LE);
    case Dtype::i32: return copy_of(H5T_STD_I32LE);
    case Dtype::i64: return copy_of(H5T_STD_I64LE);
    case Dtype::f32: return copy_of(H5T_IEEE_F32LE);
    case Dtype::f64: break;
  }
  return copy_of(H5T_IEEE_F64LE);
}

Id memory_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::boolean: return boolean_type(H5T_NATIVE_INT8);
    case Dtype::u8: return copy_of(H5T_NATIVE_UINT8);
    case Dtype::i32: return copy_of(H5T_NATIVE_INT32);
    case Dtype::i64: return copy_of(H5T_NATIVE_INT64);
    case Dtype::f32: return copy_of(H5T_NATIVE_FLOAT);
    case Dtype::f64: break;
  }
  return copy_of(H5T_NATIVE_DOUBLE);
}

Id text_type() {
  Id type = copy_of(H5T_C_S1);
  check(H5Tset_size(type, H5T_VARIABLE), "H5Tset_size");
  check(H5Tset_cset(type, H5T_CSET_UTF8), "H5Tset_cset");
  return type;
}

}  // namespace tenon::hdf5
