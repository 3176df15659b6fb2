#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fsd/base/cancel.h"
#include "fsd/base/id.h"
#include "fsd/format/inode_record.h"

namespace cairn::vfs {

using format::InodeRecord;
using format::TimeNs;

inline constexpr Ino kRootIno{1};
inline constexpr std::size_t kNameBytesMax = 255;
inline constexpr std::size_t kSymlinkBytesMax = 4095;
inline constexpr std::size_t kXattrNameBytesMax = 255;
inline constexpr std::size_t kXattrValueBytesMax = 65536;
inline constexpr std::uint64_t kFileBytesMax = INT64_MAX;
inline constexpr std::uint32_t kLinksMax = 1'000'000;
inline constexpr std::size_t kIoBytesMax = 1U << 20;  // one read or write
/// The most extents that one transaction deals with, unless told otherwise.
inline constexpr std::size_t kExtentsPerStep = 1024;
/// Inode numbers per lease. Restarts use up three quarters of one on average, and 32-bit clients
/// like small numbers.
inline constexpr std::uint64_t kInodeLease = 1U << 18;

/// An open file or directory.
using HandleId = Id<struct HandleTag>;

/// On whose behalf an operation runs.
struct Caller {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;  // supplementary; empty when the kernel checks
  std::uint32_t pid = 0;
  /// FUSE with default_permissions: the kernel has checked access (it alone knows the caller's
  /// groups and capabilities); the core then only applies what is not access checking.
  bool checked_by_kernel = false;
  std::uint64_t client = 0;  // which frontend connection: the origin of changes, for ChangeListener
  /// A node that is made again, since a crash undid it, gets the number that it had: it was given
  /// out by an earlier daemon, and none has it now. Ino{}: a new one.
  Ino made_again{};
  /// If not null: an operation that still waits for room when it is set changes nothing and ends
  /// with EINTR. It outlives the operation.
  const CancelFlag* cancel = nullptr;
};

/// Whoever holds locks: a FUSE lock owner, or a 9P client and process.
struct LockOwner {
  std::uint64_t client = 0;  // which frontend connection
  std::uint64_t owner = 0;   // within it
  auto operator<=>(const LockOwner&) const = default;
};

/// What stat(2) and statx(2) show.
struct Attributes {
  Ino ino;
  InodeRecord inode;
};

/// What to change with setattr; what is absent stays.
struct AttributeChange {
  std::optional<std::uint32_t> mode;  // permission bits
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> gid;
  std::optional<std::uint64_t> size;
  std::optional<TimeNs> atime;
  std::optional<TimeNs> mtime;
  std::optional<TimeNs> ctime;
  bool atime_now = false;
  bool mtime_now = false;
  /// The caller lost CAP_FSETID while changing: clear setuid and setgid (FUSE's KILL_SUIDGID).
  bool kill_suidgid = false;
};

struct NewNode {
  std::uint32_t mode = 0;  // type and permissions, the umask not yet applied
  std::uint32_t umask = 0;
  std::uint64_t rdev = 0;
};

struct DirectoryEntry {
  Ino ino;
  std::uint8_t type = 0;     // DT_*
  std::uint64_t cookie = 0;  // give it back to go on after this entry; 63 bits
  std::string_view name;     // valid during the visit
};

struct FilesystemStats {
  std::uint64_t bytes_total = 0;
  std::uint64_t bytes_used = 0;
  std::uint64_t inodes_used = 0;
};

enum class LockType : std::uint8_t { kRead, kWrite, kUnlock };

/// A byte-range lock; `end` is inclusive, UINT64_MAX to the end of the file.
struct RangeLock {
  LockType type = LockType::kUnlock;
  std::uint64_t start = 0;
  std::uint64_t end = UINT64_MAX;
  LockOwner owner;
  std::uint32_t pid = 0;
};

/// Told about every change that a cache in front of the core may hold. Calls come from the core,
/// after the change and before the one who made it gets the answer; they must not block and must
/// not call back into the core. `origin` is Caller::client of the one who made the change
/// (0 for changes of our own), so that a door need not tell its own kernel.
class ChangeListener {
 public:
  virtual ~ChangeListener() = default;
  virtual void on_entry_changed(Ino parent, std::string_view name, std::uint64_t origin) = 0;
  virtual void on_attributes_changed(Ino ino, std::uint64_t origin) = 0;
  virtual void on_data_changed(Ino ino, std::uint64_t offset, std::uint64_t length,
                               std::uint64_t origin) = 0;
};

}  // namespace cairn::vfs
