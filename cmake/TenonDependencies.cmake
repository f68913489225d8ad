# What the library links. None of it shows in a public header, so all of it is private.
# oneDNN: from .deps (made by tools/setup), where an earlier entry of CMAKE_PREFIX_PATH does not have one.
list(APPEND CMAKE_PREFIX_PATH "${PROJECT_SOURCE_DIR}/.deps")

find_package(Threads REQUIRED)
find_package(TBB 2021 CONFIG REQUIRED)
find_package(dnnl 3.2 CONFIG QUIET)
if(NOT dnnl_FOUND)
  message(FATAL_ERROR "oneDNN 3.2 or newer is missing. Run tools/setup, or name its prefix in CMAKE_PREFIX_PATH.")
endif()
if(NOT DNNL_CPU_THREADING_RUNTIME STREQUAL "TBB" OR NOT DNNL_CPU_RUNTIME STREQUAL "TBB")
  set(refused "${dnnl_DIR}")
  unset(dnnl_DIR CACHE) # so that the next run looks again
  message(FATAL_ERROR
    "The oneDNN in ${refused} is a ${DNNL_CPU_RUNTIME} build with ${DNNL_CPU_THREADING_RUNTIME} threads. Tenon's arenas reach "
    "only a native CPU build for TBB. Run tools/setup, which puts one into .deps, or name another in CMAKE_PREFIX_PATH.")
endif()
find_package(hwy CONFIG REQUIRED)
find_package(fmt CONFIG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PNG REQUIRED)
find_package(JPEG REQUIRED)
find_package(Hdf5C REQUIRED)
find_package(XxHash REQUIRED)
find_package(Random123 REQUIRED)

set(TENON_DEPENDENCIES Threads::Threads TBB::tbb TBB::tbbmalloc DNNL::dnnl hwy::hwy fmt::fmt ZLIB::ZLIB
                       PNG::PNG JPEG::JPEG Hdf5C::Hdf5C XxHash::XxHash
                       "$<BUILD_INTERFACE:Random123::Random123>")

# A oneDNN from .deps is installed with Tenon: the clone may be deleted.
cmake_path(IS_PREFIX PROJECT_SOURCE_DIR "${dnnl_DIR}" NORMALIZE TENON_BUNDLES_ONEDNN)
