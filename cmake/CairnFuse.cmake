# The FUSE library as target cairn_libfuse: ours of scripts/libfuse.sh (static, 3.18 or newer, with
# io_uring) where it was built, else the system's. Only fsd/frontends/fuse and the benchmarks'
# baseline link it.
if(TARGET cairn_libfuse)
  return()
endif()

set(CAIRN_LIBFUSE_DIR ${CMAKE_SOURCE_DIR}/build/deps/libfuse CACHE PATH "A libfuse built by scripts/libfuse.sh")
add_library(cairn_libfuse INTERFACE)
if(EXISTS ${CAIRN_LIBFUSE_DIR}/lib/libfuse3.a)
  file(STRINGS ${CAIRN_LIBFUSE_DIR}/lib/pkgconfig/fuse3.pc version REGEX "^Version: ")
  string(REGEX REPLACE "^Version: " "" CAIRN_LIBFUSE_VERSION "${version}")
  target_include_directories(cairn_libfuse SYSTEM INTERFACE ${CAIRN_LIBFUSE_DIR}/include)
  target_link_libraries(cairn_libfuse INTERFACE ${CAIRN_LIBFUSE_DIR}/lib/libfuse3.a uring numa dl rt Threads::Threads)
  target_compile_definitions(cairn_libfuse INTERFACE CAIRN_FUSE_IO_URING=1 FUSE_USE_VERSION=318)
  message(STATUS "libfuse ${CAIRN_LIBFUSE_VERSION} with io_uring (build/deps/libfuse)")
else()
  pkg_check_modules(CAIRN_FUSE3 REQUIRED IMPORTED_TARGET fuse3>=3.14)
  target_link_libraries(cairn_libfuse INTERFACE PkgConfig::CAIRN_FUSE3)
  target_compile_definitions(cairn_libfuse INTERFACE CAIRN_FUSE_IO_URING=0 FUSE_USE_VERSION=314)
  message(STATUS "libfuse ${CAIRN_FUSE3_VERSION} of the system, without io_uring: run scripts/libfuse.sh")
endif()
