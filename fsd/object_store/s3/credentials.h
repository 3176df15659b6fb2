#pragma once

#include <memory>
#include <optional>
#include <string>

#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/object_store/s3/aws_profile.h"
#include "fsd/object_store/s3/curl_engine.h"
#include "fsd/runtime/await.h"
#include "fsd/runtime/runtime.h"

namespace cairn::object_store::s3 {

/// What requests are signed with.
struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;        // empty for long-lived keys
  std::optional<Duration> expires;  // since 1970; never, if nothing
  std::string source;               // where they are from, for people
};
using CredentialsPtr = std::shared_ptr<const Credentials>;

struct CredentialsConfig {
  std::string access_key_id;  // given: nothing else is asked
  std::string secret_access_key;
  std::string session_token;
  std::string profile;               // given: goes before the environment's keys
  std::string region = "us-east-1";  // of the STS that web identities are shown to
  Environment environment = process_environment();
  std::string container_origin = "http://169.254.170.2";
};

/// Finds credentials as AWS's own tools do, keeps them, and gets new ones in the background from
/// kRefreshBefore their end on; requests go on with the old ones for as long as these are valid.
/// The order: configuration, environment, web identity, profile, container, instance metadata.
/// Lifetime: runtime and engine outlive it; stop() before it goes.   Threads: core only.
/// Fails with: kBadCredentials (none found, or what was found is unusable), kUnavailable (a service
/// that hands them out does not answer), kAccessDenied (it refuses), kCancelled.
class CredentialChain {
 public:
  CredentialChain(Runtime& runtime, CurlEngine& engine, CredentialsConfig config);

  /// Those at hand, if they need no waiting; null otherwise. Starts a refresh that is due.
  [[nodiscard]] CredentialsPtr current();
  Task<Result<CredentialsPtr>> get();
  /// The store refused `used`: others, if a look at the sources (at most one each kRetryAfter)
  /// brings some; else null.
  Task<CredentialsPtr> replacement(CredentialsPtr used);
  /// Waits for a refresh under way; the engine's stop() ends it soon.
  Task<> stop();

  static constexpr Duration kRefreshBefore = std::chrono::minutes(5);
  static constexpr Duration kRetryAfter = std::chrono::seconds(5);

 private:
  [[nodiscard]] bool usable() const;
  [[nodiscard]] bool asked_lately() const;
  [[nodiscard]] bool due() const;
  void begin_refresh();
  Task<> refresh();

  Runtime& runtime_;
  CurlEngine& engine_;
  const CredentialsConfig config_;
  CredentialsPtr current_;
  std::optional<Error> trouble_;          // of the last refresh
  std::optional<Duration> last_refresh_;  // monotonic
  bool refreshing_ = false;
  Condition refreshed_;
  Gate gate_;
};

}  // namespace cairn::object_store::s3
