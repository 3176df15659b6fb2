#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "fsd/engine/volume.h"
#include "fsd/format/inode_record.h"
#include "fsd/vfs/sip_hash.h"

namespace cairn::vfs {

/// The dirent records of all directories: names to inode numbers. See directory.cc for how names
/// become cookies. Knows neither inodes nor permissions, and does not count entries.
/// Lifetime: owned by Vfs.   Threads: core only.
/// Fails with: EIO (damaged entry), ENOSPC (more names of one hash than there are slots).
class Directory {
 public:
  /// Where a name is, or where it would go.
  struct Slot {
    bool taken = false;
    std::uint64_t cookie = 0;
    Ino ino;                // if taken
    std::uint8_t type = 0;  // if taken
  };
  static constexpr std::uint64_t kDotCookie = 1;
  static constexpr std::uint64_t kDotDotCookie = 2;
  static constexpr std::uint64_t kSlots = 64;  // names whose hashes are equal, at most

  /// `hash_mask` lets tests make hashes collide.
  Directory(engine::Volume& volume, SipKey key, std::uint64_t hash_mask = ~0ULL)
      : volume_(volume), key_(key), hash_mask_(hash_mask) {}
  void set_key(SipKey key) { key_ = key; }

  Result<Slot> find(Ino directory, std::string_view name) const;

  // In the caller's transaction.
  void put(Ino directory, std::uint64_t cookie, std::string_view name, Ino ino, std::uint32_t mode);
  void erase(Ino directory, std::uint64_t cookie);

  struct Entry {
    std::uint64_t cookie = 0;
    format::DirentRecord record;
  };
  /// Up to `count_max` entries with cookies greater than `after`, in the order of cookies.
  Result<void> list(Ino directory, std::uint64_t after, std::size_t count_max,
                    std::vector<Entry>& into) const;

 private:
  [[nodiscard]] std::uint64_t first_cookie(std::string_view name) const;

  engine::Volume& volume_;
  SipKey key_;
  std::uint64_t hash_mask_;
};

}  // namespace cairn::vfs
