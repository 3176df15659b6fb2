#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "fsd/frontends/ninep/call.h"
#include "fsd/runtime/await.h"

namespace cairn::p9 {

/// Watches over what becomes of a session's requests, and takes its replies.
/// Threads: core only.
class SessionWitness {
 public:
  virtual ~SessionWitness() = default;
  /// Before anything of it is done; not of Tversion and Tflush.
  virtual void on_begin(Call& call) = 0;
  /// It has done its work, and its reply is made: in the same transaction, before anything else.
  /// True: the reply has to wait for make_durable().
  virtual bool on_done(Call& call) = 0;
  virtual Task<> make_durable() = 0;
  /// The reply, a whole message; empty if it was ended without one.
  virtual void on_end(Call& call, std::string reply) = 0;
};

/// One client's session: its requests in, its replies out, whatever carries them. PROTOCOL.md says
/// what each message does, and what we decide where the protocol leaves it open.
/// Lifetime: close() must have ended before it goes.   Threads: core only.
class Session {
 public:
  /// Takes a reply, a whole message.
  using Send = std::function<void(std::string message)>;

  /// `on_room` is called when has_room() has become true again.
  Session(Door& door, const Export& exported, Peer peer, Send send, std::function<void()> on_room);
  /// The same with a witness, which gets the replies.
  Session(Door& door, const Export& exported, Peer peer, SessionWitness& witness,
          std::function<void()> on_room);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Takes one whole message: as many bytes as its header says, at least kHeaderBytes and at most
  /// message_bytes_max(). An error: this is no client of 9P2000.L; close() is all that is left.
  /// `number` is for the witness.
  Result<void> receive(std::string message, std::uint64_t number = 0);
  [[nodiscard]] std::uint32_t message_bytes_max() const;
  /// More may be passed in: see Limits. What comes all the same is taken, too.
  [[nodiscard]] bool has_room() const;
  /// Ends what waits, waits for the rest, and gives back all that the session held.
  Task<> close();

  [[nodiscard]] const Peer& peer() const { return peer_; }
  /// For who brings a session's state back, before its first request.
  [[nodiscard]] SessionState& state() { return state_; }
  /// About how much memory it takes: its requests under way, fids, and what is to be told.
  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] bool is_idle() const { return calls_.empty(); }

 private:
  struct Held {
    std::string message;
    std::uint64_t number = 0;
  };
  Session(Door& door, const Export& exported, Peer peer, Send send, SessionWitness* witness,
          std::function<void()> on_room);
  Task<> run(CallRef call);
  Task<> restart(CallRef call, Tversion version);
  void flush(const CallRef& call, std::uint16_t old_tag);
  void cancel(CallRef call);
  void cancel_all_but(const Call* kept);
  void take_held();
  void finish(const CallRef& call, Result<void> result);
  void answer_flushes(const Call& ended);
  void leave(const Call& call);
  void send(Call& call, std::string reply);

  const Export& exported_;
  const Peer peer_;
  SessionState state_;
  const Send send_;
  SessionWitness* const witness_;
  const std::function<void()> on_room_;
  std::unordered_map<std::uint16_t, CallRef> calls_;  // by tag
  std::size_t call_bytes_ = 0;
  std::uint64_t next_token_;
  bool restarting_ = false;      // a Tversion waits for the requests before it
  std::vector<Held> held_;       // what came meanwhile
  std::optional<Error> broken_;  // what receive() says from now on
  bool closing_ = false;
  Condition calls_ended_;
};

}  // namespace cairn::p9
