#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "fsd/base/cancel.h"
#include "fsd/frontends/ninep/fid_table.h"
#include "protocol/p9/codec.h"

namespace cairn::p9 {

/// What the handlers know of their session.
struct SessionState {
  Door& door;
  const Export& exported;
  const Peer& peer;
  const std::uint64_t client;   // Caller::client
  std::size_t xattr_bytes = 0;  // of extended attributes that fids read and write
  FidTable fids;
  std::uint32_t message_bytes_max = 0;  // what Tversion agreed on; 0 before
  std::size_t lock_waits = 0;
  /// What a crash undid, in part, and nobody has been told of by an fsync or a clunk.
  std::unordered_set<Ino> lost;

  /// True once for each open file, and once for one that is opened later: it is to answer EIO.
  bool tells_of_loss(Fid& fid);
};

/// What whoever watches over a session's requests keeps with one of them.
struct CallNote {
  virtual ~CallNote() = default;
};

/// A request under way.
/// Lifetime: shared by the session and the coroutine that answers it; the session outlives it.
/// Threads: core only.
class Call {
 public:
  /// `message`: as it came, with `header` at its front. `token` names it to the lock table.
  Call(SessionState& session, const Header& header, std::string message, std::uint64_t token,
       std::uint64_t number = 0);
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  [[nodiscard]] SessionState& session() { return session_; }
  [[nodiscard]] Door& door() { return session_.door; }
  [[nodiscard]] vfs::Vfs& vfs() { return session_.door.vfs; }
  [[nodiscard]] std::uint16_t tag() const { return tag_; }
  [[nodiscard]] std::uint64_t token() const { return token_; }
  /// As whoever passed the message in named it.
  [[nodiscard]] std::uint64_t number() const { return number_; }
  /// The request, pointing into the message; none if that is malformed.
  [[nodiscard]] const std::optional<Request>& request() const { return request_; }
  /// Memory that it holds, or may come to hold for its reply.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  /// A fid that was found stays until the call ends.
  Result<FidRef> fid(std::uint32_t number);
  void let_go_of_fids();
  /// On whose behalf the fid's user acts. `gid`: whose a new file is to be, as the client says.
  [[nodiscard]] vfs::Caller caller(const Fid& fid) const;
  [[nodiscard]] Result<vfs::Caller> creator(const Fid& fid, std::uint32_t gid) const;
  /// EROFS on an export that is read-only.
  [[nodiscard]] Result<void> check_writable() const;
  [[nodiscard]] Qid qid(const vfs::Attributes& attributes) const;

  /// Keeps the reply, encoded: what it points to may go afterwards. The last one counts.
  Result<void> reply(const Reply& reply);
  /// Room for an Rread of up to `count` bytes; give it back with reply_read.
  MutableByteView read_buffer(std::size_t count);
  Result<void> reply_read(std::size_t count);
  [[nodiscard]] const std::string& reply_so_far() const { return reply_; }
  std::string take_reply() { return std::move(reply_); }

  CancelFlag cancel;
  bool settling = false;               // done, and waits for Door::settle
  std::vector<std::uint16_t> flushes;  // tags of Tflush that wait for this one's end
  Ino made_again{};                    // Caller::made_again
  std::unique_ptr<CallNote> note;

 private:
  SessionState& session_;
  const std::string message_;
  const std::uint16_t tag_;
  const std::uint64_t token_;
  const std::uint64_t number_;
  const std::optional<Request> request_;
  const std::size_t bytes_;
  std::string reply_;
  std::array<FidRef, 2> fids_;     // that were used: no request names more ...
  std::vector<FidRef> more_fids_;  // ... but a number may stand for another while it waits
};

using CallRef = std::shared_ptr<Call>;

}  // namespace cairn::p9
