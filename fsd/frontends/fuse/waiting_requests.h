#pragma once

#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "fsd/base/task.h"
#include "fsd/runtime/runtime.h"

namespace cairn::fuse {

class Request;

/// A link of a ring of links. Moving one puts the new one in its place; its end takes it out.
class Link {
 public:
  Link() = default;
  Link(Link&& other) noexcept {
    if (!other.linked()) return;
    insert_before(other);
    other.unlink();
  }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  Link& operator=(Link&&) = delete;
  ~Link() { unlink(); }

  [[nodiscard]] bool linked() const { return next_ != this; }
  [[nodiscard]] Link* next() const { return next_; }
  void insert_before(Link& other) {
    next_ = &other;
    previous_ = std::exchange(other.previous_, this);
    previous_->next_ = this;
  }
  void unlink() {
    next_->previous_ = previous_;
    previous_->next_ = next_;
    next_ = previous_ = this;
  }

 private:
  Link* next_ = this;
  Link* previous_ = this;
};

/// The requests that are under way in the core, so that a process which is killed need not wait
/// for them.
///
/// The kernel lets a killed process go only when its request is answered. It says that a signal has
/// come (an interrupt), but not which, and it says so once: whether the process is to die has to be
/// looked up (dying_thread.h), and looked up again for as long as it waits, since a harmless signal
/// may have come first. Over io_uring an interrupt that comes while the kernel hands a request over
/// is not sent at all. So there is a timer while something waits, and none otherwise.
///
/// Lifetime: outlives its requests; the runtime outlives it.   Threads: core only.
class WaitingRequests {
 public:
  /// `busy` counts a look that is under way as a request: whoever waits for those waits for it too.
  WaitingRequests(Runtime& runtime, std::atomic<std::uint64_t>& busy)
      : runtime_(runtime), busy_(busy) {}
  WaitingRequests(const WaitingRequests&) = delete;
  WaitingRequests& operator=(const WaitingRequests&) = delete;

  void add(Request& request);
  /// Something that was added has begun to wait.
  void watch();
  /// A signal came for the thread that made this request.
  void on_interrupt(std::uint64_t unique);
  /// Nothing waits any more, and nothing will.
  void stop();

  static constexpr Duration kPeriod = std::chrono::milliseconds(500);

 private:
  struct Suspect {
    std::uint64_t unique = 0;
    int thread = 0;
  };
  static std::vector<std::uint64_t> dying(const std::vector<Suspect>& suspects);

  Request* find(std::uint64_t unique);
  void on_timer();
  Task<> look_at(std::vector<Suspect> suspects);

  Runtime& runtime_;
  std::atomic<std::uint64_t>& busy_;
  Link requests_;  // all but this one are Requests
  bool watching_ = false;
  Timers::Token timer_ = 0;  // while watching_ and no look is under way
};

}  // namespace cairn::fuse
