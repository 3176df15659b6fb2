#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fsd/frontends/ninep/call.h"
#include "fsd/frontends/ninep/claims.h"
#include "protocol/resume/frames.h"

namespace cairn::p9 {

/// What the client of a resumable session keeps of its state: an item for each fid and for each
/// owner's locks on a file. Says after each request which of them have changed.
/// Threads: core only.
class StateItems {
 public:
  struct Item {
    std::string key;
    std::string blob;  // empty: it is no more
  };

  explicit StateItems(const ClaimSealer& sealer) : sealer_(sealer) {}

  /// The file whose fid a request gives up, and how that had it open; none: all zero.
  struct LetGo {
    Ino ino;
    vfs::HandleId handle;
  };
  [[nodiscard]] static LetGo let_go_by(Call& call);
  /// Once the request has ended, well or not. `let_go`: as let_go_by() said before it began.
  [[nodiscard]] std::vector<Item> after(Call& call, const LetGo& let_go);
  /// The locks of this owner have been brought back.
  void add_owner(Ino ino, std::uint64_t owner) { owners_.emplace(ino, owner); }
  /// Changes of these are lost. `items`: what the client is to keep, until it has been told by EIO;
  /// without that, the next crash would make us forget it.
  void add_lost(const std::vector<Ino>& inodes, std::vector<Item>& items);
  [[nodiscard]] bool has_locks() const { return !owners_.empty(); }
  /// About how much memory it takes, and the locks themselves.
  [[nodiscard]] std::size_t bytes() const { return (owners_.size() * 4 + lost_.size()) * 64; }

  /// The fid's number that an item's key names; none if it is not a fid's.
  [[nodiscard]] static std::optional<std::uint32_t> fid_of(std::string_view key);
  /// The file that an item says to have lost something.
  [[nodiscard]] static std::optional<Ino> lost_of(std::string_view key);
  /// An item of the client's own: nothing of what the locks stood for has changed, it says.
  [[nodiscard]] static bool takes_locks_anew(std::string_view key);

 private:
  void add_fid(Call& call, std::uint32_t number, std::vector<Item>& items) const;
  static void drop_fid(Call& call, std::uint32_t number, std::vector<Item>& items);
  void add_locks(Call& call, std::uint32_t fid, Ino ino, std::uint64_t owner,
                 std::vector<Item>& items);
  void update_locks(Call& call, Ino ino, std::uint64_t owner, vfs::HandleId gone,
                    std::vector<Item>& items);
  void drop_locks(Call& call, const LetGo& let_go, std::vector<Item>& items);
  bool has_owners(Ino ino) const;
  void check_lost(Call& call, std::vector<Item>& items);

  const ClaimSealer& sealer_;
  std::set<std::pair<Ino, std::uint64_t>> owners_;  // that have locks
  std::set<Ino> let_go_;  // files of which fids were given up, and not all locks were looked at
  std::set<Ino> lost_;    // as SessionState::lost was last
};

[[nodiscard]] std::vector<resume::Item> views_of(const std::vector<StateItems::Item>& items);

}  // namespace cairn::p9
