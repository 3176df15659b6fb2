#include "fsd/runtime/asio_timers.h"

namespace cairn {

Timers::Token AsioTimers::schedule(Duration after, Work work) {
  const Token token = ++last_;
  const Moment moment = std::chrono::steady_clock::now() + after;
  queue_.emplace(std::pair(moment, token), std::move(work));
  moments_.emplace(token, moment);
  arm();
  return token;
}

bool AsioTimers::cancel(Token token) {
  const auto found = moments_.find(token);
  if (found == moments_.end()) return false;
  queue_.erase({found->second, token});
  moments_.erase(found);
  return true;
}

void AsioTimers::clear() {
  queue_.clear();
  moments_.clear();
}

void AsioTimers::arm() {
  if (queue_.empty()) return;
  const Moment first = queue_.begin()->first.first;
  if (armed_ && *armed_ <= first) return;
  armed_ = first;
  timer_.expires_at(first);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;  // moved to an earlier moment, or stopped
    core_.dispatch([this] { fire(); });
  });
}

void AsioTimers::fire() {
  const Moment now = std::chrono::steady_clock::now();
  armed_.reset();
  while (!queue_.empty() && queue_.begin()->first.first <= now) {
    auto first = queue_.extract(queue_.begin());
    moments_.erase(first.key().second);
    first.mapped()();
  }
  arm();
}

}  // namespace cairn
