#include "fsd/frontends/ninep/call.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "fsd/base/check.h"

namespace cairn::p9 {
namespace {

/// As much as most replies take: Rgetattr is 160 bytes long.
constexpr std::size_t kUsualReplyBytes = 176;

/// How much a request may ask for in its reply, beside what all replies have.
std::size_t reply_bytes(const std::optional<Request>& request) {
  if (!request) return 0;
  if (const auto* read = std::get_if<Tread>(&*request)) return read->count;
  if (const auto* readdir = std::get_if<Treaddir>(&*request)) return readdir->count;
  return 0;
}

}  // namespace

bool SessionState::tells_of_loss(Fid& fid) {
  const bool was_lost = lost.erase(fid.place.ino) > 0;
  return std::exchange(fid.has_lost, false) || was_lost;
}

Call::Call(SessionState& session, const Header& header, std::string message, std::uint64_t token,
           std::uint64_t number)
    : session_(session),
      message_(std::move(message)),
      tag_(header.tag),
      token_(token),
      number_(number),
      request_(decode_request(header.type, as_bytes(message_).subspan(kHeaderBytes))),
      bytes_(message_.size() +
             std::min<std::size_t>(reply_bytes(request_), session.message_bytes_max)) {}

Result<FidRef> Call::fid(std::uint32_t number) {
  TRY(FidRef fid, session_.fids.get(number));
  for (FidRef& kept : fids_) {
    if (kept == fid) return fid;
    if (kept) continue;
    kept = fid;
    return fid;
  }
  more_fids_.push_back(fid);
  return fid;
}

void Call::let_go_of_fids() {
  fids_ = {};
  more_fids_.clear();
}

vfs::Caller Call::caller(const Fid& fid) const {
  const Identity& user = *fid.user;
  return {.uid = user.uid,
          .gid = user.gid,
          .groups = user.groups,
          .client = session_.client,
          .made_again = made_again,
          .cancel = &cancel};
}

Result<vfs::Caller> Call::creator(const Fid& fid, std::uint32_t gid) const {
  vfs::Caller caller = this->caller(fid);
  if (gid == kNoGid || fid.user->squashed) return caller;
  const std::uint32_t wanted = session_.exported.gids.to_server(gid);
  if (wanted == caller.gid) return caller;
  const Identity& user = *fid.user;
  const bool is_members = std::ranges::find(user.groups, wanted) != user.groups.end();
  if (user.uid != 0 && !user.any_group && !is_members) {
    return errno_error(EPERM, "a group that the user is not in");
  }
  caller.groups.push_back(caller.gid);
  caller.gid = wanted;
  return caller;
}

Result<void> Call::check_writable() const {
  if (session_.exported.read_only) return errno_error(EROFS);
  return {};
}

Qid Call::qid(const vfs::Attributes& attributes) const {
  const auto& inode = attributes.inode;
  const std::uint8_t type = S_ISDIR(inode.mode)   ? kQidDirectory
                            : S_ISLNK(inode.mode) ? kQidSymlink
                                                  : kQidFile;
  return {.type = type,
          .version = session_.door.versions.version(attributes.ino, inode.change),
          .path = attributes.ino.value()};
}

Result<void> Call::reply(const Reply& reply) {
  reply_.clear();
  reply_.reserve(kUsualReplyBytes);
  append(reply_, tag_, reply);
  return {};
}

MutableByteView Call::read_buffer(std::size_t count) {
  resize_for_overwrite(reply_, kReadReplyHeadBytes + count);
  return {reinterpret_cast<std::uint8_t*>(reply_.data()) + kReadReplyHeadBytes, count};
}

Result<void> Call::reply_read(std::size_t count) {
  CHECK(kReadReplyHeadBytes + count <= reply_.size());
  reply_.resize(kReadReplyHeadBytes + count);
  write_read_reply_head(reinterpret_cast<std::uint8_t*>(reply_.data()), tag_,
                        static_cast<std::uint32_t>(count));
  return {};
}

}  // namespace cairn::p9
