#include "fsd/frontends/web/throttle.h"

#include <algorithm>

namespace cairn::web {
namespace {

constexpr int kFreeGuesses = 3;
constexpr int kDoublingsMax = 6;
constexpr Duration kFirstWait = std::chrono::seconds(1);
constexpr Duration kWaitMax = std::chrono::minutes(1);
/// Who has not guessed for so long begins anew.
constexpr Duration kMemory = std::chrono::minutes(15);

}  // namespace

Duration Throttle::wait(const std::string& who, Duration now) const {
  const auto found = guessers_.find(who);
  const bool is_other = found == guessers_.end() && guessers_.size() >= guessers_max_;
  if (found == guessers_.end() && !is_other) return {};
  const Guesser& guesser = is_other ? others_ : found->second;
  return std::max(guesser.next_try - now, Duration{});
}

void Throttle::on_wrong(const std::string& who, Duration now) {
  if (!guessers_.contains(who) && guessers_.size() >= guessers_max_) forget_old(now);
  const bool is_other = !guessers_.contains(who) && guessers_.size() >= guessers_max_;
  Guesser& guesser = is_other ? others_ : guessers_[who];
  if (now - guesser.next_try > kMemory) guesser.wrong = 0;
  ++guesser.wrong;
  guesser.next_try = now;
  if (guesser.wrong <= kFreeGuesses) return;
  const int doublings = std::min(guesser.wrong - kFreeGuesses - 1, kDoublingsMax);
  guesser.next_try += std::min(kFirstWait * (1 << doublings), kWaitMax);
}

void Throttle::forget_old(Duration now) {
  std::erase_if(guessers_,
                [now](const auto& entry) { return now - entry.second.next_try > kMemory; });
}

}  // namespace cairn::web
