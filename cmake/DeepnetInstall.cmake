# `cmake --install`: the library, its headers, the target deepnet::deepnet for find_package, and a file for pkg-config.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(DEEPNET_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/deepnet)
install(TARGETS deepnet EXPORT deepnetTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT deepnetTargets NAMESPACE deepnet:: DESTINATION ${DEEPNET_CMAKE_DIR})
install(DIRECTORY cpp/include/deepnet DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

configure_package_config_file(cmake/deepnetConfig.cmake.in deepnetConfig.cmake INSTALL_DESTINATION ${DEEPNET_CMAKE_DIR})
# Until 1.0 a new minor version may change the interface.
write_basic_package_version_file(deepnetConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/deepnetConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/deepnetConfigVersion.cmake
        DESTINATION ${DEEPNET_CMAKE_DIR})

# From the place of the file, so that an installed folder can be moved.
file(RELATIVE_PATH DEEPNET_PC_UP "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
set(DEEPNET_PC_PREFIX "\${pcfiledir}/${DEEPNET_PC_UP}")
configure_file(cmake/deepnet.pc.in deepnet.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/deepnet.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
