#pragma once

// The ordered key space of the metadata: one byte of kind, then big-endian fields, so that the
// order of the bytes is the order of the numbers. FORMAT.md has the table.

#include <cstdint>
#include <string>
#include <string_view>

#include "fsd/base/id.h"
#include "fsd/base/result.h"

namespace cairn::format {

enum class KeyKind : char {
  kCounter = 'c',  // name
  kDirent = 'd',   // parent, cookie
  kExtent = 'e',   // ino, file offset
  kFrames = 'f',   // segment
  kDoomed = 'g',   // seq of death, segment
  kInode = 'i',    // ino
  kSymlink = 'l',  // ino
  kSession = 'n',  // id (the resumable 9P session)
  kOrphan = 'o',   // ino
  kReverse = 'r',  // segment, data offset, ino, file offset (shared extents)
  kSegment = 's',  // segment
  kTrim = 't',     // ino: extents past the end that still wait to be freed
  kXattr = 'x',    // ino, name
};

/// Builds a key field by field: KeyBuilder(KeyKind::kExtent).u64(ino).u64(offset).
class KeyBuilder {
 public:
  explicit KeyBuilder(KeyKind kind) { key_.push_back(static_cast<char>(kind)); }
  KeyBuilder& u64(std::uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) key_.push_back(static_cast<char>(value >> shift));
    return *this;
  }
  KeyBuilder& text(std::string_view bytes) {
    key_.append(bytes);
    return *this;
  }
  [[nodiscard]] std::string take() { return std::move(key_); }

 private:
  std::string key_;
};

[[nodiscard]] std::string inode_key(Ino ino);
[[nodiscard]] std::string dirent_key(Ino parent, std::uint64_t cookie);
[[nodiscard]] std::string extent_key(Ino ino, std::uint64_t file_offset);
[[nodiscard]] std::string symlink_key(Ino ino);
[[nodiscard]] std::string xattr_key(Ino ino, std::string_view name);
[[nodiscard]] std::string orphan_key(Ino ino);
[[nodiscard]] std::string trim_key(Ino ino);
[[nodiscard]] std::string counter_key(std::string_view name);
[[nodiscard]] std::string segment_key(Seq segment);
[[nodiscard]] std::string frames_key(Seq segment);
[[nodiscard]] std::string doomed_key(Seq death, Seq segment);
/// The value of a doomed record for a number in the gap behind an epoch-start; others have none.
inline constexpr std::string_view kDoomedInGap = "gap";
[[nodiscard]] std::string reverse_key(Seq segment, std::uint64_t data_offset, Ino ino,
                                      std::uint64_t file_offset);

/// The `index`-th u64 field of a key, 0 being the one after the kind. The key must be long enough.
[[nodiscard]] std::uint64_t key_u64(std::string_view key, std::size_t index);
/// True if the key is of this kind and has at least `fields` u64 fields.
[[nodiscard]] bool is_key(std::string_view key, KeyKind kind, std::size_t fields);

}  // namespace cairn::format
