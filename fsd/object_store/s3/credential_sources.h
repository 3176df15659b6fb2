#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "fsd/object_store/s3/credentials.h"

namespace cairn::object_store::s3 {

/// "2026-01-31T12:00:00Z", with or without a fraction; nothing for other texts.
[[nodiscard]] std::optional<Duration> parse_utc(std::string_view text);
/// The JSON that containers', instances' and processes' credentials come in.
/// Fails with: kBadCredentials.
[[nodiscard]] Result<Credentials> parse_credentials_json(std::string_view json);
/// The XML of AssumeRoleWithWebIdentity. Fails with: kBadCredentials.
[[nodiscard]] Result<Credentials> parse_sts_reply(std::string_view xml);
/// True if the secret token of a container may be sent there: by TLS, or to this machine or link.
[[nodiscard]] bool is_trusted_container_url(std::string_view url);

/// Asks each place where credentials may be, in order. A place that is not configured is passed
/// over; one that is and fails ends the search.
/// Lifetime: lives in its caller's frame.   Threads: core only; files are read in the pool.
class CredentialSources {
 public:
  CredentialSources(Runtime& runtime, CurlEngine& engine, const CredentialsConfig& config)
      : runtime_(runtime), engine_(engine), config_(config) {}
  Task<Result<Credentials>> load();

 private:
  using Found = Result<std::optional<Credentials>>;
  Task<Result<Credentials>> search();
  Found from_configuration() const;
  Found from_environment() const;
  Task<Found> from_web_identity();
  Task<Found> from_profile();
  Task<Found> from_container();
  Task<Found> from_instance();
  Task<Result<Credentials>> from_instance_role(std::string origin, std::string token);
  Task<Result<HttpResponse>> send(HttpRequest request);
  Task<std::optional<std::string>> read_file(std::string path);
  [[nodiscard]] std::optional<std::string> variable(const char* name) const;

  Runtime& runtime_;
  CurlEngine& engine_;
  const CredentialsConfig& config_;
};

}  // namespace cairn::object_store::s3
