#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "protocol/resume/frames.h"

namespace cairn::resume {

/// The client's half of cairn.resume.v1, without its connection: takes a guest's 9P requests, gives
/// it their replies, and brings both over dropped connections and crashes of the server. Of 9P it
/// knows the head of a message, Rversion's msize and Rlerror.
///
/// Whoever owns it connects, again and again, and tells it so; it asks for frames to be sent.
/// Lifetime: the functions are called from inside of its own.   Threads: one at a time.
class Client {
 public:
  struct Options {
    /// Requests that were answered and are not durable yet are kept, to be sent again after a
    /// crash. From half of this on the server is asked to make them durable; past all of it, new
    /// requests wait.
    std::size_t kept_bytes_max = 64U << 20;
  };
  struct Events {
    std::function<void(std::string frame)> send;     // on the connection there is
    std::function<void(std::string message)> reply;  // for the guest
  };
  /// What happened to the session, for people.
  struct Counts {
    std::uint64_t resumed = 0;     // dropped connections that the session survived
    std::uint64_t rebuilt = 0;     // ... and servers
    std::uint64_t sent_again = 0;  // changes that a crash had undone
    std::uint64_t lost = 0;        // ... that could not be done again: their files answer EIO
    std::uint64_t stale = 0;       // fids and locks that could not be brought back
  };

  Client(Options options, Events events);

  /// A whole 9P request of the guest's. Tags are the guest's affair.
  void request(std::string message);
  /// There is a new connection: says Hello.
  void on_connected();
  void on_disconnected() { connected_ = welcomed_ = commit_asked_ = false; }
  /// False: this is no server of ours, or it is not where it was; close the connection.
  bool on_frame(std::string_view frame);
  /// The session is not to be kept.
  void say_goodbye();
  /// After on_frame() has returned false on the first frame, or a server has closed the connection
  /// instead of a Welcome: the next Hello asks for a new session, and all state is brought to it.
  void begin_anew();

  /// All zero before the first Welcome.
  [[nodiscard]] const SessionId& id() const { return id_; }
  [[nodiscard]] const Counts& counts() const { return counts_; }
  /// Requests without an answer.
  [[nodiscard]] std::size_t unanswered() const { return sent_.size() + queued_.size(); }
  /// Changes that a crash of the server may undo, and that would be sent again then.
  [[nodiscard]] std::size_t undurable() const { return changes_.size(); }
  [[nodiscard]] bool is_connected() const { return welcomed_; }

 private:
  enum class Kind : std::uint8_t { kRequest, kReplay, kRestore };
  struct Sent {
    Kind kind = Kind::kRequest;
    std::string message;  // of a Restore, the whole frame
    Mark first{};         // of a Replay: which change
  };
  struct KeptChange {
    Mark mark{};  // when it was done last
    std::string redo;
    std::string message;
  };

  void send_numbered(std::uint64_t number, const Sent& sent);
  void send_new(Sent sent);
  void send_state();
  void pump();
  [[nodiscard]] bool is_full() const { return changes_bytes_ > options_.kept_bytes_max; }
  bool on_welcome(const Welcome& welcome);
  void rebuild(const Welcome& welcome);
  void take_kept(const Welcome& welcome);
  bool on_reply(const Reply& reply);
  void on_answer(const Reply& reply, Sent sent, bool is_durable);
  void on_durable(const Durable& durable);
  void keep(const Mark& first, KeptChange change);
  void ask_for_commit();
  void forget(const Mark& first);
  void apply(const std::vector<Item>& items);
  void answer_with_error(const std::string& request, std::uint32_t ecode);
  void acknowledge(std::size_t bytes);

  const Options options_;
  const Events events_;
  SessionId id_{};
  Durable began_;
  bool connected_ = false;
  bool welcomed_ = false;
  bool commit_asked_ = false;
  std::uint64_t last_sent_ = 0;
  std::uint64_t received_ = 0;
  std::size_t unacknowledged_frames_ = 0;
  std::size_t unacknowledged_bytes_ = 0;
  std::uint32_t message_bytes_max_ = 0;
  std::map<std::uint64_t, Sent> sent_;  // numbered and not answered
  std::deque<std::string> queued_;      // requests without a number yet
  /// Answered, not known to be durable; by when they were done first, since that is their order,
  /// however often they are done again.
  std::map<Mark, KeptChange> changes_;
  std::map<Mark, Mark> first_marks_;  // by when they were done last
  std::size_t changes_bytes_ = 0;
  std::map<std::string, std::string, std::less<>> items_;
  Counts counts_;
};

}  // namespace cairn::resume
