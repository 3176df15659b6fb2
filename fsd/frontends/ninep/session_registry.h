#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "fsd/frontends/ninep/left_sessions.h"
#include "fsd/frontends/ninep/resumable_session.h"
#include "fsd/frontends/ninep/session_census.h"
#include "fsd/vfs/sessions.h"

namespace cairn::p9 {

/// The resumable sessions of all connections: finds them again, keeps them for a while when their
/// connection has dropped, and writes their records with the segments that they belong to. Past
/// what all of them may hold, those go first that have lost their connections.
/// Lifetime: stop() must have ended before it goes, and before the Vfs stops.   Threads: core only.
class SessionRegistry final : private SessionKeeper, private vfs::Sessions::User {
 public:
  struct Options {
    Duration grace = std::chrono::seconds(120);
    Duration leaving_grace = std::chrono::seconds(3);  // of a client that says that it goes away
    std::size_t sessions_max = 256;
    std::size_t sessions_per_client_max = 64;  // of those, by Peer::key
    std::size_t bytes_max = 512U << 20;        // of all of them
  };
  SessionRegistry(Door& door, Options options);
  ~SessionRegistry() override;
  SessionRegistry(const SessionRegistry&) = delete;
  SessionRegistry& operator=(const SessionRegistry&) = delete;

  /// What an earlier daemon left is kept for its clients for the grace time from now.
  Result<void> start();
  /// The user of a connection that speaks cairn.resume.v1.
  /// `on_end` is called once, when the connection has ended; its session may go on.
  [[nodiscard]] std::shared_ptr<MessageSocket::User> accept(std::shared_ptr<MessageSocket> socket,
                                                            const Export& exported, Peer peer,
                                                            std::function<void()> on_end);
  /// Ends all sessions here; their clients may come back to the next daemon.
  Task<> stop();

  [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }
  [[nodiscard]] std::size_t bytes() const { return census_.bytes(); }

 private:
  class Connection;
  using Id = resume::SessionId;
  struct Entry {
    std::shared_ptr<ResumableSession> session;
    const Export* exported = nullptr;
    resume::Welcome welcome;  // of its first connection here, without what points elsewhere
    bool grace_set = false;
    Timers::Token grace = 0;
  };

  // For a Connection that has got its Hello.
  Result<std::shared_ptr<ResumableSession>> find(std::shared_ptr<MessageSocket> socket,
                                                 const resume::Hello& hello, const Export& exported,
                                                 const Peer& peer);
  Result<std::shared_ptr<ResumableSession>> resume_here(Entry& entry,
                                                        std::shared_ptr<MessageSocket> socket,
                                                        const resume::Hello& hello,
                                                        const Export& exported, const Peer& peer);
  Result<std::shared_ptr<ResumableSession>> make(std::shared_ptr<MessageSocket> socket,
                                                 const resume::Hello& hello, const Export& exported,
                                                 Peer peer);
  Task<> end_for(std::shared_ptr<MessageSocket> socket, Id id);
  [[nodiscard]] static bool is_of(const Entry& entry, const Export& exported, const Peer& peer);
  Result<void> make_room(const std::string& client);
  [[nodiscard]] bool knows_unanswered(const resume::Hello& hello) const;

  // SessionKeeper.
  [[nodiscard]] const ClaimSealer& sealer() const override { return sealer_; }
  [[nodiscard]] resume::Mark next_mark() override;
  [[nodiscard]] resume::Durable durable() const override;
  [[nodiscard]] std::vector<resume::Term> terms() const override;
  [[nodiscard]] std::uint32_t grace_seconds() const override;
  void on_changed(const Id& id) override { changed_.insert(id); }
  Task<bool> store_now(Id id) override;
  [[nodiscard]] bool is_awaited(const Id& id) const override;
  [[nodiscard]] bool keeps_locks(const Id& id) const override;
  void on_restored(const Id& id) override;
  void on_size(const Id& id, std::size_t bytes) override;
  void on_disconnected(const Id& id) override;
  void on_bye(const Id& id) override { end(id).detach(); }
  /// The client of this connection, which has ended, will hardly come back.
  void on_left(const Id& id);
  void wait_for(const Id& id, Entry& entry, Duration grace);

  // vfs::Sessions::User.
  void before_seal() override;
  void on_durable() override;

  void put_record(const Id& id, const ResumableSession& session);
  void note_wait(Duration wait);
  Task<> store_left();
  Task<> end(Id id);
  Task<> erase_record(Id id);
  void give_up(const Id& id, const char* why);
  void keep_to_bytes();
  void forget_left(const Id& id);
  void end_grace();

  Door& door_;
  vfs::Sessions& store_;
  const Options options_;
  const ClaimSealer sealer_;
  std::map<Id, Entry> sessions_;
  SessionCensus census_;
  LeftSessions left_;
  std::set<Id> changed_;  // to be put before the segment is sealed
  std::set<Id> ended_;    // ... to be erased
  std::uint64_t last_order_ = 0;
  bool in_grace_ = false;
  bool holds_locks_ = false;  // in the grace
  Timers::Token grace_ = 0;
  Timers::Token noting_wait_ = 0;
  bool too_many_bytes_ = false;  // and keep_to_bytes() is on its way
  Timers::Token keeping_to_bytes_ = 0;
  std::multiset<Id> ending_;  // are being closed; not in sessions_ any more, but for a newer one
  Condition has_ended_;
  Gate gate_;
};

}  // namespace cairn::p9
