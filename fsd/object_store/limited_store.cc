#include "fsd/object_store/limited_store.h"

#include <algorithm>
#include <utility>

#include "fsd/base/check.h"

namespace cairn::object_store {
namespace {

constexpr std::uint64_t kPieceBytesMin = 16U << 10U;
constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

Duration time_for(std::uint64_t bytes, std::uint64_t bytes_per_s) {
  return Duration(static_cast<Duration::rep>(static_cast<double>(bytes) *
                                             static_cast<double>(kNanosecondsPerSecond) /
                                             static_cast<double>(bytes_per_s)));
}

/// Large enough that a fast link does not live on timers: 2 ms each.
std::uint64_t piece_bytes(std::uint64_t bytes_per_s) {
  return std::max(kPieceBytesMin, bytes_per_s / 500);
}

}  // namespace

LimitedStore::LimitedStore(ObjectStore& inner, Runtime& runtime, Options options)
    : inner_(inner), runtime_(runtime), options_(options) {
  CHECK(options_.concurrent_max > 0);
  up_.bytes_per_s = options_.up_bytes_per_s;
  down_.bytes_per_s = options_.down_bytes_per_s;
}

Task<> LimitedStore::enter() {
  if (running_ < options_.concurrent_max) {
    ++running_;
    co_return;
  }
  OneShot<bool> turn;
  queue_.push_back(&turn);
  co_await turn;  // leave() hands its own place over
}

void LimitedStore::leave() {
  if (queue_.empty()) {
    --running_;
    return;
  }
  OneShot<bool>* next = queue_.front();
  queue_.pop_front();
  // Queued and not on the spot: a row of requests that end at once would grow the stack.
  runtime_.core.dispatch([next] { next->set(true); });
}

Task<> LimitedStore::transfer(Link& link, std::uint64_t bytes) {
  if (link.bytes_per_s == 0) co_return;
  const std::uint64_t piece_max = piece_bytes(link.bytes_per_s);
  while (bytes > 0) {
    const std::uint64_t piece = std::min(bytes, piece_max);
    bytes -= piece;
    const Duration now = runtime_.clock.monotonic();
    link.free_at = std::max(link.free_at, now) + time_for(piece, link.bytes_per_s);
    co_await SleepFor(runtime_.timers, link.free_at - now);
  }
}

Task<> LimitedStore::wait_latency() {
  if (options_.latency > Duration::zero()) co_await SleepFor(runtime_.timers, options_.latency);
}

Task<Result<Object>> LimitedStore::get(std::string key, ByteRange range) {
  co_await enter();
  co_await wait_latency();
  Result<Object> answer = co_await inner_.get(std::move(key), range);
  if (answer) co_await transfer(down_, answer->body.size());
  leave();
  co_return answer;
}

Task<Result<std::string>> LimitedStore::put(std::string key, SharedBytes body,
                                            PutCondition condition) {
  co_await enter();
  co_await transfer(up_, body.size());
  co_await wait_latency();
  Result<std::string> answer =
      co_await inner_.put(std::move(key), std::move(body), std::move(condition));
  leave();
  co_return answer;
}

Task<Result<void>> LimitedStore::remove(std::string key) {
  co_await enter();
  co_await wait_latency();
  Result<void> answer = co_await inner_.remove(std::move(key));
  leave();
  co_return answer;
}

Task<Result<ListPage>> LimitedStore::list(std::string prefix, std::string start_after,
                                          std::uint32_t limit) {
  co_await enter();
  co_await wait_latency();
  Result<ListPage> answer = co_await inner_.list(std::move(prefix), std::move(start_after), limit);
  leave();
  co_return answer;
}

}  // namespace cairn::object_store
