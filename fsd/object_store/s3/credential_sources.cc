#include "fsd/object_store/s3/credential_sources.h"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>

#include "fsd/object_store/object_store.h"
#include "fsd/object_store/s3/credential_process.h"
#include "fsd/object_store/s3/s3_reply.h"
#include "fsd/object_store/s3/uri.h"

namespace cairn::object_store::s3 {
namespace {

constexpr std::size_t kReplyBytesMax = 256 << 10;
constexpr Duration kLinkTimeout = std::chrono::seconds(2);  // what is on this machine or link
constexpr Duration kServiceTimeout = std::chrono::seconds(15);

Error unusable(std::string detail) {
  return {StoreErrc::kBadCredentials, "no usable credentials", std::move(detail)};
}

std::string first_line(std::string_view text) {
  text = text.substr(0, text.find_first_of("\r\n"));
  while (text.ends_with(' ')) text.remove_suffix(1);
  return std::string(text);
}

/// A text of a JSON object; "" if it is not there, or is no text.
std::string text_of(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<Credentials> complete(Credentials found, const std::string& expiration) {
  if (found.access_key_id.empty() || found.secret_access_key.empty()) {
    return unusable("the answer lacks a key or its secret");
  }
  if (!expiration.empty()) {
    found.expires = parse_utc(expiration);
    if (!found.expires) return unusable("the answer's expiration '" + expiration + "' is no time");
  }
  return found;
}

Result<std::optional<Credentials>> keys_of_profile(const AwsProfile& profile, bool required) {
  Credentials found{profile.value("aws_access_key_id"), profile.value("aws_secret_access_key"),
                    profile.value("aws_session_token"), std::nullopt,
                    "the AWS profile '" + profile.name + "'"};
  if (!found.access_key_id.empty() && !found.secret_access_key.empty()) return found;
  const std::string command = profile.value("credential_process");
  if (!command.empty()) {
    TRY(const std::string output, run_credential_process(command));
    TRY(Credentials printed, parse_credentials_json(output));
    printed.source = found.source + " (credential_process)";
    return printed;
  }
  for (const char* key : {"role_arn", "sso_session", "sso_start_url"}) {
    if (profile.values.contains(key)) {
      return unusable("the AWS profile '" + profile.name + "' has " + key +
                      ", which is not supported: use credential_process, for example "
                      "'aws configure export-credentials --profile " +
                      profile.name + "'");
    }
  }
  if (!required) return std::nullopt;
  return unusable("the AWS profile '" + profile.name + "' " +
                  (profile.found ? "has no keys" : "does not exist"));
}

}  // namespace

std::optional<Duration> parse_utc(std::string_view text) {
  std::tm parts{};
  const std::string copy(text);
  const char* rest = strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  if (*rest == '.') rest += 1 + std::string_view(rest + 1).find_first_not_of("0123456789");
  if (std::string_view(rest) != "Z" && std::string_view(rest) != "+00:00") return std::nullopt;
  return std::chrono::seconds(timegm(&parts));
}

Result<Credentials> parse_credentials_json(std::string_view json) {
  const auto object = nlohmann::json::parse(json, nullptr, false);
  if (!object.is_object()) return unusable("the answer is no JSON object");
  Credentials found;
  found.access_key_id = text_of(object, "AccessKeyId");
  found.secret_access_key = text_of(object, "SecretAccessKey");
  found.session_token = text_of(object, "Token");  // "SessionToken" when a process prints it
  if (found.session_token.empty()) found.session_token = text_of(object, "SessionToken");
  return complete(std::move(found), text_of(object, "Expiration"));
}

Result<Credentials> parse_sts_reply(std::string_view xml) {
  pugi::xml_document document;
  const auto parsed = document.load_buffer(
      xml.data(), xml.size(), pugi::parse_minimal | pugi::parse_escapes, pugi::encoding_utf8);
  const pugi::xml_node node = document.child("AssumeRoleWithWebIdentityResponse")
                                  .child("AssumeRoleWithWebIdentityResult")
                                  .child("Credentials");
  if (!parsed || !node) return unusable("the answer of STS holds no credentials");
  Credentials found;
  found.access_key_id = node.child_value("AccessKeyId");
  found.secret_access_key = node.child_value("SecretAccessKey");
  found.session_token = node.child_value("SessionToken");
  return complete(std::move(found), node.child_value("Expiration"));
}

bool is_trusted_container_url(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::size_t path = url.find_first_of("/?#", scheme + 3);
  const auto endpoint = parse_endpoint(url.substr(0, path));
  if (!endpoint) return false;
  return endpoint->tls || endpoint->is_loopback() || endpoint->host == "169.254.170.2" ||
         endpoint->host == "169.254.170.23" || endpoint->host == "[fd00:ec2::23]";
}

Task<Result<Credentials>> CredentialSources::load() {
  CO_TRY(Credentials found, co_await search());
  for (const std::string* text :
       {&found.access_key_id, &found.secret_access_key, &found.session_token}) {
    const auto is_odd = [](char c) { return c <= 0x20 || c >= 0x7f; };
    if (std::any_of(text->begin(), text->end(), is_odd)) {
      co_return unusable("a key from " + found.source + " has blanks or other odd characters");
    }
  }
  co_return found;
}

Task<Result<Credentials>> CredentialSources::search() {
  CO_TRY(auto configured, from_configuration());
  if (configured) co_return *std::move(configured);
  if (config_.profile.empty()) {
    CO_TRY(auto environment, from_environment());
    if (environment) co_return *std::move(environment);
    CO_TRY(auto web_identity, co_await from_web_identity());
    if (web_identity) co_return *std::move(web_identity);
  }
  CO_TRY(auto profile, co_await from_profile());
  if (profile) co_return *std::move(profile);
  CO_TRY(auto container, co_await from_container());
  if (container) co_return *std::move(container);
  CO_TRY(auto instance, co_await from_instance());
  if (instance) co_return *std::move(instance);
  co_return unusable(
      "none found: set access_key_id and secret_access_key in [aws], or AWS_ACCESS_KEY_ID and "
      "AWS_SECRET_ACCESS_KEY; no AWS profile, container role or instance role is there either");
}

std::optional<std::string> CredentialSources::variable(const char* name) const {
  return find_non_empty(config_.environment, name);
}

CredentialSources::Found CredentialSources::from_configuration() const {
  const bool has_key = !config_.access_key_id.empty();
  const bool has_secret = !config_.secret_access_key.empty();
  if (!has_key && !has_secret) return std::nullopt;
  if (!has_key || !has_secret) {
    return unusable("of access_key_id and secret_access_key in [aws] only one is set");
  }
  return Credentials{config_.access_key_id, config_.secret_access_key, config_.session_token,
                     std::nullopt, "the configuration"};
}

CredentialSources::Found CredentialSources::from_environment() const {
  const auto key = variable("AWS_ACCESS_KEY_ID");
  const auto secret = variable("AWS_SECRET_ACCESS_KEY");
  if (!key && !secret) return std::nullopt;
  if (!key || !secret) {
    return unusable("of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set");
  }
  return Credentials{*key, *secret, variable("AWS_SESSION_TOKEN").value_or(""), std::nullopt,
                     "the environment"};
}

Task<CredentialSources::Found> CredentialSources::from_web_identity() {
  const auto file = variable("AWS_WEB_IDENTITY_TOKEN_FILE");
  const auto role = variable("AWS_ROLE_ARN");
  if (!file || !role) co_return std::nullopt;
  const auto token = co_await read_file(*file);
  if (!token) co_return unusable("AWS_WEB_IDENTITY_TOKEN_FILE '" + *file + "' cannot be read");
  const std::string suffix =
      config_.region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com";
  const std::string regional = "https://sts." + config_.region + suffix;
  HttpRequest request{.method = HttpMethod::kPost,
                      .url = variable("AWS_ENDPOINT_URL_STS").value_or(regional) + "/"};
  request.headers = {"content-type: application/x-www-form-urlencoded"};
  request.body = SharedBytes::from(
      canonical_query({{"Action", "AssumeRoleWithWebIdentity"},
                       {"Version", "2011-06-15"},
                       {"RoleArn", *role},
                       {"RoleSessionName", variable("AWS_ROLE_SESSION_NAME").value_or("cairn")},
                       {"WebIdentityToken", first_line(*token)}}));
  request.total_timeout = kServiceTimeout;
  CO_TRY(const HttpResponse response, co_await send(std::move(request)));
  if (!response.ok()) co_return error_of(response, "POST AssumeRoleWithWebIdentity to STS");
  CO_TRY(Credentials found, parse_sts_reply(response.body));
  found.source = "STS, for the role " + *role;
  co_return found;
}

Task<CredentialSources::Found> CredentialSources::from_profile() {
  const bool required = !config_.profile.empty() || variable("AWS_PROFILE").has_value();
  auto blocking = [environment = config_.environment, wanted = config_.profile, required] {
    return keys_of_profile(load_profile(environment, wanted), required);
  };
  co_return co_await RunOn(runtime_.pool, runtime_.core, std::move(blocking));
}

Task<CredentialSources::Found> CredentialSources::from_container() {
  const auto relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const auto full = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (!relative && !full) co_return std::nullopt;
  HttpRequest request{.url = relative ? config_.container_origin + *relative : *full};
  if (!is_trusted_container_url(request.url)) {
    co_return unusable("AWS_CONTAINER_CREDENTIALS_FULL_URI '" + request.url +
                       "' is neither https nor on this machine");
  }
  std::string token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").value_or("");
  if (const auto file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) {
    const auto text = co_await read_file(*file);
    if (!text) {
      co_return unusable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE '" + *file + "' cannot be read");
    }
    token = *text;
  }
  if (!token.empty()) request.headers.push_back("authorization: " + first_line(token));
  request.never_by_proxy = true;
  request.total_timeout = kLinkTimeout;
  CO_TRY(const HttpResponse response, co_await send(std::move(request)));
  if (!response.ok()) co_return error_of(response, "GET of the container's credentials");
  CO_TRY(Credentials found, parse_credentials_json(response.body));
  found.source = "the container's role";
  co_return found;
}

Task<CredentialSources::Found> CredentialSources::from_instance() {
  if (variable("AWS_EC2_METADATA_DISABLED").value_or("") == "true") co_return std::nullopt;
  std::string origin =
      variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").value_or("http://169.254.169.254");
  while (origin.ends_with('/')) origin.pop_back();
  HttpRequest request{.method = HttpMethod::kPut, .url = origin + "/latest/api/token"};
  request.headers = {"x-aws-ec2-metadata-token-ttl-seconds: 21600"};
  request.never_by_proxy = true;
  request.total_timeout = kLinkTimeout;
  const auto token = co_await send(std::move(request));
  if (!token) {
    if (is(token.error(), StoreErrc::kCancelled)) co_return token.error();
    co_return std::nullopt;  // this is no instance
  }
  if (!token->ok()) co_return std::nullopt;
  CO_TRY(Credentials found,
         co_await from_instance_role(std::move(origin), first_line(token->body)));
  co_return found;
}

Task<Result<Credentials>> CredentialSources::from_instance_role(std::string origin,
                                                                std::string token) {
  HttpRequest request{.url = origin + "/latest/meta-data/iam/security-credentials/"};
  request.headers = {"x-aws-ec2-metadata-token: " + token};
  request.never_by_proxy = true;
  request.total_timeout = kLinkTimeout;
  CO_TRY(const HttpResponse roles, co_await send(request));
  const std::string role = first_line(roles.body);
  if (!roles.ok() || role.empty()) co_return unusable("this instance has no role");
  request.url += percent_encode(role, Slash::kEncode);
  CO_TRY(const HttpResponse response, co_await send(std::move(request)));
  if (!response.ok()) co_return error_of(response, "GET of the instance's credentials");
  CO_TRY(Credentials found, parse_credentials_json(response.body));
  found.source = "the instance's role " + role;
  co_return found;
}

Task<Result<HttpResponse>> CredentialSources::send(HttpRequest request) {
  request.response_bytes_max = kReplyBytesMax;
  co_return co_await s3::send(engine_, runtime_.core, std::move(request));
}

Task<std::optional<std::string>> CredentialSources::read_file(std::string path) {
  auto blocking = [path = std::move(path)] { return read_small_file(path); };
  co_return co_await RunOn(runtime_.pool, runtime_.core, std::move(blocking));
}

}  // namespace cairn::object_store::s3
