#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "fsd/frontends/ninep/handlers.h"

// Opening, reading, writing.

namespace cairn::p9 {
namespace {

/// The flags of 9P2000.L are Linux's on most of its architectures, not on all.
int to_open_flags(std::uint32_t flags) {
  struct Pair {
    std::uint32_t theirs;
    int ours;
  };
  static constexpr Pair kPairs[] = {
      {open_flag::kWriteOnly, O_WRONLY}, {open_flag::kReadWrite, O_RDWR},
      {open_flag::kExclusive, O_EXCL},   {open_flag::kTruncate, O_TRUNC},
      {open_flag::kAppend, O_APPEND},    {open_flag::kDirectory, O_DIRECTORY},
      {open_flag::kNoAtime, O_NOATIME},
  };
  int ours = 0;
  for (const Pair& pair : kPairs) {
    if ((flags & pair.theirs) == pair.theirs) ours |= pair.ours;
  }
  return ours;
}

bool writes(int flags) { return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0; }

Result<void> check_access_mode(std::uint32_t flags) {
  if ((flags & open_flag::kAccessMask) == open_flag::kAccessMask) return errno_error(EINVAL);
  return {};
}

std::uint32_t io_unit(Call& call) { return call.session().message_bytes_max - kIoHeadBytes; }

/// As many bytes of data as were asked for and fit into a reply.
std::size_t reply_room(Call& call, std::uint32_t count) {
  const std::uint32_t room = call.session().message_bytes_max - kReadReplyHeadBytes;
  return std::min({std::size_t{count}, std::size_t{room}, vfs::kIoBytesMax});
}

}  // namespace

Task<Result<void>> handle(Call& call, const Tlopen& request) {
  CO_TRY(const FidRef fid, call.fid(request.fid));
  if (fid->kind() != Fid::Kind::kPath) co_return errno_error(EINVAL, "the fid is open");
  CO_TRY_OK(check_access_mode(request.flags));
  const int flags = to_open_flags(request.flags);
  if (writes(flags)) CO_TRY_OK(call.check_writable());
  const vfs::Caller caller = call.caller(*fid);
  const Ino ino = fid->place.ino;
  CO_TRY(vfs::Attributes attributes, co_await call.vfs().get_attributes(caller, ino));
  if (S_ISDIR(attributes.inode.mode)) {
    if (writes(flags)) co_return errno_error(EISDIR);
    CO_TRY(const vfs::HandleId handle, co_await call.vfs().open_directory(caller, ino));
    fid->opened(Fid::Kind::kDirectory, handle, 0);
  } else {
    CO_TRY(const vfs::HandleId handle, co_await call.vfs().open_file(caller, ino, flags));
    // Two opens of one fid at once: the later one finds it open.
    if (fid->kind() != Fid::Kind::kPath) {
      static_cast<void>(co_await call.vfs().release(handle));
      co_return errno_error(EINVAL, "the fid is open");
    }
    fid->opened(Fid::Kind::kFile, handle, flags & ~O_TRUNC);
  }
  co_return call.reply(Rlopen{.qid = call.qid(attributes), .iounit = io_unit(call)});
}

Task<Result<void>> handle(Call& call, const Tlcreate& request) {
  CO_TRY(const FidRef fid, call.fid(request.fid));
  if (fid->kind() != Fid::Kind::kPath) co_return errno_error(EINVAL, "the fid is open");
  CO_TRY_OK(check_access_mode(request.flags));
  CO_TRY_OK(call.check_writable());
  CO_TRY(const vfs::Caller caller, call.creator(*fid, request.gid));
  const std::string name(request.name);
  const Ino parent = fid->place.ino;
  const int flags = to_open_flags(request.flags);
  auto result = co_await call.vfs().create(caller, parent, name, {.mode = request.mode}, flags);
  CO_TRY(const auto made, std::move(result));
  const auto& [handle, attributes] = made;
  // The client's number stands for the new file from now on, no longer for the directory.
  auto created = std::make_shared<Fid>(
      call.door(), call.session().client, fid->user,
      Fid::Place{.ino = attributes.ino, .parent = parent, .name = name, .root = fid->place.root},
      attributes.inode.change);
  created->opened(Fid::Kind::kFile, handle, flags & ~(O_TRUNC | O_EXCL));
  call.session().fids.replace(request.fid, std::move(created));
  co_return call.reply(Rlcreate{.qid = call.qid(attributes), .iounit = io_unit(call)});
}

Task<Result<void>> handle(Call& call, const Tread& request) {
  CO_TRY(const FidRef fid, call.fid(request.fid));
  const std::size_t count = reply_room(call, request.count);
  switch (fid->kind()) {
    case Fid::Kind::kFile: {
      const MutableByteView into = call.read_buffer(count);
      CO_TRY(const std::size_t got,
             co_await call.vfs().read(fid->handle(), request.offset, into, &call.cancel));
      co_return call.reply_read(got);
    }
    case Fid::Kind::kXattrRead: {
      const std::string_view value = fid->xattr_value;
      const std::size_t from = std::min<std::uint64_t>(request.offset, value.size());
      co_return call.reply(Rread{.data = as_bytes(value.substr(from, count))});
    }
    case Fid::Kind::kDirectory:
      co_return errno_error(EISDIR);
    case Fid::Kind::kPath:
    case Fid::Kind::kXattrWrite:
      break;
  }
  co_return errno_error(EBADF, "the fid is not open for reading");
}

Task<Result<void>> handle(Call& call, const Twrite& request) {
  CO_TRY(const FidRef fid, call.fid(request.fid));
  if (fid->kind() == Fid::Kind::kXattrWrite) {
    // In order and within what was announced: setxattr(2) knows no other way.
    if (request.offset != fid->xattr_value.size() ||
        request.data.size() > fid->xattr_bytes - fid->xattr_value.size()) {
      co_return errno_error(EINVAL, "not the next bytes of the attribute");
    }
    fid->xattr_value += as_string(request.data);
    co_return call.reply(Rwrite{.count = static_cast<std::uint32_t>(request.data.size())});
  }
  if (fid->kind() != Fid::Kind::kFile) {
    co_return errno_error(EBADF, "the fid is not open for writing");
  }
  if (request.data.size() > vfs::kIoBytesMax) co_return errno_error(EINVAL);
  CO_TRY_OK(call.check_writable());
  CO_TRY(const std::size_t written, co_await call.vfs().write(call.caller(*fid), fid->handle(),
                                                              request.offset, request.data, false));
  co_return call.reply(Rwrite{.count = static_cast<std::uint32_t>(written)});
}

Task<Result<void>> handle(Call& call, const Tfsync& request) {
  CO_TRY(const FidRef fid, call.fid(request.fid));
  if (call.session().tells_of_loss(*fid)) co_return errno_error(EIO, "changes were lost");
  CO_TRY_OK(co_await call.vfs().fsync(fid->place.ino, (request.datasync & 1) != 0));
  co_return call.reply(Rfsync{});
}

Task<Result<void>> handle(Call& call, const Treaddir& request) {
  CO_TRY(const FidRef fid, call.fid(request.fid));
  if (fid->kind() != Fid::Kind::kDirectory) co_return errno_error(EBADF, "no open directory");
  const std::size_t room = reply_room(call, request.count);
  std::string entries;
  bool is_cut = false;
  const auto visit = [&](const vfs::DirectoryEntry& entry) {
    const std::uint8_t type = entry.type == DT_DIR   ? kQidDirectory
                              : entry.type == DT_LNK ? kQidSymlink
                                                     : kQidFile;
    const DirectoryEntry line{.qid = {.type = type,
                                      .version = call.door().versions.version(entry.ino, 0),
                                      .path = entry.ino.value()},
                              .offset = entry.cookie,
                              .type = entry.type,
                              .name = entry.name};
    is_cut = !append_entry(entries, line, room);
    return !is_cut;
  };
  CO_TRY_OK(call.vfs().read_directory(fid->handle(), request.offset, visit));
  if (entries.empty() && is_cut) co_return errno_error(EINVAL, "no room for one entry");
  co_return call.reply(Rreaddir{.data = as_bytes(entries)});
}

}  // namespace cairn::p9
