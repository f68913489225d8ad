#pragma once

#include <hdf5.h>

#include <mutex>
#include <utility>

#include "tenon/core/dtype.h"

namespace tenon::hdf5 {

/// The only way to libhdf5, which is not built for threads: holds the one lock, and keeps it from
/// printing errors.
class Session {
 public:
  Session();
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  std::lock_guard<std::mutex> lock_;
  H5E_auto2_t printer_ = nullptr;
  void* printer_data_ = nullptr;
};

/// Throws Failure with what libhdf5 says if the result of `call` is negative.
void check(long long result, const char* call);

/// An identifier of libhdf5, closed at the end.
class Id {
 public:
  Id(hid_t id, herr_t (*closer)(hid_t), const char* call) : id_(id), close_(closer) {
    check(id, call);
  }
  Id(Id&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Id& operator=(Id&&) = delete;
  ~Id() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const { return id_; }
  /// Closes it now, and throws Failure if that does not work.
  void close() { check(close_(std::exchange(id_, -1)), "close"); }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

inline Id property_list(hid_t kind) { return {H5Pcreate(kind), H5Pclose, "H5Pcreate"}; }
/// How a dtype lies in a file: little-endian, boolean as the enumeration that h5py reads as one.
Id file_type(Dtype dtype);
/// The same in memory.
Id memory_type(Dtype dtype);
/// Text of any length, UTF-8.
Id text_type();

}  // namespace tenon::hdf5
