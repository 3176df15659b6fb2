#include <sys/stat.h>

#include <cerrno>

#include "fsd/frontends/ninep/handlers.h"

// Names: making, linking, moving, removing.

namespace cairn::p9 {
namespace {

/// How Linux packs a device's two numbers into 32 bits (new_encode_dev).
std::uint64_t to_rdev(std::uint32_t major, std::uint32_t minor) {
  return (minor & 0xFFU) | ((major & 0xFFFU) << 8U) | ((minor & ~0xFFU) << 12U);
}

/// The directory `fid` in which `call` is to change something.
Result<FidRef> changed_directory(Call& call, std::uint32_t fid) {
  TRY_OK(call.check_writable());
  return call.fid(fid);
}

/// The name by which the fid was walked to, if it still is its name.
Task<Result<vfs::Attributes>> find_again(Call& call, const Fid& fid) {
  if (fid.place.name.empty() || fid.place.name == "." || fid.place.name == "..") {
    co_return errno_error(EBUSY, "no name to go by");
  }
  CO_TRY(const vfs::Attributes found,
         co_await call.vfs().lookup(call.caller(fid), fid.place.parent, fid.place.name));
  if (found.ino != fid.place.ino) co_return errno_error(ENOENT, "the name is another file's now");
  co_return found;
}

}  // namespace

Task<Result<void>> handle(Call& call, const Tsymlink& request) {
  CO_TRY(const FidRef dir, changed_directory(call, request.dfid));
  CO_TRY(const vfs::Caller caller, call.creator(*dir, request.gid));
  CO_TRY(const vfs::Attributes made,
         co_await call.vfs().make_symlink(caller, dir->place.ino, std::string(request.name),
                                          std::string(request.target)));
  co_return call.reply(Rsymlink{.qid = call.qid(made)});
}

Task<Result<void>> handle(Call& call, const Tmknod& request) {
  CO_TRY(const FidRef dir, changed_directory(call, request.dfid));
  CO_TRY(const vfs::Caller caller, call.creator(*dir, request.gid));
  if (S_ISDIR(request.mode) || S_ISLNK(request.mode)) co_return errno_error(EINVAL);
  const vfs::NewNode node{.mode = request.mode, .rdev = to_rdev(request.major, request.minor)};
  CO_TRY(const vfs::Attributes made,
         co_await call.vfs().make_node(caller, dir->place.ino, std::string(request.name), node));
  co_return call.reply(Rmknod{.qid = call.qid(made)});
}

Task<Result<void>> handle(Call& call, const Tmkdir& request) {
  CO_TRY(const FidRef dir, changed_directory(call, request.dfid));
  CO_TRY(const vfs::Caller caller, call.creator(*dir, request.gid));
  CO_TRY(const vfs::Attributes made,
         co_await call.vfs().make_directory(caller, dir->place.ino, std::string(request.name),
                                            {.mode = request.mode}));
  co_return call.reply(Rmkdir{.qid = call.qid(made)});
}

Task<Result<void>> handle(Call& call, const Treadlink& request) {
  CO_TRY(const FidRef fid, call.fid(request.fid));
  CO_TRY(const std::string target,
         co_await call.vfs().read_symlink(call.caller(*fid), fid->place.ino));
  co_return call.reply(Rreadlink{.target = target});
}

Task<Result<void>> handle(Call& call, const Tlink& request) {
  CO_TRY(const FidRef dir, changed_directory(call, request.dfid));
  CO_TRY(const FidRef fid, call.fid(request.fid));
  CO_TRY_OK(co_await call.vfs().link(call.caller(*dir), fid->place.ino, dir->place.ino,
                                     std::string(request.name)));
  co_return call.reply(Rlink{});
}

Task<Result<void>> handle(Call& call, const Trename& request) {
  CO_TRY(const FidRef dir, changed_directory(call, request.dfid));
  CO_TRY(const FidRef fid, call.fid(request.fid));
  CO_TRY_OK(co_await find_again(call, *fid));
  CO_TRY_OK(co_await call.vfs().rename(call.caller(*dir), fid->place.parent, fid->place.name,
                                       dir->place.ino, std::string(request.name), 0));
  co_return call.reply(Rrename{});
}

Task<Result<void>> handle(Call& call, const Trenameat& request) {
  CO_TRY(const FidRef from, changed_directory(call, request.old_dfid));
  CO_TRY(const FidRef to, call.fid(request.new_dfid));
  CO_TRY_OK(co_await call.vfs().rename(call.caller(*from), from->place.ino,
                                       std::string(request.old_name), to->place.ino,
                                       std::string(request.new_name), 0));
  co_return call.reply(Rrenameat{});
}

Task<Result<void>> handle(Call& call, const Tunlinkat& request) {
  CO_TRY(const FidRef dir, changed_directory(call, request.dfid));
  const vfs::Caller caller = call.caller(*dir);
  const std::string name(request.name);
  if ((request.flags & kUnlinkDirectory) != 0) {
    CO_TRY_OK(co_await call.vfs().remove_directory(caller, dir->place.ino, name));
  } else {
    CO_TRY_OK(co_await call.vfs().unlink(caller, dir->place.ino, name));
  }
  co_return call.reply(Runlinkat{});
}

Task<Result<void>> handle(Call& call, const Tremove& request) {
  if (const auto stale = call.session().fids.take_stale(request.fid)) co_return stale->error;
  CO_TRY(const FidRef fid, call.fid(request.fid));
  call.session().fids.erase(request.fid);
  CO_TRY_OK(call.check_writable());
  CO_TRY(const vfs::Attributes found, co_await find_again(call, *fid));
  const vfs::Caller caller = call.caller(*fid);
  if (S_ISDIR(found.inode.mode)) {
    CO_TRY_OK(co_await call.vfs().remove_directory(caller, fid->place.parent, fid->place.name));
  } else {
    CO_TRY_OK(co_await call.vfs().unlink(caller, fid->place.parent, fid->place.name));
  }
  co_return call.reply(Rremove{});
}

}  // namespace cairn::p9
