#include "fsd/frontends/ninep/bring_back.h"

#include <fcntl.h>

#include <cerrno>

namespace cairn::p9 {
namespace {

bool writes(int flags) { return (flags & O_ACCMODE) != O_RDONLY; }

}  // namespace

Task<Result<std::shared_ptr<const Identity>>> FidMaker::user(std::uint32_t n_uname) {
  const auto known = users_.find(n_uname);
  if (known != users_.end()) co_return known->second;
  auto identified = co_await identify(state_.door.users, state_.exported, state_.peer, n_uname);
  if (!identified) co_return identified.error();
  auto made = std::make_shared<const Identity>(std::move(*identified));
  users_.emplace(n_uname, made);
  co_return made;
}

Task<Result<FidRef>> FidMaker::make(FidClaim claim) {
  auto found = co_await user(claim.n_uname);
  if (!found) co_return found.error();
  // A login that lost a right since, as that to be root, does not keep it by what it had open; nor
  // has anybody any use of another's claims.
  if ((*found)->uid != claim.uid) co_return errno_error(EPERM, "it was another user's");
  Door& door = state_.door;
  const Ino ino = claim.place.ino;
  CO_TRY(const vfs::Attributes attributes, door.vfs.peek_attributes(ino));
  auto fid =
      std::make_shared<Fid>(door, state_.client, *found, claim.place, attributes.inode.change);
  const Identity& who = **found;
  const vfs::Caller caller{
      .uid = who.uid,
      .gid = who.gid,
      .groups = who.groups,
      .checked_by_kernel = rights_ == Rights::kAsTheyWere || attributes.inode.uid == who.uid,
      .client = state_.client};
  switch (claim.kind) {
    case Fid::Kind::kPath:
      break;
    case Fid::Kind::kFile: {
      if (writes(claim.open_flags) && state_.exported.read_only) co_return errno_error(EROFS);
      CO_TRY(const vfs::HandleId handle,
             co_await door.vfs.open_file(caller, ino, claim.open_flags));
      fid->opened(claim.kind, handle, claim.open_flags);
      break;
    }
    case Fid::Kind::kDirectory: {
      CO_TRY(const vfs::HandleId handle, co_await door.vfs.open_directory(caller, ino));
      fid->opened(claim.kind, handle, 0);
      break;
    }
    case Fid::Kind::kXattrWrite:
      if (state_.exported.read_only) co_return errno_error(EROFS);
      fid->writes_xattr(claim.xattr_name, claim.xattr_bytes, claim.xattr_flags, state_.xattr_bytes);
      fid->xattr_value = claim.xattr_value;
      break;
    case Fid::Kind::kXattrRead:
      co_return errno_error(ESTALE, "an extended attribute that was being read");
  }
  co_return fid;
}

}  // namespace cairn::p9
