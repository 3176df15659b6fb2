#include "fsd/object_store/retrying_store.h"

#include <algorithm>
#include <utility>

#include "fsd/base/check.h"
#include "fsd/base/log.h"

namespace cairn::object_store {
namespace {

constexpr int kDoublingsMax = 30;
constexpr Duration kOutageToldAfter = std::chrono::seconds(8);  // at the latest

bool is_refusal_of_credentials(const Error& error) {
  return is(error, StoreErrc::kAccessDenied) || is(error, StoreErrc::kBadCredentials);
}

bool says_what_is_there(const Error& error) {
  return is(error, StoreErrc::kNotFound) || is(error, StoreErrc::kPreconditionFailed);
}

long long whole_seconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

}  // namespace

RetryingStore::RetryingStore(ObjectStore& inner, Runtime& runtime, Options options)
    : inner_(inner), runtime_(runtime), options_(std::move(options)) {
  CHECK(options_.delay_first > Duration::zero());
}

Task<Result<Object>> RetryingStore::get(std::string key, ByteRange range) {
  auto send = [this, &key, range] { return inner_.get(key, range); };
  co_return co_await repeat<Object>({.verb = "GET", .key = key}, send);
}

Task<Result<std::string>> RetryingStore::put(std::string key, SharedBytes body,
                                             PutCondition condition) {
  auto send = [this, &key, &body, &condition] { return inner_.put(key, body, condition); };
  co_return co_await repeat<std::string>({.verb = "PUT", .key = key}, send);
}

Task<Result<void>> RetryingStore::remove(std::string key) {
  auto send = [this, &key] { return inner_.remove(key); };
  co_return co_await repeat<void>({.verb = "DELETE", .key = key}, send);
}

Task<Result<ListPage>> RetryingStore::list(std::string prefix, std::string start_after,
                                           std::uint32_t limit) {
  auto send = [this, &prefix, &start_after, limit] {
    return inner_.list(prefix, start_after, limit);
  };
  co_return co_await repeat<ListPage>({.verb = "LIST", .key = prefix}, send);
}

template <class T, class Send>
Task<Result<T>> RetryingStore::repeat(Request asked, Send send) {
  asked.begun = runtime_.clock.monotonic();
  Listed listed(requests_, asked);
  Request& request = *listed;
  for (;;) {
    if (stopped_ && request.failures > 0) co_return Error(StoreErrc::kCancelled, "");
    Result<T> answer = co_await send();
    if (answer.has_value()) {
      on_answer();
      co_return answer;
    }
    const std::optional<Duration> delay = next_delay(request, answer.error());
    if (!delay) {
      // Who asked is not to ask again either, as one does for ever who must get something into the
      // store, or must know whether it is there.
      if (stopped_ && !says_what_is_there(answer.error())) {
        co_return Error(StoreErrc::kCancelled, "");
      }
      // "No such object" is an answer as well; "the store does not answer" is none.
      if (!may_retry(answer.error()) && !is(answer.error(), StoreErrc::kCancelled)) on_answer();
      co_return answer;
    }
    ++request.failures;
    on_failure(request, answer.error());
    const bool again = co_await pause(*delay);
    if (!again) co_return Error(StoreErrc::kCancelled, "");
  }
}

std::optional<Duration> RetryingStore::next_delay(const Request& request, const Error& error) {
  const bool refused = is_refusal_of_credentials(error);
  if (stopped_) return std::nullopt;
  if (!may_retry(error) && !(refused && options_.patient)) return std::nullopt;
  const Duration delay_max = refused ? options_.patient_delay_max : options_.delay_max;
  Duration bound = options_.delay_first;
  for (int i = 0; i < std::min(request.failures, kDoublingsMax) && bound < delay_max; ++i) {
    bound *= 2;
  }
  bound = std::min(bound, delay_max);
  Duration delay(runtime_.random.below(static_cast<std::uint64_t>(bound.count())) + 1);
  if (refused) delay = std::max(delay, bound / 2);
  if (!options_.soft_timeout) return delay;
  const Duration left = request.begun + *options_.soft_timeout - runtime_.clock.monotonic();
  if (left <= Duration::zero()) return std::nullopt;
  return std::min(delay, left);
}

Task<bool> RetryingStore::pause(Duration delay) {
  Wake wake;
  Timers::Token token{};
  // The token is known before the timer can fire: both happen in the core.
  token = runtime_.timers.schedule(delay, [this, &wake, &token] {
    sleepers_.erase(token);
    wake.set(true);
  });
  sleepers_.emplace(token, &wake);
  ++waiting_;
  const bool again = co_await wake;
  --waiting_;
  co_return again;
}

void RetryingStore::stop() {
  stopped_ = true;
  auto sleepers = std::exchange(sleepers_, {});
  for (auto& [token, wake] : sleepers) {
    const bool cancelled = runtime_.timers.cancel(token);
    CHECK(cancelled);
  }
  for (auto& [token, wake] : sleepers) wake->set(false);
}

void RetryingStore::on_failure(const Request& request, const Error& error) {
  const Duration now = runtime_.clock.monotonic();
  if (!away_since_) {
    away_since_ = std::max(last_answer_, request.begun);
    failing_since_ = now;
  }
  last_failure_ = error.message();
  const bool is_news = !told_away_ && now - failing_since_ >= kOutageToldAfter;
  if (!is_news && last_report_ && now - *last_report_ < options_.report_interval) return;
  last_report_ = now;
  if (!told_away_) {
    told_away_ = true;
    say("the store " + description() + " fails: " + last_failure_ + "; trying again");
    return;
  }
  say("the store " + description() + " does not answer since " +
      std::to_string(whole_seconds(now - *away_since_)) + " s, " + std::to_string(waiting_ + 1) +
      " requests wait; last failure: " + last_failure_);
}

void RetryingStore::on_answer() {
  last_answer_ = runtime_.clock.monotonic();
  if (!away_since_) return;
  const Duration lasted = last_answer_ - *away_since_;
  away_since_.reset();
  if (!std::exchange(told_away_, false)) return;
  say("the store " + description() + " answers again after " +
      std::to_string(whole_seconds(lasted)) + " s");
}

void RetryingStore::say(const std::string& sentence) {
  if (options_.report) {
    options_.report(sentence);
  } else {
    log::warn("{}", sentence);
  }
}

std::optional<RetryingStore::Outage> RetryingStore::outage() const {
  if (!away_since_) return std::nullopt;
  return Outage{.lasts = runtime_.clock.monotonic() - *away_since_,
                .waiting = waiting_,
                .last_failure = last_failure_};
}

std::optional<RetryingStore::Unanswered> RetryingStore::unanswered() const {
  if (requests_.empty()) return std::nullopt;
  const Duration now = runtime_.clock.monotonic();
  const Request& oldest = requests_.front();
  return Unanswered{.requests = requests_.size(),
                    .silence = now - std::max(last_answer_, oldest.begun),
                    .oldest = now - oldest.begun,
                    .oldest_name = std::string(oldest.verb) + " " + std::string(oldest.key),
                    .oldest_failures = oldest.failures};
}

}  // namespace cairn::object_store
