#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fsd/base/result.h"
#include "fsd/base/task.h"

namespace cairn::p9 {

inline constexpr std::uint32_t kNobody = 65534;

/// Who is at the other end of a connection, as the listener found out.
struct Peer {
  /// Its kernel is believed about who its users are. Else it is a local user who may attach only as
  /// himself, with the groups that the system's user database gives him.
  bool trusted = false;
  std::uint32_t uid = kNobody;
  std::string name;   // for the log: "uid 1000", "10.0.0.7:1022"
  std::string key{};  // whom limits count: the name without the port
};

/// A client's numbers [client, client + count) are the volume's from `server` on.
struct IdRange {
  std::uint32_t client = 0;
  std::uint32_t server = 0;
  std::uint32_t count = 0;
};

/// Translates user or group numbers. Without ranges, each stands for itself; with them, what is in
/// none is kNobody.
class IdMap {
 public:
  IdMap() = default;
  explicit IdMap(std::vector<IdRange> ranges) : ranges_(std::move(ranges)) {}
  [[nodiscard]] std::uint32_t to_server(std::uint32_t client) const;
  [[nodiscard]] std::uint32_t to_client(std::uint32_t server) const;

 private:
  std::vector<IdRange> ranges_;
};

enum class Squash : std::uint8_t { kNone, kRoot, kAll };

/// What a listener lets its clients see, and as whom.
struct Export {
  bool read_only = false;
  Squash squash = Squash::kNone;  // these become squash_uid and squash_gid
  std::uint32_t squash_uid = kNobody;
  std::uint32_t squash_gid = kNobody;
  IdMap uids;
  IdMap gids;
  /// A trusted client's users are given the groups that the server's user database knows of.
  bool lookup_groups = true;
};

/// A user of the volume.
struct Identity {
  std::uint32_t uid = kNobody;
  std::uint32_t gid = kNobody;
  std::vector<std::uint32_t> groups;  // supplementary
  /// The client says which of its user's groups a new file gets; else only those named here.
  bool any_group = false;
  /// The listener has made somebody else of him: groups that the client names mean nothing.
  bool squashed = false;
  std::uint32_t n_uname = kNobody;  // as the client says it
};

/// The server's user database (getpwuid_r, getgrouplist), which may block, so not in the core.
class UserDatabase {
 public:
  struct Groups {
    bool known = false;  // there is such a user
    std::uint32_t gid = kNobody;
    std::vector<std::uint32_t> groups;
  };
  virtual ~UserDatabase() = default;
  virtual Task<Groups> groups_of(std::uint32_t uid) = 0;
};

/// Who the user `n_uname` of this peer is on the volume.
/// Fails with: EPERM, if the peer may not attach as that user.
Task<Result<Identity>> identify(UserDatabase& users, const Export& exported, const Peer& peer,
                                std::uint32_t n_uname);

}  // namespace cairn::p9
