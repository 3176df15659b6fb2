#include "fsd/frontends/fuse/handlers.h"

namespace cairn::fuse {
namespace {

constexpr unsigned kMaxBackground = 256;

/// False where the kernel lacks it.
#if CAIRN_FUSE_AT_LEAST(3, 17)
bool want(fuse_conn_info& connection, std::uint64_t capability) {
  return fuse_set_feature_flag(&connection, capability);
}
void refuse(fuse_conn_info& connection, std::uint64_t capability) {
  fuse_unset_feature_flag(&connection, capability);
}
#else
bool want(fuse_conn_info& connection, unsigned capability) {
  connection.want |= connection.capable & capability;
  return (connection.capable & capability) != 0;
}
void refuse(fuse_conn_info& connection, unsigned capability) { connection.want &= ~capability; }
#endif

void on_init(void* userdata, fuse_conn_info* info) {
  Door& door = *static_cast<Door*>(userdata);
  fuse_conn_info& connection = *info;
  for (const auto capability :
       {FUSE_CAP_ASYNC_READ, FUSE_CAP_POSIX_LOCKS, FUSE_CAP_FLOCK_LOCKS, FUSE_CAP_ATOMIC_O_TRUNC,
        FUSE_CAP_EXPORT_SUPPORT, FUSE_CAP_DONT_MASK, FUSE_CAP_POSIX_ACL, FUSE_CAP_ASYNC_DIO,
        FUSE_CAP_PARALLEL_DIROPS, FUSE_CAP_READDIRPLUS, FUSE_CAP_READDIRPLUS_AUTO,
        FUSE_CAP_CACHE_SYMLINKS, FUSE_CAP_EXPLICIT_INVAL_DATA}) {
    want(connection, capability);
  }
  bool tells_who_loses_privileges = false;
#ifdef FUSE_CAP_HANDLE_KILLPRIV_V2
  tells_who_loses_privileges = want(connection, FUSE_CAP_HANDLE_KILLPRIV_V2);
#endif
  // Else it takes setuid and setgid away itself, and forgets to where an open truncates at once.
  if (!tells_who_loses_privileges) refuse(connection, FUSE_CAP_ATOMIC_O_TRUNC);
#ifdef FUSE_CAP_DIRECT_IO_ALLOW_MMAP
  want(connection, FUSE_CAP_DIRECT_IO_ALLOW_MMAP);  // mmap of a file that is open for appending
#endif
  // The kernel would throw pages away whenever our own writes change mtime; we tell it when to.
  refuse(connection, FUSE_CAP_AUTO_INVAL_DATA);
  // It would keep size and times for itself and ignore changes made through other doors.
  refuse(connection, FUSE_CAP_WRITEBACK_CACHE);
  // Splicing would put each request into a pipe per thread first; copying up to 1 MiB is simpler.
  refuse(connection, FUSE_CAP_SPLICE_READ);
  refuse(connection, FUSE_CAP_SPLICE_WRITE);
  refuse(connection, FUSE_CAP_SPLICE_MOVE);
#if CAIRN_FUSE_IO_URING
  if (!door.io_uring) refuse(connection, FUSE_CAP_OVER_IO_URING);
#endif
  connection.max_write = vfs::kIoBytesMax;
  connection.max_background = kMaxBackground;
  connection.congestion_threshold = kMaxBackground * 3 / 4;
  connection.time_gran = 1;
  if (!door.io_uring) door.begin(false);  // else the answer to this tells
}

}  // namespace

fuse_lowlevel_ops handlers() {
  fuse_lowlevel_ops ops{};
  ops.init = on_init;
  add_name_handlers(ops);
  add_attribute_handlers(ops);
  add_file_handlers(ops);
  add_directory_handlers(ops);
  add_lock_handlers(ops);
  return ops;
}

}  // namespace cairn::fuse
