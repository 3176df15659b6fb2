#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fsd/base/result.h"

namespace cairn::vfs {

/// A POSIX.1e access control list, as Linux's system.posix_acl_* attributes carry it. A value.
/// Invariant of a decoded one: it is valid (the entries that must exist do, in order).
class Acl {
 public:
  enum Tag : std::uint16_t {
    kUserObj = 0x01,
    kUser = 0x02,
    kGroupObj = 0x04,
    kGroup = 0x08,
    kMask = 0x10,
    kOther = 0x20,
  };
  struct Entry {
    Tag tag = kOther;
    std::uint16_t permissions = 0;  // as in a mode: 4 read, 2 write, 1 search
    std::uint32_t id = kNoId;       // of kUser and kGroup
    bool operator==(const Entry&) const = default;
  };
  static constexpr std::uint32_t kNoId = UINT32_MAX;
  static constexpr std::size_t kEntriesMax = 1024;

  explicit Acl(std::vector<Entry> entries) : entries_(std::move(entries)) {}

  /// EINVAL (not an ACL), EOPNOTSUPP (another version), ENOSPC (more than kEntriesMax). An ACL
  /// without entries is allowed here: setting it means removing.
  static Result<Acl> decode(std::string_view bytes);
  [[nodiscard]] std::string encode() const;
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

  /// The nine permission bits that a file with this ACL shows (its group bits are the mask).
  [[nodiscard]] std::uint32_t mode_bits() const;
  /// It says nothing that the nine bits do not.
  [[nodiscard]] bool minimal() const;
  /// chmod: the mask (or the owning group, without one) takes the mode's group bits.
  void set_mode(std::uint32_t mode);
  /// A default ACL becomes a new file's access ACL: both it and `mode` keep what both allow.
  void mask_for_creation(std::uint32_t& mode);

  /// Who asks: `uid`, and whether he is a member of a group.
  struct Subject {
    std::uint32_t uid = 0;
    std::function<bool(std::uint32_t gid)> in_group;
  };
  /// May he do `wanted` (bits as in Entry::permissions) with a file of this owner and group?
  [[nodiscard]] bool allows(const Subject& subject, std::uint32_t owner, std::uint32_t group,
                            std::uint32_t wanted) const;
  bool operator==(const Acl&) const = default;

 private:
  Entry* find(Tag tag);
  [[nodiscard]] const Entry* find(Tag tag) const;

  std::vector<Entry> entries_;
};

}  // namespace cairn::vfs
