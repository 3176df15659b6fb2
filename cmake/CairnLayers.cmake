# The layer table: which library of ours may depend on which. cairn_library refuses any other arrow.
# tests/tidy checks the #include lines against the same table.
set(CAIRN_LAYER_wire "")
set(CAIRN_LAYER_p9 wire)
set(CAIRN_LAYER_resume wire)
set(CAIRN_LAYER_base "")
set(CAIRN_LAYER_runtime base)
set(CAIRN_LAYER_config base)
set(CAIRN_LAYER_format base wire)
set(CAIRN_LAYER_object_store base runtime)
set(CAIRN_LAYER_s3 base runtime object_store)
set(CAIRN_LAYER_index base)
set(CAIRN_LAYER_engine base runtime format object_store index)
# Of wire, vfs needs the ACLs of extended attributes: the kernel's encoding, not the bucket's.
set(CAIRN_LAYER_vfs base runtime wire format engine)
set(CAIRN_LAYER_fuse base runtime vfs)
set(CAIRN_LAYER_sockets base runtime)
set(CAIRN_LAYER_ninep base runtime wire p9 resume format vfs sockets)
set(CAIRN_LAYER_web base runtime sockets)
set(CAIRN_LAYER_admin base runtime)
set(CAIRN_LAYER_daemon base runtime config format object_store index engine vfs fuse ninep
    web admin resume)
# The runner: of the daemon it uses what is of use to anybody, and of 9P only the protocol.
set(CAIRN_LAYER_vm_link base runtime resume)
set(CAIRN_LAYER_vm base runtime wire p9 sockets resume vm_link)

# What nearly every file includes, parsed once per library.
set(CAIRN_PRECOMPILED <algorithm> <chrono> <coroutine> <cstdint> <cstring> <functional> <map>
    <memory> <optional> <span> <string> <string_view> <unordered_map> <utility> <vector>
    <spdlog/spdlog.h> <tl/expected.hpp>)

# cairn_library(NAME engine DEPS base runtime LINK zstd): every .cc of the folder, as cairn_<name>.
function(cairn_library)
  cmake_parse_arguments(A "" "NAME" "DEPS;LINK;PRIVATE_LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  foreach(dep IN LISTS A_DEPS)
    if(NOT dep IN_LIST CAIRN_LAYER_${A_NAME})
      message(FATAL_ERROR "${A_NAME} may not depend on ${dep}: see cmake/CairnLayers.cmake")
    endif()
  endforeach()
  list(TRANSFORM A_DEPS PREPEND cairn_ OUTPUT_VARIABLE targets)
  if(sources)
    add_library(cairn_${A_NAME} STATIC ${sources})
    target_link_libraries(cairn_${A_NAME} PUBLIC ${targets} ${A_LINK} PRIVATE ${A_PRIVATE_LINK})
    list(LENGTH sources count)
    # (Of what clang compiles with one, ccache keeps nothing.)
    if(base IN_LIST A_DEPS AND count GREATER 4 AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_precompile_headers(cairn_${A_NAME} PRIVATE ${CAIRN_PRECOMPILED})
    endif()
  else()
    add_library(cairn_${A_NAME} INTERFACE)
    target_link_libraries(cairn_${A_NAME} INTERFACE ${targets} ${A_LINK})
  endif()
endfunction()
