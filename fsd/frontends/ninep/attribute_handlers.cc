#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>

#include "fsd/frontends/ninep/handlers.h"
#include "fsd/vfs/permissions.h"
#include "fsd/vfs/stat_numbers.h"
#include "fsd/vfs/xattrs.h"

// Attributes and extended attributes.

namespace cairn::p9 {
namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

/// What is read and written best at a time. A power of two: cp takes memory for the least common
/// multiple of this and the other filesystem's.
std::uint64_t block_bytes(const SessionState& session) {
  return std::bit_floor(session.message_bytes_max - kIoHeadBytes);
}

Time to_time(vfs::TimeNs time) {
  const timespec spec = vfs::to_timespec(time);
  return {.seconds = static_cast<std::uint64_t>(spec.tv_sec),
          .nanoseconds = static_cast<std::uint64_t>(spec.tv_nsec)};
}

Result<vfs::TimeNs> to_time_ns(const Time& time) {
  if (time.nanoseconds >= kNsPerSecond) return errno_error(EINVAL);
  return vfs::to_time_ns(static_cast<std::int64_t>(time.seconds),
                         static_cast<std::int64_t>(time.nanoseconds));
}

Result<vfs::AttributeChange> to_change(const Tsetattr& request, const Export& exported) {
  const std::uint32_t valid = request.valid;
  if ((valid & ~setattr::kAll) != 0) return errno_error(EINVAL, "an attribute that is none");
  vfs::AttributeChange change;
  if ((valid & setattr::kMode) != 0) change.mode = request.mode & 07777;
  if ((valid & setattr::kUid) != 0) change.uid = exported.uids.to_server(request.uid);
  if ((valid & setattr::kGid) != 0) change.gid = exported.gids.to_server(request.gid);
  if ((valid & setattr::kSize) != 0) change.size = request.size;
  if ((valid & setattr::kAtime) != 0) {
    change.atime_now = (valid & setattr::kAtimeSet) == 0;
    if (!change.atime_now) {
      TRY(change.atime, to_time_ns(request.atime));
    }
  }
  if ((valid & setattr::kMtime) != 0) {
    change.mtime_now = (valid & setattr::kMtimeSet) == 0;
    if (!change.mtime_now) {
      TRY(change.mtime, to_time_ns(request.mtime));
    }
  }
  return change;
}

/// What the client's kernel makes of open(O_TRUNC) and of operations that take setuid and setgid
/// away: Linux sends the time, and the mode without them, along with the new size or owner, though
/// only the owner may set either. A new size sets the time by itself.
void take_for_side_effects(const vfs::InodeRecord& inode, vfs::AttributeChange& change) {
  if (change.size) change.mtime_now = false;
  if (!change.mode || !(change.size || change.uid || change.gid)) return;
  if (*change.mode != (vfs::without_privileges(inode.mode) & 07777U)) return;
  change.mode.reset();
  change.kill_suidgid = true;
}

/// Whoever may write a file takes its privileges away by doing so. With a cache, Linux does that
/// first and by itself: a mode without setuid and setgid, security.capability removed.
bool only_drops_privileges(const vfs::InodeRecord& inode, const vfs::AttributeChange& change) {
  const bool something_else = change.uid || change.gid || change.size || change.atime ||
                              change.mtime || change.atime_now || change.mtime_now;
  return S_ISREG(inode.mode) && !something_else && change.mode &&
         *change.mode != (inode.mode & 07777U) &&
         *change.mode == (vfs::without_privileges(inode.mode) & 07777U);
}

Task<Result<void>> drop_privileges(Call& call, vfs::Caller caller, Ino ino) {
  CO_TRY_OK(co_await call.vfs().access(caller, ino, W_OK));
  CO_TRY_OK(co_await call.vfs().set_attributes(caller, ino, {}, {.kill_suidgid = true}));
  co_return Result<void>();
}

/// A client that is believed about its users is believed about their groups, too: it has checked
/// that the owner is in the group he gives his file to, and takes setgid off a mode itself.
void believe_groups(const Fid& fid, const vfs::InodeRecord& inode,
                    const vfs::AttributeChange& change, vfs::Caller& caller) {
  if (!fid.user->any_group) return;
  if (change.gid) caller.groups.push_back(*change.gid);
  if (change.mode) caller.groups.push_back(inode.gid);
}

std::string joined(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list.append(name).push_back('\0');
  return list;
}

}  // namespace

Rgetattr to_reply(Call& call, const vfs::Attributes& found, std::uint64_t request_mask) {
  const auto& inode = found.inode;
  const Export& exported = call.session().exported;
  return {
      .valid = request_mask & getattr::kAll,
      .qid = call.qid(found),
      .mode = inode.mode,
      .uid = exported.uids.to_client(inode.uid),
      .gid = exported.gids.to_client(inode.gid),
      .nlink = inode.nlink,
      .rdev = inode.rdev,
      .size = inode.size,
      .blksize = block_bytes(call.session()),
      .blocks = vfs::stat_blocks(inode),
      .atime = to_time(inode.atime),
      .mtime = to_time(inode.mtime),
      .ctime = to_time(inode.ctime),
      .btime = to_time(inode.btime),
      .gen = 0,
      .data_version = inode.change,
  };
}

Task<Result<void>> handle(Call& call, const Tgetattr& request) {
  CO_TRY(const FidRef fid, call.fid(request.fid));
  CO_TRY(const vfs::Attributes found,
         co_await call.vfs().get_attributes(call.caller(*fid), fid->place.ino));
  co_return call.reply(to_reply(call, found, request.request_mask));
}

Task<Result<void>> handle(Call& call, const Tsetattr& request) {
  CO_TRY(const FidRef fid, call.fid(request.fid));
  CO_TRY_OK(call.check_writable());
  CO_TRY(vfs::AttributeChange change, to_change(request, call.session().exported));
  vfs::Caller caller = call.caller(*fid);
  CO_TRY(const vfs::Attributes now, co_await call.vfs().get_attributes(caller, fid->place.ino));
  const bool may_set_modes = caller.uid == 0 || caller.uid == now.inode.uid;
  if (!may_set_modes && only_drops_privileges(now.inode, change)) {
    CO_TRY_OK(co_await drop_privileges(call, caller, fid->place.ino));
    co_return call.reply(Rsetattr{});
  }
  take_for_side_effects(now.inode, change);
  believe_groups(*fid, now.inode, change, caller);
  const vfs::HandleId handle = fid->kind() == Fid::Kind::kFile ? fid->handle() : vfs::HandleId{};
  CO_TRY_OK(co_await call.vfs().set_attributes(caller, fid->place.ino, handle, change));
  co_return call.reply(Rsetattr{});
}

Task<Result<void>> handle(Call& call, const Txattrwalk& request) {
  SessionState& session = call.session();
  CO_TRY(const FidRef fid, call.fid(request.fid));
  CO_TRY_OK(session.fids.check_free(request.newfid));
  const vfs::Caller caller = call.caller(*fid);
  const Ino ino = fid->place.ino;
  std::string value;
  if (request.name.empty()) {
    CO_TRY(const auto names, co_await call.vfs().list_xattr(caller, ino));
    value = joined(names);
  } else {
    CO_TRY(value, co_await call.vfs().get_xattr(caller, ino, std::string(request.name)));
  }
  const std::uint64_t size = value.size();
  auto reader = std::make_shared<Fid>(call.door(), session.client, fid->user, fid->place, 0);
  reader->reads_xattr(std::move(value), call.session().xattr_bytes);
  CO_TRY_OK(session.fids.add(request.newfid, std::move(reader)));
  co_return call.reply(Rxattrwalk{.size = size});
}

Task<Result<void>> handle(Call& call, const Txattrcreate& request) {
  CO_TRY(const FidRef fid, call.fid(request.fid));
  if (fid->kind() != Fid::Kind::kPath) co_return errno_error(EINVAL, "the fid is open");
  CO_TRY_OK(call.check_writable());
  if (request.name.size() > vfs::kXattrNameBytesMax) co_return errno_error(ERANGE);
  if (request.attr_size > vfs::kXattrValueBytesMax) co_return errno_error(E2BIG);
  if ((request.flags & ~(kXattrCreate | kXattrReplace)) != 0) co_return errno_error(EINVAL);
  fid->writes_xattr(std::string(request.name), request.attr_size, static_cast<int>(request.flags),
                    call.session().xattr_bytes);
  co_return call.reply(Rxattrcreate{});
}

// Linux has one message for three things: it removes an attribute by replacing it with nothing
// (fs/9p/xattr.c), so setting an empty value over an old one by XATTR_REPLACE cannot be told from
// it.
Task<Result<void>> store_xattr(Call& call, FidRef fid) {
  if (fid->xattr_value.size() != fid->xattr_bytes) {
    co_return errno_error(EINVAL, "fewer bytes than announced");
  }
  const vfs::Caller caller = call.caller(*fid);
  const Ino ino = fid->place.ino;
  if (fid->xattr_bytes == 0 && fid->xattr_flags == kXattrReplace) {
    if (fid->xattr_name == vfs::kCapability && caller.uid != 0) {
      co_return co_await drop_privileges(call, caller, ino);
    }
    co_return co_await call.vfs().remove_xattr(caller, ino, fid->xattr_name);
  }
  co_return co_await call.vfs().set_xattr(caller, ino, fid->xattr_name, fid->xattr_value,
                                          fid->xattr_flags);
}

}  // namespace cairn::p9
