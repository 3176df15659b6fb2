#include "fsd/frontends/fuse/request_counts.h"

namespace cairn::fuse {

const char* name_of(RequestKind kind) {
  static constexpr std::array<const char*, kRequestKinds> kNames = {
      "lookup",   "forget", "getattr",   "setattr",  "readlink",  "mknod",       "mkdir",
      "unlink",   "rmdir",  "symlink",   "rename",   "link",      "open",        "read",
      "write",    "flush",  "release",   "fsync",    "opendir",   "readdir",     "releasedir",
      "fsyncdir", "statfs", "setxattr",  "getxattr", "listxattr", "removexattr", "access",
      "create",   "getlk",  "setlk",     "flock",    "fallocate", "lseek",       "copy_file_range",
      "tmpfile",  "statx",  "interrupt",
  };
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace cairn::fuse
