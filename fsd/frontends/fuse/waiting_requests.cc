#include "fsd/frontends/fuse/waiting_requests.h"

#include "fsd/frontends/fuse/dying_thread.h"
#include "fsd/frontends/fuse/request.h"
#include "fsd/runtime/await.h"

namespace cairn::fuse {

void WaitingRequests::add(Request& request) { request.insert_before(requests_); }

void WaitingRequests::watch() {
  if (watching_) return;
  watching_ = true;
  timer_ = runtime_.timers.schedule(kPeriod, [this] { on_timer(); });
}

void WaitingRequests::stop() {
  if (watching_) runtime_.timers.cancel(timer_);
  watching_ = false;
}

Request* WaitingRequests::find(std::uint64_t unique) {
  for (Link* link = requests_.next(); link != &requests_; link = link->next()) {
    auto& request = static_cast<Request&>(*link);
    if (request.unique() == unique) return &request;
  }
  return nullptr;
}

void WaitingRequests::on_interrupt(std::uint64_t unique) {
  Request* request = find(unique);
  if (request != nullptr && is_dying(request->thread())) request->abandon();
}

/// Looks at those that were there half a second ago.
void WaitingRequests::on_timer() {
  watching_ = false;
  std::vector<Suspect> suspects;
  bool some = false;
  for (Link* link = requests_.next(); link != &requests_; link = link->next()) {
    auto& request = static_cast<Request&>(*link);
    if (!request.is_waiting()) continue;
    some = true;
    if (request.is_old()) suspects.push_back({request.unique(), request.thread()});
    request.set_old();
  }
  if (!some) return;
  if (suspects.empty()) {
    watch();
  } else {
    look_at(std::move(suspects)).detach();
  }
}

std::vector<std::uint64_t> WaitingRequests::dying(const std::vector<Suspect>& suspects) {
  std::vector<std::uint64_t> found;
  for (const Suspect& suspect : suspects) {
    if (is_dying(suspect.thread)) found.push_back(suspect.unique);
  }
  return found;
}

Task<> WaitingRequests::look_at(std::vector<Suspect> suspects) {
  watching_ = true;  // without a timer; nobody stops us while `busy_` counts
  busy_.fetch_add(1);
  const auto found =
      co_await RunOn(runtime_.pool, runtime_.core, [&suspects] { return dying(suspects); });
  for (const std::uint64_t unique : found) {
    if (Request* request = find(unique)) request->abandon();
  }
  watching_ = false;
  watch();
  busy_.fetch_sub(1);
}

}  // namespace cairn::fuse
