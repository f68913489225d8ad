# cmake --install: headers, libraries, and the package that find_package(tenon) reads.
include(CMakePackageConfigHelpers)
set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/tenon")
set(bundle_folder "${CMAKE_INSTALL_LIBDIR}/tenon")

set(targets tenon tenon_models)
set_target_properties(tenon PROPERTIES INSTALL_RPATH "$ORIGIN/tenon")
set_target_properties(tenon_models PROPERTIES EXPORT_NAME models INSTALL_RPATH "$ORIGIN")
# While the major version is 0, a minor version may break the binary interface.
set_target_properties(${targets} PROPERTIES VERSION ${PROJECT_VERSION}
                                            SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

install(TARGETS ${targets} EXPORT tenonTargets)
if(TENON_BUILD_CLI)
  file(RELATIVE_PATH libraries "${CMAKE_INSTALL_FULL_BINDIR}" "${CMAKE_INSTALL_FULL_LIBDIR}")
  set_target_properties(tenon_cli PROPERTIES INSTALL_RPATH "$ORIGIN/${libraries}")
  install(TARGETS tenon_cli)
endif()
install(EXPORT tenonTargets NAMESPACE tenon:: DESTINATION "${package_folder}")

install(DIRECTORY framework/tenon DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING
        PATTERN "*.h" PATTERN "*_internal.h" EXCLUDE PATTERN "*-inl.h" EXCLUDE PATTERN "kernels" EXCLUDE)
install(DIRECTORY models DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/tenon-models" FILES_MATCHING
        PATTERN "*.h" PATTERN "*_internal.h" EXCLUDE)
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")

if(TENON_BUNDLES_ONEDNN)
  install(DIRECTORY .deps/lib/ DESTINATION "${bundle_folder}" FILES_MATCHING PATTERN "*.so*" PATTERN "cmake" EXCLUDE)
  install(DIRECTORY .deps/share/doc/ DESTINATION "${CMAKE_INSTALL_DOCDIR}")
endif()

configure_package_config_file(cmake/tenonConfig.cmake.in tenonConfig.cmake INSTALL_DESTINATION "${package_folder}"
                              PATH_VARS bundle_folder)
write_basic_package_version_file(tenonConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/tenonConfig.cmake" "${PROJECT_BINARY_DIR}/tenonConfigVersion.cmake"
        DESTINATION "${package_folder}")
if(NOT BUILD_SHARED_LIBS)
  install(FILES cmake/FindHdf5C.cmake cmake/FindXxHash.cmake DESTINATION "${package_folder}")
endif()
