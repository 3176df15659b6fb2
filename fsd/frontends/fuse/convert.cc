#include "fsd/frontends/fuse/convert.h"

#include <fcntl.h>

#include "fsd/vfs/stat_numbers.h"

namespace cairn::fuse {
struct stat to_stat(const vfs::Attributes& attributes) {
  const vfs::InodeRecord& inode = attributes.inode;
  struct stat st{};
  st.st_ino = attributes.ino.value();
  st.st_mode = inode.mode;
  st.st_nlink = inode.nlink;
  st.st_uid = inode.uid;
  st.st_gid = inode.gid;
  st.st_rdev = inode.rdev;
  st.st_size = static_cast<off_t>(inode.size);
  st.st_blocks = static_cast<blkcnt_t>(vfs::stat_blocks(inode));
  st.st_blksize = kPreferredIoBytes;
  st.st_atim = vfs::to_timespec(inode.atime);
  st.st_mtim = vfs::to_timespec(inode.mtime);
  st.st_ctim = vfs::to_timespec(inode.ctime);
  return st;
}

namespace {

vfs::TimeNs to_time_ns(const timespec& time) { return vfs::to_time_ns(time.tv_sec, time.tv_nsec); }

}  // namespace

vfs::AttributeChange to_change(const struct stat& values, int to_set) {
  vfs::AttributeChange change;
  if ((to_set & FUSE_SET_ATTR_MODE) != 0) change.mode = values.st_mode & 07777U;
  if ((to_set & FUSE_SET_ATTR_UID) != 0) change.uid = values.st_uid;
  if ((to_set & FUSE_SET_ATTR_GID) != 0) change.gid = values.st_gid;
  if ((to_set & FUSE_SET_ATTR_SIZE) != 0) change.size = static_cast<std::uint64_t>(values.st_size);
  change.atime_now = (to_set & FUSE_SET_ATTR_ATIME_NOW) != 0;
  change.mtime_now = (to_set & FUSE_SET_ATTR_MTIME_NOW) != 0;
  if ((to_set & FUSE_SET_ATTR_ATIME) != 0 && !change.atime_now) {
    change.atime = to_time_ns(values.st_atim);
  }
  if ((to_set & FUSE_SET_ATTR_MTIME) != 0 && !change.mtime_now) {
    change.mtime = to_time_ns(values.st_mtim);
  }
  if ((to_set & FUSE_SET_ATTR_CTIME) != 0) change.ctime = to_time_ns(values.st_ctim);
#ifdef FUSE_SET_ATTR_KILL_SUID
  // One bit of the kernel's (FATTR_KILL_SUIDGID) that libfuse calls by the first half's name.
  change.kill_suidgid = (to_set & FUSE_SET_ATTR_KILL_SUID) != 0;
#endif
  return change;
}

vfs::RangeLock to_range_lock(const struct flock& lock, vfs::LockOwner owner) {
  vfs::RangeLock range;
  range.type = lock.l_type == F_RDLCK   ? vfs::LockType::kRead
               : lock.l_type == F_WRLCK ? vfs::LockType::kWrite
                                        : vfs::LockType::kUnlock;
  range.start = static_cast<std::uint64_t>(lock.l_start);
  range.end =
      lock.l_len == 0 ? UINT64_MAX : range.start + static_cast<std::uint64_t>(lock.l_len) - 1;
  range.owner = owner;
  range.pid = static_cast<std::uint32_t>(lock.l_pid);
  return range;
}

struct flock to_flock(const vfs::RangeLock& lock) {
  struct flock out{};
  out.l_type = lock.type == vfs::LockType::kRead    ? F_RDLCK
               : lock.type == vfs::LockType::kWrite ? F_WRLCK
                                                    : F_UNLCK;
  out.l_whence = SEEK_SET;
  out.l_start = static_cast<off_t>(lock.start);
  out.l_len = lock.end > INT64_MAX - 1 ? 0 : static_cast<off_t>(lock.end - lock.start + 1);
  out.l_pid = static_cast<pid_t>(lock.pid);
  return out;
}

}  // namespace cairn::fuse
