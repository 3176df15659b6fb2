#pragma once

// The records of the POSIX core: values of inode, dirent, extent keys. Each starts with a version
// byte. decode_* refuses other versions, truncated and overlong bytes (FormatErrc::kDamaged).

#include <cstdint>
#include <string>
#include <string_view>

#include "fsd/base/id.h"
#include "fsd/base/result.h"
#include "fsd/format/format_error.h"

namespace cairn::format {

/// Nanoseconds since 1970-01-01 UTC, negative before.
using TimeNs = std::int64_t;

struct InodeRecord {
  std::uint32_t mode = 0;  // type and permission bits, as in stat(2)
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t nlink = 0;
  std::uint64_t size = 0;    // bytes; for a directory the number of its entries
  std::uint64_t blocks = 0;  // bytes that extents cover
  TimeNs atime = 0;
  TimeNs mtime = 0;
  TimeNs ctime = 0;
  TimeNs btime = 0;
  std::uint64_t rdev = 0;
  std::uint32_t flags = 0;   // kInode* below
  std::uint64_t change = 0;  // grows with every change of data or metadata
  Ino parent;                // directories only: the one that holds it
  bool operator==(const InodeRecord&) const = default;
};
inline constexpr std::uint32_t kInodeHasXattr = 1;       // some xattr record exists
inline constexpr std::uint32_t kInodeHasAcl = 2;         // an access or default ACL exists
inline constexpr std::uint32_t kInodeHasCapability = 4;  // security.capability exists
inline constexpr std::uint32_t kInodeShared = 8;         // some extents are shared with other files

struct DirentRecord {
  Ino ino;
  std::uint8_t type = 0;  // DT_*
  std::string name;       // 1 to 255 bytes, no '/' and no NUL
  bool operator==(const DirentRecord&) const = default;
};

/// `length` bytes of a file are `length` bytes of a segment's data space. Preallocated room has
/// segment 0 and reads as zeros.
struct ExtentRecord {
  std::uint64_t length = 0;
  Seq segment;
  std::uint64_t data_offset = 0;
  bool shared = false;  // a reverse record exists
  bool operator==(const ExtentRecord&) const = default;
};

[[nodiscard]] std::string encode(const InodeRecord& record);
[[nodiscard]] std::string encode(const DirentRecord& record);
[[nodiscard]] std::string encode(const ExtentRecord& record);
[[nodiscard]] Result<InodeRecord> decode_inode(std::string_view bytes);
[[nodiscard]] Result<DirentRecord> decode_dirent(std::string_view bytes);
[[nodiscard]] Result<ExtentRecord> decode_extent(std::string_view bytes);

}  // namespace cairn::format
