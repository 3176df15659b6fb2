#include <string>

#include "fsd/frontends/fuse/convert.h"
#include "fsd/frontends/fuse/handlers.h"

namespace cairn::fuse {
namespace {

using vfs::Attributes;
using vfs::HandleId;

void answer_attributes(Request& request, const Result<Attributes>& attributes) {
  if (attributes) {
    request.attributes(*attributes);
  } else {
    request.error(attributes.error());
  }
}

Task<> do_getattr(Request request, Ino ino) {
  auto attributes = co_await request.door().vfs.get_attributes(request.caller(), ino);
  answer_attributes(request, attributes);
}

Task<> do_statx(Request request, Ino ino) {
  auto attributes = co_await request.door().vfs.get_attributes(request.caller(), ino);
  if (attributes) {
    request.extended_attributes(*attributes);
  } else {
    request.error(attributes.error());
  }
}

Task<> do_setattr(Request request, Ino ino, HandleId handle, vfs::AttributeChange change) {
  auto attributes =
      co_await request.door().vfs.set_attributes(request.caller(), ino, handle, change);
  answer_attributes(request, attributes);
}

Task<> do_access(Request request, Ino ino, int mask) {
  auto result = co_await request.door().vfs.access(request.caller(), ino, mask);
  request.done(result);
}

Task<> do_statfs(Request request) {
  request.stats(request.door().vfs.stats());
  co_return;
}

/// A value, its size (when the caller asks with no room), or ERANGE.
void answer_value(Request& request, std::string_view value, std::size_t room) {
  if (room == 0) {
    request.value_size(value.size());
  } else if (value.size() > room) {
    request.error(ERANGE);
  } else {
    request.bytes(value);
  }
}

Task<> do_getxattr(Request request, Ino ino, std::string name, std::size_t room) {
  auto value = co_await request.door().vfs.get_xattr(request.caller(), ino, std::move(name));
  if (value) {
    answer_value(request, *value, room);
  } else {
    request.error(value.error());
  }
}

Task<> do_listxattr(Request request, Ino ino, std::size_t room) {
  auto names = co_await request.door().vfs.list_xattr(request.caller(), ino);
  if (!names) {
    request.error(names.error());
    co_return;
  }
  std::string list;
  for (const std::string& name : *names) list.append(name).push_back('\0');
  answer_value(request, list, room);
}

Task<> do_setxattr(Request request, Ino ino, std::string name, std::string value, int flags) {
  auto result = co_await request.door().vfs.set_xattr(request.caller(), ino, std::move(name),
                                                      std::move(value), flags);
  request.done(result);
}

Task<> do_removexattr(Request request, Ino ino, std::string name) {
  auto result = co_await request.door().vfs.remove_xattr(request.caller(), ino, std::move(name));
  request.done(result);
}

void on_getattr(fuse_req_t request, fuse_ino_t ino, fuse_file_info*) {
  enter(request, RequestKind::kGetattr, do_getattr, Ino(ino));
}
void on_setattr(fuse_req_t request, fuse_ino_t ino, struct stat* values, int to_set,
                fuse_file_info* info) {
  const HandleId handle = info != nullptr ? HandleId(info->fh) : HandleId();
  enter(request, RequestKind::kSetattr, do_setattr, Ino(ino), handle, to_change(*values, to_set));
}
void on_access(fuse_req_t request, fuse_ino_t ino, int mask) {
  enter(request, RequestKind::kAccess, do_access, Ino(ino), mask);
}
void on_statfs(fuse_req_t request, fuse_ino_t) { enter(request, RequestKind::kStatfs, do_statfs); }
void on_getxattr(fuse_req_t request, fuse_ino_t ino, const char* name, std::size_t size) {
  enter(request, RequestKind::kGetxattr, do_getxattr, Ino(ino), name, size);
}
void on_listxattr(fuse_req_t request, fuse_ino_t ino, std::size_t size) {
  enter(request, RequestKind::kListxattr, do_listxattr, Ino(ino), size);
}
void on_setxattr(fuse_req_t request, fuse_ino_t ino, const char* name, const char* value,
                 std::size_t size, int flags) {
  enter(request, RequestKind::kSetxattr, do_setxattr, Ino(ino), name, std::string(value, size),
        flags);
}
void on_removexattr(fuse_req_t request, fuse_ino_t ino, const char* name) {
  enter(request, RequestKind::kRemovexattr, do_removexattr, Ino(ino), name);
}
#if CAIRN_FUSE_AT_LEAST(3, 18)
void on_statx(fuse_req_t request, fuse_ino_t ino, int, int, fuse_file_info*) {
  enter(request, RequestKind::kStatx, do_statx, Ino(ino));
}
#endif

}  // namespace

void add_attribute_handlers(fuse_lowlevel_ops& ops) {
  ops.getattr = on_getattr;
  ops.setattr = on_setattr;
  ops.access = on_access;
  ops.statfs = on_statfs;
  ops.getxattr = on_getxattr;
  ops.listxattr = on_listxattr;
  ops.setxattr = on_setxattr;
  ops.removexattr = on_removexattr;
#if CAIRN_FUSE_AT_LEAST(3, 18)
  ops.statx = on_statx;
#else
  (void)do_statx;
#endif
}

}  // namespace cairn::fuse
