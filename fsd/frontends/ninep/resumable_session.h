#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "fsd/format/session_record.h"
#include "fsd/frontends/ninep/bring_back.h"
#include "fsd/frontends/ninep/claims.h"
#include "fsd/frontends/ninep/reply_log.h"
#include "fsd/frontends/ninep/session.h"
#include "fsd/frontends/ninep/state_items.h"
#include "fsd/runtime/message_socket.h"
#include "protocol/resume/frames.h"

namespace cairn::p9 {

/// What resumable sessions need of whoever keeps them.
/// Threads: core only.
class SessionKeeper {
 public:
  virtual ~SessionKeeper() = default;
  [[nodiscard]] virtual const ClaimSealer& sealer() const = 0;
  /// Of a change that was made in this transaction.
  [[nodiscard]] virtual resume::Mark next_mark() = 0;
  [[nodiscard]] virtual resume::Durable durable() const = 0;
  [[nodiscard]] virtual std::vector<resume::Term> terms() const = 0;
  [[nodiscard]] virtual std::uint32_t grace_seconds() const = 0;
  /// The session's record is to go into the segment that is open now.
  virtual void on_changed(const resume::SessionId& id) = 0;
  /// Returns when the record is durable. False: that cannot be said.
  virtual Task<bool> store_now(resume::SessionId id) = 0;
  /// An earlier daemon left it, and its client has come back in time: what it had open may be as it
  /// was.
  [[nodiscard]] virtual bool is_awaited(const resume::SessionId& id) const = 0;
  /// ... and nobody else has got a lock since.
  [[nodiscard]] virtual bool keeps_locks(const resume::SessionId& id) const = 0;
  /// The session has back what it had, or never had anything elsewhere.
  virtual void on_restored(const resume::SessionId& id) = 0;
  /// About how much memory it takes now.
  virtual void on_size(const resume::SessionId& id, std::size_t bytes) = 0;
  virtual void on_disconnected(const resume::SessionId& id) = 0;
  /// The client says that it will not come back. The session may be closed after that call.
  virtual void on_bye(const resume::SessionId& id) = 0;
};

/// A client's session over cairn.resume.v1: it outlives its connections and, by the client's help
/// and its record in the metadata, a crash of this daemon. PROTOCOL.md has the rules.
/// Lifetime: shared; close() must have ended before the last reference goes.   Threads: core only.
class ResumableSession : public std::enable_shared_from_this<ResumableSession>,
                         private SessionWitness {
 public:
  /// `left`: what an earlier daemon left of it; null: nothing.
  ResumableSession(SessionKeeper& keeper, Door& door, const Export& exported, Peer peer,
                   const resume::SessionId& id, const format::SessionRecord* left);
  ~ResumableSession() override;

  /// The client has come by this connection. `welcome` says how it was found, and what of it; the
  /// rest is filled in here.
  /// Fails with: EPROTO, and the session is as it was.
  Result<void> connect(std::shared_ptr<MessageSocket> socket, const resume::Hello& hello,
                       resume::Welcome welcome);
  // From this connection; nothing happens if it is not the newest.
  void on_frame(const MessageSocket* socket, std::string frame);
  void on_drained(const MessageSocket* socket);
  /// True: it was the newest.
  bool on_closed(const MessageSocket* socket);
  void on_durable();

  /// Ends what waits and gives back all that the session holds.
  Task<> close();

  /// The client has seen how it was found: it has sent something since.
  [[nodiscard]] bool has_come() const { return has_come_; }
  /// The replies that an earlier daemon kept, as long as it has not come.
  [[nodiscard]] const ReplyLog& log() const { return log_; }
  [[nodiscard]] const Peer& peer() const { return session_.peer(); }
  [[nodiscard]] const resume::SessionId& id() const { return id_; }
  [[nodiscard]] format::SessionRecord record(format::TimeNs now) const;

 private:
  struct Note;
  using Self = std::shared_ptr<ResumableSession>;

  void on_begin(Call& call) override;
  bool on_done(Call& call) override;
  Task<> make_durable() override;
  void on_end(Call& call, std::string reply) override;

  void answer(Call& call, std::string_view reply, const std::vector<StateItems::Item>& items);
  void go_on();
  [[nodiscard]] bool may_go_on() const;
  void take(const resume::ClientFrame& frame, std::string& bytes);
  void take_request(const resume::Request& request);
  bool is_next(const resume::Numbers& numbers);
  void send(std::string frame, std::uint64_t answers);
  void fail(const char* why);
  void disconnect(std::uint16_t code, const char* why);
  void tell_size();
  static Task<> commit(Self self);

  // After a crash.
  static Task<> run_replay(Self self, std::string frame);
  Task<Result<void>> replay(Call& call, const RedoClaim& claim);
  static Task<> run_restore(Self self, std::string frame);
  Task<> restore_fid(FidMaker& maker, const resume::Item& item,
                     std::vector<resume::Failure>& failures);
  Task<> restore_locks(const resume::Item& item, std::vector<resume::Failure>& failures);
  Task<Result<void>> take_locks(const LockClaim& claim);
  [[nodiscard]] FidRef open_fid(std::uint32_t number, Ino ino) const;
  /// What the client is to keep of it.
  std::vector<StateItems::Item> lose(const std::vector<Ino>& inodes);
  void hold(const std::vector<Ino>& inodes);
  void end_rebuilding();
  void end_busy();

  SessionKeeper& keeper_;
  const resume::SessionId id_;
  const bool had_locks_;  // when an earlier daemon left it
  Session session_;
  StateItems items_;
  ReplyLog log_;
  std::shared_ptr<MessageSocket> socket_;
  std::uint64_t received_ = 0;       // number of the client's last frame that was taken
  std::uint64_t acknowledged_ = 0;   // number of our last frame that the client says to have
  std::deque<std::string> waiting_;  // frames that have come and are not taken yet
  std::size_t waiting_bytes_ = 0;
  std::size_t told_size_ = 0;
  bool going_on_ = false;
  bool held_back_ = false;
  bool busy_ = false;        // a Replay or a Restore is being done
  bool may_rebuild_ = true;  // until the first Request
  bool takes_locks_anew_ = false;
  bool closing_ = false;
  bool committing_ = false;    // one at a time, however often the client asks
  bool commit_asked_ = false;  // since it began
  bool owes_durable_ = false;  // the client keeps changes that it does not know to be durable
  bool has_come_ = false;      // a numbered frame: the client has seen the Welcome
  // There have been locks: the record goes on to say so, or each that is taken again would have to
  // wait until it says so again.
  bool locks_recorded_ = false;
  bool locks_stored_ = false;            // ... durably
  std::uint64_t last_change_in_ = 0;     // segment
  std::unordered_set<Ino> held_inodes_;  // what Replays may leave without a name, to the Restore
  Condition idle_;
};

}  // namespace cairn::p9
