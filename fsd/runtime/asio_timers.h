#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "fsd/runtime/runtime.h"

namespace cairn {

/// Timers of the real clock, whose work runs in the core.
///
/// One asio timer for all, moved only to earlier moments: each commit schedules a timer seconds
/// ahead and cancels it again, and asio would wake the io thread for either, in the middle of the
/// commit. A timer that fires too early looks, and is set again.
///
/// Lifetime: clear() when the io threads have ended, before it goes.   Threads: core only.
class AsioTimers final : public Timers {
 public:
  AsioTimers(boost::asio::io_context& io, Strand& core) : timer_(io), core_(core) {}

  Token schedule(Duration after, Work work) override;
  bool cancel(Token token) override;
  void clear();

 private:
  using Moment = std::chrono::steady_clock::time_point;
  void arm();
  void fire();

  boost::asio::steady_timer timer_;
  std::optional<Moment> armed_;  // when timer_ fires
  Strand& core_;
  std::map<std::pair<Moment, Token>, Work> queue_;
  std::unordered_map<Token, Moment> moments_;
  Token last_ = 0;
};

}  // namespace cairn
