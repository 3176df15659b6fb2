#include "fsd/frontends/ninep/identity.h"

#include "protocol/p9/constants.h"

namespace cairn::p9 {

std::uint32_t IdMap::to_server(std::uint32_t client) const {
  if (ranges_.empty()) return client;
  for (const IdRange& range : ranges_) {
    if (client - range.client < range.count) return range.server + (client - range.client);
  }
  return kNobody;
}

std::uint32_t IdMap::to_client(std::uint32_t server) const {
  if (ranges_.empty()) return server;
  for (const IdRange& range : ranges_) {
    if (server - range.server < range.count) return range.client + (server - range.server);
  }
  return kNobody;
}

Task<Result<Identity>> identify(UserDatabase& users, const Export& exported, const Peer& peer,
                                std::uint32_t n_uname) {
  // A client that names nobody is who it is known to be.
  const std::uint32_t claimed = n_uname == kNoUname ? peer.uid : n_uname;
  if (!peer.trusted && claimed != peer.uid) {
    co_return errno_error(EPERM, "a local user may attach only as himself");
  }
  Identity who{.uid = exported.uids.to_server(claimed), .groups = {}, .n_uname = n_uname};
  const bool squashed =
      exported.squash == Squash::kAll || (exported.squash == Squash::kRoot && who.uid == 0);
  if (squashed) {
    who.uid = exported.squash_uid;
    who.gid = exported.squash_gid;
    who.squashed = true;
    co_return who;
  }
  who.any_group = peer.trusted;
  if (who.uid == 0) who.gid = 0;
  if (exported.lookup_groups || !peer.trusted) {
    UserDatabase::Groups found = co_await users.groups_of(who.uid);
    if (found.known) {
      who.gid = found.gid;
      who.groups = std::move(found.groups);
    }
  }
  co_return who;
}

}  // namespace cairn::p9
