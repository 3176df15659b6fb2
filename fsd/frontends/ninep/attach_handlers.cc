#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "fsd/frontends/ninep/handlers.h"
#include "fsd/vfs/stat_numbers.h"

// How a client comes to its fids, and gives them back.

namespace cairn::p9 {
namespace {

using vfs::Attributes;
using vfs::Caller;

/// Deepest directory that ".." is followed from: each step looks at one more inode.
constexpr int kDepthMax = 4096;

/// ".." of a directory, but not out of the subtree that was attached to. A directory may have been
/// moved out of it since it was walked to: then there is no way up from it.
Task<Result<Attributes>> look_up(vfs::Vfs& vfs, Caller caller, Ino ino, Ino root) {
  if (ino == root) co_return co_await vfs.get_attributes(caller, ino);
  CO_TRY(Attributes above, co_await vfs.lookup(caller, ino, ".."));
  if (root == vfs::kRootIno) co_return above;
  Attributes at = above;
  for (int depth = 0; at.ino != root; ++depth) {
    if (at.ino == vfs::kRootIno || depth == kDepthMax) co_return errno_error(ENOENT);
    CO_TRY(at, vfs.peek_attributes(at.inode.parent));
  }
  co_return above;
}

/// A walk from a fid: how far it has come, and on whose behalf.
struct Walk {
  Walk(Call& of, const Fid& start) : call(of), caller(of.caller(start)), place(start.place) {}

  /// What is at `name`, from where the walk is.
  [[nodiscard]] Task<Result<Attributes>> look(std::string_view name) const {
    if (name == "..") return look_up(call.vfs(), caller, at.ino, place.root);
    return call.vfs().lookup(caller, at.ino, std::string(name));
  }
  void go(std::string_view name, const Attributes& next) {
    place = {.ino = next.ino, .parent = at.ino, .name = std::string(name), .root = place.root};
    at = next;
  }

  Call& call;
  const Caller caller;
  Attributes at;
  Fid::Place place;
};

/// May `newfid` stand for where a walk from `request.fid` ends?
template <class Request>
Result<void> check_newfid(Call& call, const Fid& from, const Request& request) {
  if (request.newfid != request.fid) return call.session().fids.check_free(request.newfid);
  // Linux walks from open fids, too, to have one that it can use for something else.
  if (from.kind() != Fid::Kind::kPath) return errno_error(EINVAL, "the fid is open");
  return {};
}

void make_fid(Walk&& walk, const Fid& from, std::uint32_t number) {
  SessionState& session = walk.call.session();
  auto fid = std::make_shared<Fid>(session.door, session.client, from.user, std::move(walk.place),
                                   walk.at.inode.change);
  session.fids.replace(number, std::move(fid));
}

/// The directory that `aname` names, below the volume's root. Symbolic links are not followed.
Task<Result<Attributes>> find_export(Call& call, Caller caller, std::string_view aname) {
  CO_TRY(Attributes at, co_await call.vfs().get_attributes(caller, vfs::kRootIno));
  while (!aname.empty()) {
    const std::size_t end = std::min(aname.find('/'), aname.size());
    const std::string_view name = aname.substr(0, end);
    aname.remove_prefix(std::min(end + 1, aname.size()));
    if (name.empty() || name == ".") continue;
    if (name == "..") co_return errno_error(EINVAL, "an attach goes down only");
    CO_TRY(at, co_await call.vfs().lookup(caller, at.ino, std::string(name)));
  }
  if (!S_ISDIR(at.inode.mode)) co_return errno_error(ENOTDIR);
  co_return at;
}

}  // namespace

Task<Result<void>> handle(Call&, const Tauth&) {
  co_return errno_error(EOPNOTSUPP, "who a client may be is decided by where it comes from");
}

Task<Result<void>> handle(Call& call, const Tattach& request) {
  if (request.afid != kNoFid) co_return errno_error(EOPNOTSUPP, "there is no authentication");
  SessionState& session = call.session();
  CO_TRY_OK(session.fids.check_free(request.fid));
  auto identified =
      co_await identify(call.door().users, session.exported, session.peer, request.n_uname);
  CO_TRY(Identity identity, std::move(identified));
  const auto user = std::make_shared<const Identity>(std::move(identity));
  const Caller caller{
      .uid = user->uid, .gid = user->gid, .groups = user->groups, .client = session.client};
  CO_TRY(const Attributes root, co_await find_export(call, caller, request.aname));
  auto fid = std::make_shared<Fid>(
      call.door(), session.client, user,
      Fid::Place{.ino = root.ino, .parent = root.ino, .name = "", .root = root.ino},
      root.inode.change);
  CO_TRY_OK(session.fids.add(request.fid, std::move(fid)));
  co_return call.reply(Rattach{.qid = call.qid(root)});
}

Task<Result<void>> handle(Call& call, const Twalk& request) {
  CO_TRY(const FidRef from, call.fid(request.fid));
  CO_TRY_OK(check_newfid(call, *from, request));
  Walk walk(call, *from);
  CO_TRY(walk.at, co_await call.vfs().get_attributes(walk.caller, from->place.ino));
  Rwalk walked;
  for (const std::string_view name : request.names) {
    auto next = co_await walk.look(name);
    if (!next && walked.qids.empty()) co_return next.error();
    if (!next) co_return call.reply(walked);
    walk.go(name, *next);
    walked.qids.push_back(call.qid(walk.at));
  }
  make_fid(std::move(walk), *from, request.newfid);
  co_return call.reply(walked);
}

Task<Result<void>> handle(Call& call, const Twalkgetattr& request) {
  CO_TRY(const FidRef from, call.fid(request.fid));
  if (request.newfid != kNoFid) CO_TRY_OK(check_newfid(call, *from, request));
  Walk walk(call, *from);
  CO_TRY(walk.at, co_await call.vfs().get_attributes(walk.caller, from->place.ino));
  for (const std::string_view name : request.names) {
    CO_TRY(const Attributes next, co_await walk.look(name));
    walk.go(name, next);
  }
  const Rgetattr attributes = to_reply(call, walk.at, request.request_mask);
  if (request.newfid != kNoFid) make_fid(std::move(walk), *from, request.newfid);
  co_return call.reply(Rwalkgetattr{.attributes = attributes});
}

Task<Result<void>> handle(Call& call, const Tclunk& request) {
  // A file that is gone is closed like another, unless something of it was lost.
  if (const auto stale = call.session().fids.take_stale(request.fid)) {
    if (call.session().lost.erase(stale->ino) == 0) co_return call.reply(Rclunk{});
    co_return errno_error(EIO, "changes were lost");
  }
  CO_TRY(const FidRef fid, call.fid(request.fid));
  call.session().fids.erase(request.fid);
  if (call.session().tells_of_loss(*fid)) co_return errno_error(EIO, "changes were lost");
  if (fid->kind() == Fid::Kind::kXattrWrite) CO_TRY_OK(co_await store_xattr(call, fid));
  co_return call.reply(Rclunk{});
}

Task<Result<void>> handle(Call& call, const Tstatfs& request) {
  CO_TRY_OK(call.fid(request.fid));
  const struct statvfs shown = vfs::to_statvfs(call.vfs().stats());
  co_return call.reply(Rstatfs{.type = kFilesystemMagic,
                               .bsize = static_cast<std::uint32_t>(shown.f_bsize),
                               .blocks = shown.f_blocks,
                               .bfree = shown.f_bfree,
                               .bavail = shown.f_bavail,
                               .files = shown.f_files,
                               .ffree = shown.f_ffree,
                               .fsid = 0,
                               .namelen = vfs::kNameBytesMax});
}

}  // namespace cairn::p9
