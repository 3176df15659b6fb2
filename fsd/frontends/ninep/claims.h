#pragma once

// What the client of a resumable session keeps for us, to bring it back after a crash: sealed, so
// that it can bring back only what it was given. The client sees bytes.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fsd/frontends/ninep/fid_table.h"
#include "fsd/vfs/sip_hash.h"
#include "fsd/vfs/types.h"

namespace cairn::p9 {

/// A fid: who uses it, what it stands for, how it is open.
struct FidClaim {
  std::uint32_t n_uname = 0;
  std::uint32_t uid = 0;  // who that was here
  Fid::Place place;
  Fid::Kind kind = Fid::Kind::kPath;
  int open_flags = 0;
  std::string xattr_name;  // the rest for kXattrWrite
  std::string xattr_value;
  std::size_t xattr_bytes = 0;
  int xattr_flags = 0;
};
[[nodiscard]] FidClaim claim_of(const Fid& fid);

/// The locks of one owner on one file.
struct LockClaim {
  std::uint32_t fid = 0;  // through which the last one was taken
  Ino ino;
  std::uint64_t owner = 0;
  std::vector<vfs::RangeLock> locks;
};

/// What was there when a change took effect. Found different, it is not the same change any more.
struct Expectation {
  /// Of a name, the directory; of a file, itself.
  Ino ino;
  std::string name;  // empty: a file
  /// Of a name: the inode that it stood for, 0 for none. Of a file: its change counter.
  std::uint64_t value = 0;
};

/// All that is needed to do a change again, beside its request.
struct RedoClaim {
  std::vector<std::pair<std::uint32_t, FidClaim>> fids;  // that the request names
  std::vector<Expectation> expectations;
  Ino made;                   // the number that the new node got; Ino{}: none
  std::vector<Ino> affected;  // whose users are to be told, if it cannot be done again
};

/// Seals claims and opens them again; the seal is two SipHashes of keys that the volume keeps.
class ClaimSealer {
 public:
  ClaimSealer(vfs::SipKey first, vfs::SipKey second) : first_(first), second_(second) {}

  [[nodiscard]] std::string seal(const FidClaim& claim) const;
  [[nodiscard]] std::string seal(const LockClaim& claim) const;
  [[nodiscard]] std::string seal(const RedoClaim& claim) const;
  // None: not what we gave out.
  [[nodiscard]] std::optional<FidClaim> open_fid(std::string_view bytes) const;
  [[nodiscard]] std::optional<LockClaim> open_lock(std::string_view bytes) const;
  [[nodiscard]] std::optional<RedoClaim> open_redo(std::string_view bytes) const;

 private:
  [[nodiscard]] std::string sealed(std::string bytes) const;
  [[nodiscard]] std::optional<std::string_view> opened(std::string_view bytes) const;
  [[nodiscard]] std::string tag(std::string_view bytes) const;

  vfs::SipKey first_;
  vfs::SipKey second_;
};

}  // namespace cairn::p9
