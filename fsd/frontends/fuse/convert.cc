#include "fsd/frontends/fuse/convert.h"

#include <fcntl.h>

#include <algorithm>

namespace cairn::fuse {
namespace {

constexpr vfs::TimeNs kSecond = 1'000'000'000;
constexpr std::uint64_t kStatBlock = 512;  // the unit of st_blocks
constexpr std::uint64_t kStatfsBlock = 4096;
constexpr std::uint64_t kUnlimitedBytes = 1ULL << 50;  // what df shows where there is no limit
constexpr std::uint64_t kFreeInodes = 1ULL << 32;

}  // namespace

vfs::TimeNs to_time_ns(const timespec& time) { return time.tv_sec * kSecond + time.tv_nsec; }

timespec to_timespec(vfs::TimeNs time) {
  timespec spec{.tv_sec = time / kSecond, .tv_nsec = time % kSecond};
  if (spec.tv_nsec < 0) {
    spec.tv_nsec += kSecond;
    --spec.tv_sec;
  }
  return spec;
}

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
  st.st_blocks = static_cast<blkcnt_t>((inode.blocks + kStatBlock - 1) / kStatBlock);
  st.st_blksize = kPreferredIoBytes;
  st.st_atim = to_timespec(inode.atime);
  st.st_mtim = to_timespec(inode.mtime);
  st.st_ctim = to_timespec(inode.ctime);
  return st;
}

struct statvfs to_statvfs(const vfs::FilesystemStats& stats) {
  const std::uint64_t total = std::max(std::min(stats.bytes_total, kUnlimitedBytes),
                                       std::min(stats.bytes_used, kUnlimitedBytes));
  struct statvfs st{};
  st.f_bsize = kStatfsBlock;
  st.f_frsize = kStatfsBlock;
  st.f_blocks = total / kStatfsBlock;
  st.f_bfree = total > stats.bytes_used ? (total - stats.bytes_used) / kStatfsBlock : 0;
  st.f_bavail = st.f_bfree;
  st.f_files = stats.inodes_used + kFreeInodes;
  st.f_ffree = kFreeInodes;
  st.f_favail = kFreeInodes;
  st.f_namemax = vfs::kNameBytesMax;
  return st;
}

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
