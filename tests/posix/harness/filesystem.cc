#include "tests/posix/harness/filesystem.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <string>

#include "tests/posix/harness/scratch.h"

#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif

namespace cairn::posix {
namespace {

Kind find_kind() {
  struct statfs answer{};
  if (::statfs(Scratch::base().c_str(), &answer) != 0) return Kind::kOther;
  switch (static_cast<unsigned long>(answer.f_type)) {
    case TMPFS_MAGIC:
      return Kind::kTmpfs;
    case EXT4_SUPER_MAGIC:
      return Kind::kExt;
    case FUSE_SUPER_MAGIC:
      return Kind::kFuse;
    case V9FS_MAGIC:
      return Kind::kNinep;
    default:
      return Kind::kOther;
  }
}

bool mounted_without_atime() {
  struct statvfs answer{};
  return ::statvfs(Scratch::base().c_str(), &answer) == 0 && (answer.f_flag & ST_NOATIME) != 0;
}

// tmpfs has user.* since Linux 6.6, and O_DIRECT too.
bool tmpfs_is_old() {
  const std::string path = Scratch::base() + "/.probe";
  const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY, 0600);
  const bool refused = ::fsetxattr(fd, "user.probe", "1", 1, 0) != 0 && errno == EOPNOTSUPP;
  ::close(fd);
  ::unlink(path.c_str());
  return refused;
}

bool tmpfs_lacks(Feature feature) {
  static const bool old = tmpfs_is_old();
  switch (feature) {
    case Feature::kZeroRange:
    case Feature::kShiftRange:
      return true;
    case Feature::kUserXattr:
    case Feature::kDirectIo:
      return old;
    default:
      return false;
  }
}

// An old libfuse has no such request: the kernel hears ENOSYS, and says EOPNOTSUPP.
bool opens_tmpfile() {
  const int fd = ::open(Scratch::base().c_str(), O_TMPFILE | O_RDWR, 0600);
  const bool refused = fd < 0 && errno == EOPNOTSUPP;
  if (fd >= 0) ::close(fd);
  return !refused;
}

bool tells_birth_time() {
  struct statx answer{};
  return ::statx(AT_FDCWD, Scratch::base().c_str(), 0, STATX_BTIME, &answer) == 0 &&
         (answer.stx_mask & STATX_BTIME) != 0;
}

/// Case by case, what this libfuse has no request for.
std::set<std::string>& cases_of_other_libfuse() {
  static std::set<std::string> names;
  return names;
}

bool libfuse_lacks(bool has) {
  const auto* now = ::testing::UnitTest::GetInstance()->current_test_info();
  if (!has && now != nullptr) {
    cases_of_other_libfuse().insert(std::string(now->test_suite_name()) + "." + now->name());
  }
  return !has;
}

bool fuse_lacks(Feature feature) {
  switch (feature) {
    case Feature::kShiftRange:   // the kernel answers EOPNOTSUPP before it asks the server
    case Feature::kAtimeOnRead:  // what the page cache serves, the server never hears of
      return true;
    case Feature::kTmpfile: {
      static const bool opens = opens_tmpfile();
      return libfuse_lacks(opens);
    }
    case Feature::kBirthTime: {
      static const bool tells = tells_birth_time();
      return libfuse_lacks(tells);
    }
    default:
      return false;
  }
}

// v9fs maps what it caches: not with cache=none.
bool ninep_maps() {
  const std::string path = Scratch::base() + "/.probe";
  const int fd = ::open(path.c_str(), O_CREAT | O_RDWR, 0600);
  void* at = ::mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at != MAP_FAILED) ::munmap(at, 1);
  ::close(fd);
  ::unlink(path.c_str());
  return at != MAP_FAILED;
}

// 9P2000.L has no message for most of these.
bool ninep_lacks(Feature feature) {
  switch (feature) {
    case Feature::kTmpfile:
    case Feature::kRenameFlags:
    case Feature::kFallocate:
    case Feature::kZeroRange:
    case Feature::kShiftRange:
    case Feature::kBirthTime:
    case Feature::kHoles:
    case Feature::kAtimeOnRead:
      return true;
    case Feature::kMappedWrites: {
      static const bool maps = ninep_maps();
      return !maps;
    }
    default:
      return false;
  }
}

}  // namespace

Kind filesystem_kind() {
  static const Kind kind = find_kind();
  return kind;
}

int count_not_on_this_libfuse() { return static_cast<int>(cases_of_other_libfuse().size()); }

bool lacks(Feature feature) {
  if (feature == Feature::kAtimeOnRead && mounted_without_atime()) return true;
  switch (filesystem_kind()) {
    case Kind::kTmpfs:
      return tmpfs_lacks(feature);
    case Kind::kFuse:
      return fuse_lacks(feature);
    case Kind::kNinep:
      return ninep_lacks(feature);
    default:
      return false;
  }
}

}  // namespace cairn::posix
