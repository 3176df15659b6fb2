#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "fsd/base/clock.h"
#include "fsd/base/random.h"
#include "fsd/frontends/web/limits.h"
#include "fsd/frontends/web/throttle.h"

namespace cairn::web {

/// The password, and who has shown that he knows it. What is kept of secrets are hashes with a key
/// that is drawn at the start; comparing takes the same time wherever they differ. Logins are in
/// memory: they end with the daemon.
/// Threads: core only.
class Logins {
 public:
  /// Names a login without being of use to who learns it.
  using Key = std::array<std::uint8_t, 32>;
  enum class Kind : std::uint8_t { kCookie, kToken };
  enum class Answer : std::uint8_t { kRight, kWrong, kTooSoon };

  Logins(Clock& clock, Random& random, const std::optional<std::string>& password,
         const Limits& limits);

  [[nodiscard]] bool has_password() const { return password_.has_value(); }
  /// `who` is whom wrong ones are counted for. Too soon: it was not even looked at.
  Answer try_password(std::string_view password, const std::string& who);
  [[nodiscard]] Duration wait(const std::string& who) const;
  /// A new login's id: 256 bits in hex, unguessable. It is good for this owner alone.
  std::string open(Kind kind, std::string owner);
  /// True: the id is of a login of this kind and owner, which is kept alive by that.
  bool use(Kind kind, std::string_view id, std::string_view owner);
  void close(Kind kind, std::string_view id);
  [[nodiscard]] Key key_of(std::string_view id) const { return hash(id); }
  [[nodiscard]] bool has(const Key& key) const { return logins_.contains(key); }
  [[nodiscard]] std::size_t size() const { return logins_.size(); }
  [[nodiscard]] Duration idle_max() const { return idle_max_; }

 private:
  using Hash = Key;
  struct Login {
    Kind kind;
    std::string owner;
    Duration last_use;
  };
  [[nodiscard]] Hash hash(std::string_view secret) const;
  void make_room();

  Clock& clock_;
  Random& random_;
  const std::size_t logins_max_;
  const Duration idle_max_;
  Hash key_{};
  std::optional<Hash> password_;
  std::map<Hash, Login> logins_;  // by the hash of the id: finding one tells nothing of others
  Throttle throttle_;
};

}  // namespace cairn::web
