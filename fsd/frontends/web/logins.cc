#include "fsd/frontends/web/logins.h"

#include <sodium.h>

#include <algorithm>

#include "fsd/base/check.h"
#include "fsd/base/hex.h"

namespace cairn::web {

Logins::Logins(Clock& clock, Random& random, const std::optional<std::string>& password,
               const Limits& limits)
    : clock_(clock),
      random_(random),
      logins_max_(limits.logins_max),
      idle_max_(limits.login_idle_max),
      throttle_(limits.wrong_passwords_kept_max) {
  CHECK(sodium_init() >= 0);
  random_.fill(key_);
  if (password) password_ = hash(*password);
}

Logins::Hash Logins::hash(std::string_view secret) const {
  Hash out;
  CHECK(crypto_generichash(out.data(), out.size(),
                           reinterpret_cast<const unsigned char*>(secret.data()), secret.size(),
                           key_.data(), key_.size()) == 0);
  return out;
}

Duration Logins::wait(const std::string& who) const {
  return throttle_.wait(who, clock_.monotonic());
}

Logins::Answer Logins::try_password(std::string_view password, const std::string& who) {
  if (wait(who) > Duration{}) return Answer::kTooSoon;
  const Hash tried = hash(password);
  if (password_ && sodium_memcmp(tried.data(), password_->data(), tried.size()) == 0) {
    throttle_.on_right(who);
    return Answer::kRight;
  }
  throttle_.on_wrong(who, clock_.monotonic());
  return Answer::kWrong;
}

std::string Logins::open(Kind kind, std::string owner) {
  make_room();
  Hash id;
  random_.fill(id);
  std::string text = to_hex(id);
  logins_.insert_or_assign(
      hash(text), Login{.kind = kind, .owner = std::move(owner), .last_use = clock_.monotonic()});
  return text;
}

void Logins::make_room() {
  const Duration now = clock_.monotonic();
  std::erase_if(logins_,
                [&](const auto& entry) { return now - entry.second.last_use > idle_max_; });
  while (logins_.size() >= logins_max_) {
    logins_.erase(std::ranges::min_element(
        logins_, {}, [](const auto& entry) { return entry.second.last_use; }));
  }
}

bool Logins::use(Kind kind, std::string_view id, std::string_view owner) {
  const auto found = logins_.find(hash(id));
  if (found == logins_.end() || found->second.kind != kind || found->second.owner != owner) {
    return false;
  }
  const Duration now = clock_.monotonic();
  if (now - found->second.last_use > idle_max_) {
    logins_.erase(found);
    return false;
  }
  found->second.last_use = now;
  return true;
}

void Logins::close(Kind kind, std::string_view id) {
  const auto found = logins_.find(hash(id));
  if (found != logins_.end() && found->second.kind == kind) logins_.erase(found);
}

}  // namespace cairn::web
