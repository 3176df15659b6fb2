#pragma once

#include <map>
#include <string>

#include "fsd/base/clock.h"

namespace cairn::web {

/// Makes whoever guesses passwords wait: after three wrong ones a second, then twice as long each
/// time, up to a minute. Remembers a bounded number of guessers; all others together count as one.
/// Threads: one at a time.
class Throttle {
 public:
  explicit Throttle(std::size_t guessers_max) : guessers_max_(guessers_max) {}

  /// How long he has to wait yet; zero: he may try.
  [[nodiscard]] Duration wait(const std::string& who, Duration now) const;
  void on_wrong(const std::string& who, Duration now);
  void on_right(const std::string& who) { guessers_.erase(who); }
  [[nodiscard]] std::size_t guessers() const { return guessers_.size(); }

 private:
  struct Guesser {
    int wrong = 0;
    Duration next_try{};
  };
  void forget_old(Duration now);

  const std::size_t guessers_max_;
  std::map<std::string, Guesser> guessers_;
  Guesser others_;  // those that there was no room for
};

}  // namespace cairn::web
