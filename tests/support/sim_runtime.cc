#include "tests/support/sim_runtime.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace cairn::testing {
namespace {

std::uint64_t splitmix(std::uint64_t& state) {
  state += 0x9E3779B97F4A7C15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

constexpr std::uint64_t kLivelockEvents = 50'000'000;

}  // namespace

SeededRandom::SeededRandom(std::uint64_t seed) {
  for (auto& word : state_) word = splitmix(seed);
}

std::uint64_t SeededRandom::step() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

void SeededRandom::fill(MutableByteView bytes) {
  while (!bytes.empty()) {
    const std::uint64_t word = step();
    const std::size_t length = std::min(bytes.size(), sizeof word);
    std::memcpy(bytes.data(), &word, length);
    bytes = bytes.subspan(length);
  }
}

SimRuntime::SimRuntime(std::uint64_t seed, Options options)
    : options_(options),
      order_random_(seed * 3 + 1),
      code_random_(seed * 3 + 2),
      test_random_(seed * 3 + 3) {}

void SimRuntime::note(std::uint64_t value) {
  std::uint64_t mixed = history_ ^ value;
  history_ = splitmix(mixed);
}

SimRuntime::EventKey SimRuntime::add_event(Duration at, Work work) {
  // A drawn rank is what shuffles events of one moment; two equal ranks are drawn again.
  for (;;) {
    const EventKey key(at, order_random_.next());
    if (events_.contains(key)) continue;
    events_.emplace(key, std::move(work));
    return key;
  }
}

void SimRuntime::SimExecutor::post(Work work) {
  const auto bound = static_cast<std::uint64_t>(sim.options_.pool_delay_max.count()) + 1;
  const Duration delay(static_cast<Duration::rep>(sim.order_random_.below(bound)));
  if (!in_order) {
    sim.add_event(sim.now_ + delay, std::move(work));
    return;
  }
  last = std::max(last, sim.now_ + delay);
  queue.push_back(std::move(work));
  sim.add_event(last, [this] {
    Work front = std::move(queue.front());
    queue.pop_front();
    front();
  });
}

Timers::Token SimRuntime::SimTimers::schedule(Duration after, Work work) {
  const Token token = ++last;
  const Duration at = sim.now_ + std::max(after, Duration::zero());
  keys[token] = sim.add_event(at, [this, token, work = std::move(work)]() mutable {
    keys.erase(token);
    sim.core_.dispatch(std::move(work));
  });
  return token;
}

bool SimRuntime::SimTimers::cancel(Token token) {
  auto found = keys.find(token);
  if (found == keys.end()) return false;
  sim.events_.erase(found->second);
  keys.erase(found);
  return true;
}

bool SimRuntime::run_one() {
  CHECK(!core_.inside());
  if (events_.empty()) return false;
  auto node = events_.extract(events_.begin());
  now_ = std::max(now_, node.key().first);
  note(static_cast<std::uint64_t>(now_.count()));
  note(node.key().second);
  node.mapped()();
  return true;
}

void SimRuntime::run_ready() {
  for (std::uint64_t ran = 0; !events_.empty() && events_.begin()->first.first <= now_; ++ran) {
    CHECK(ran < kLivelockEvents);
    run_one();
  }
}

void SimRuntime::run_until_idle() {
  for (std::uint64_t ran = 0; run_one(); ++ran) CHECK(ran < kLivelockEvents);
}

void SimRuntime::run_for(Duration duration) {
  const Duration end = now_ + duration;
  while (!events_.empty() && events_.begin()->first.first <= end) run_one();
  now_ = end;
}

void SimRuntime::in_core(Work work) {
  CHECK(!core_.inside());
  bool ran = false;
  core_.dispatch([&] {
    work();
    ran = true;
  });
  while (!ran) CHECK(run_one());  // the strand was waiting for its backstop
}

}  // namespace cairn::testing
