#include "fsd/object_store/s3/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "fsd/object_store/object_store.h"
#include "fsd/object_store/s3/credential_sources.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/s3/core_runner.h"
#include "tests/unit/s3/scripted_server.h"

namespace cairn::object_store::s3 {
namespace {

using cairn::testing::run_in_core;
using cairn::testing::ScriptedServer;
using ::testing::HasSubstr;
using After = ScriptedServer::After;
using Reply = ScriptedServer::Reply;
using Request = ScriptedServer::Request;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

/// 2026-01-01T00:00:00Z, and what a test adds.
class TestClock final : public Clock {
 public:
  static constexpr Duration kBegin = seconds(1767225600);
  Duration monotonic() override { return passed_.load(); }
  Duration wall() override { return kBegin + passed_.load(); }
  void advance(Duration by) { passed_.store(passed_.load() + by); }

 private:
  std::atomic<Duration> passed_{Duration::zero()};
};

std::string keys_json(const std::string& id, const std::string& expiration) {
  return R"({"Code":"Success","AccessKeyId":")" + id + R"(","SecretAccessKey":"s","Token":"t",)" +
         R"("Expiration":")" + expiration + "\"}";
}

class CredentialsTest : public ::testing::Test {
 protected:
  CredentialsTest() {
    config_.environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    };
    variables_["HOME"] = folder_;
    variables_["AWS_EC2_METADATA_DISABLED"] = "true";
  }
  ~CredentialsTest() override {
    engine_.stop();
    drop_chain();
    real_.stop();
  }
  void serve(ScriptedServer::Script script) {
    server_ = std::make_unique<ScriptedServer>(std::move(script));
  }
  std::string write(const std::string& name, const std::string& text) {
    const std::string path = folder_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }
  CredentialChain& chain() {
    if (!chain_) chain_ = std::make_unique<CredentialChain>(runtime_, engine_, config_);
    return *chain_;
  }
  Result<CredentialsPtr> get() {
    CredentialChain& asked = chain();
    return run_in_core(core(), [&asked] { return asked.get(); });
  }
  /// The key that is found; "code: sentence" for a failure.
  std::string found() {
    const auto credentials = get();
    return credentials ? (*credentials)->access_key_id : credentials.error().message();
  }
  /// So that the next get() begins anew.
  void drop_chain() {
    if (!chain_) return;
    run_in_core(core(), [this] { return chain_->stop(); });
    chain_.reset();
  }
  Strand& core() { return runtime_.core; }

  RealRuntime real_{{}};
  TestClock clock_;
  Runtime runtime_{real_.runtime().core,
                   real_.runtime().pool,
                   real_.runtime().indexing,
                   real_.runtime().timers,
                   clock_,
                   real_.runtime().random};
  CurlEngine engine_{real_.io_place(), {}};
  std::map<std::string, std::string> variables_;
  CredentialsConfig config_;
  const TemporaryDirectory temporary_;
  const std::string folder_ = temporary_.path();
  std::unique_ptr<ScriptedServer> server_;
  std::unique_ptr<CredentialChain> chain_;
};

TEST_F(CredentialsTest, TheConfigurationGoesBeforeTheEnvironment) {
  variables_["AWS_ACCESS_KEY_ID"] = "env";
  variables_["AWS_SECRET_ACCESS_KEY"] = "s";
  config_.access_key_id = "conf";
  config_.secret_access_key = "s";
  EXPECT_EQ(found(), "conf");
}

TEST_F(CredentialsTest, TheEnvironmentGoesBeforeTheFiles) {
  variables_["AWS_ACCESS_KEY_ID"] = "env";
  variables_["AWS_SECRET_ACCESS_KEY"] = "s";
  variables_["AWS_SESSION_TOKEN"] = "tok";
  write(".aws/credentials", "[default]\naws_access_key_id = file\naws_secret_access_key = s\n");
  const auto credentials = get();
  ASSERT_TRUE(credentials);
  EXPECT_EQ((*credentials)->access_key_id, "env");
  EXPECT_EQ((*credentials)->session_token, "tok");
}

TEST_F(CredentialsTest, HalfAPairIsAnErrorThatSaysSo) {
  variables_["AWS_ACCESS_KEY_ID"] = "env";
  EXPECT_THAT(found(), HasSubstr("only one is set"));
}

TEST_F(CredentialsTest, KeysWithOddCharactersAreRefused) {
  config_.access_key_id = "conf\r\nx: y";
  config_.secret_access_key = "s";
  EXPECT_THAT(found(), HasSubstr("odd characters"));
}

TEST_F(CredentialsTest, NothingAnywhereSaysWhatToSet) {
  const auto credentials = get();
  ASSERT_FALSE(credentials);
  EXPECT_TRUE(is(credentials.error(), StoreErrc::kBadCredentials));
  EXPECT_THAT(*credentials.error().detail, HasSubstr("AWS_ACCESS_KEY_ID"));
}

TEST_F(CredentialsTest, ProfilesComeFromBothFilesAndTheirVariables) {
  variables_["AWS_SHARED_CREDENTIALS_FILE"] =
      write("keys",
            "[default]\naws_access_key_id=d\naws_secret_access_key=s\n"
            "[work]\r\naws_access_key_id = w\r\naws_secret_access_key = s\r\n");
  variables_["AWS_CONFIG_FILE"] =
      write("config",
            "# words\n[default]\nregion = eu-west-1\n[profile work]\nregion=eu-west-3\n"
            "s3 =\n  region = nested\n");
  EXPECT_EQ(found(), "d");
  EXPECT_EQ(find_region(config_.environment, ""), "eu-west-1");
  EXPECT_EQ(find_region(config_.environment, "work"), "eu-west-3");
  drop_chain();
  variables_["AWS_PROFILE"] = "work";
  EXPECT_EQ(found(), "w");
  EXPECT_EQ(find_region(config_.environment, ""), "eu-west-3");
  variables_["AWS_DEFAULT_REGION"] = "ca-central-1";
  EXPECT_EQ(find_region(config_.environment, ""), "ca-central-1");
  variables_["AWS_REGION"] = "";
  EXPECT_EQ(find_region(config_.environment, ""), "ca-central-1");
}

TEST_F(CredentialsTest, AProfileThatIsAskedForMustExist) {
  config_.profile = "nobody";
  EXPECT_THAT(found(), HasSubstr("'nobody' does not exist"));
}

TEST_F(CredentialsTest, WhatIsNotSupportedInAProfileIsSaid) {
  write(".aws/config", "[default]\nrole_arn = arn:x\nsource_profile = y\n");
  EXPECT_THAT(found(), HasSubstr("role_arn, which is not supported"));
}

TEST_F(CredentialsTest, AProfilesProcessIsRun) {
  write(".aws/config", "[default]\ncredential_process = echo '" +
                           keys_json("printed", "2026-01-01T01:00:00Z") + "'\n");
  EXPECT_EQ(found(), "printed");
}

TEST_F(CredentialsTest, AProcessThatFailsIsAnError) {
  write(".aws/config", "[default]\ncredential_process = echo '{}'; exit 3\n");
  EXPECT_THAT(found(), HasSubstr("exits with an error"));
}

TEST_F(CredentialsTest, AContainersServiceIsAskedWithItsToken) {
  serve([](const Request&) {
    return ScriptedServer::reply(200, keys_json("container", "2026-01-01T06:00:00Z"));
  });
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = server_->url() + "/v1?x=y";
  variables_["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = write("token", "Bearer abc\n");
  EXPECT_EQ(found(), "container");
  const Request request = server_->requests().at(0);
  EXPECT_EQ(request.target, "/v1?x=y");
  EXPECT_EQ(request.headers.at("authorization"), "Bearer abc");
}

TEST_F(CredentialsTest, AContainersRelativeAddressIsOnItsOwnService) {
  serve([](const Request&) {
    return ScriptedServer::reply(200, keys_json("container", "2026-01-01T06:00:00Z"));
  });
  config_.container_origin = server_->url();
  variables_["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/id";
  EXPECT_EQ(found(), "container");
  EXPECT_EQ(server_->requests().at(0).target, "/v2/id");
}

TEST(ContainerUrl, IsTrustedByTlsOrOnThisMachineAndLink) {
  for (const char* good :
       {"https://any.example/x", "http://127.0.0.1:1/x", "http://localhost/", "http://[::1]/x",
        "http://169.254.170.2/v2", "http://169.254.170.23/v1", "http://[fd00:ec2::23]/v1"}) {
    EXPECT_TRUE(is_trusted_container_url(good)) << good;
  }
  for (const char* bad :
       {"", "x", "http://evil.example/", "http://127.0.0.1.evil.example/",
        "http://evil.example?http://127.0.0.1/", "http://127.0.0.1@evil/", "ftp://127.0.0.1/"}) {
    EXPECT_FALSE(is_trusted_container_url(bad)) << bad;
  }
}

TEST_F(CredentialsTest, AWebIdentityIsShownToSts) {
  serve([](const Request&) {
    return ScriptedServer::reply(
        200,
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
        "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>web</AccessKeyId>"
        "<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
        "<Expiration>2026-01-01T01:00:00Z</Expiration></Credentials>"
        "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>");
  });
  variables_["AWS_WEB_IDENTITY_TOKEN_FILE"] = write("jwt", "to.ken");
  variables_["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/r";
  variables_["AWS_ENDPOINT_URL_STS"] = server_->url();
  const auto credentials = get();
  ASSERT_TRUE(credentials) << credentials.error().message();
  EXPECT_EQ((*credentials)->access_key_id, "web");
  EXPECT_EQ((*credentials)->expires, TestClock::kBegin + hours(1));
  const Request request = server_->requests().at(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.headers.at("content-type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(request.body,
            "Action=AssumeRoleWithWebIdentity&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"
            "&RoleSessionName=cairn&Version=2011-06-15&WebIdentityToken=to.ken");
}

TEST_F(CredentialsTest, StsRefusalIsSaidInItsWords) {
  serve([](const Request&) {
    return ScriptedServer::reply(403,
                                 "<ErrorResponse><Error><Code>AccessDenied</Code><Message>"
                                 "Not you</Message></Error></ErrorResponse>");
  });
  variables_["AWS_WEB_IDENTITY_TOKEN_FILE"] = write("jwt", "to.ken");
  variables_["AWS_ROLE_ARN"] = "arn";
  variables_["AWS_ENDPOINT_URL_STS"] = server_->url();
  const auto credentials = get();
  ASSERT_FALSE(credentials);
  EXPECT_TRUE(is(credentials.error(), StoreErrc::kAccessDenied));
  EXPECT_THAT(*credentials.error().detail, HasSubstr("403 AccessDenied: Not you"));
}

/// What an EC2 instance's metadata service does, version 2.
Reply instance_metadata(const Request& request, const std::string& keys) {
  if (request.target == "/latest/api/token") {
    const bool asked =
        request.method == "PUT" && request.headers.contains("x-aws-ec2-metadata-token-ttl-seconds");
    return ScriptedServer::reply(asked ? 200 : 400, "session");
  }
  const auto token = request.headers.find("x-aws-ec2-metadata-token");
  if (token == request.headers.end() || token->second != "session") {
    return ScriptedServer::reply(401, "");
  }
  const std::string roles = "/latest/meta-data/iam/security-credentials/";
  if (request.target == roles) return ScriptedServer::reply(200, "my-role\n");
  if (request.target == roles + "my-role") return ScriptedServer::reply(200, keys);
  return ScriptedServer::reply(404, "");
}

class InstanceCredentialsTest : public CredentialsTest {
 protected:
  InstanceCredentialsTest() {
    variables_.erase("AWS_EC2_METADATA_DISABLED");
    serve([this](const Request& request) { return script_(request); });
    variables_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = server_->url() + "/";
  }
  ~InstanceCredentialsTest() override { server_->hang_up(); }
  /// Waits for what a refresh in the background brings.
  void await_refresh() {
    CredentialChain& asked = chain();
    run_in_core(core(), [&asked] { return asked.replacement(std::make_shared<Credentials>()); });
  }
  ScriptedServer::Script script_;
};

TEST_F(InstanceCredentialsTest, AnInstancesRoleIsFoundByASessionToken) {
  script_ = [](const Request& request) {
    return instance_metadata(request, keys_json("one", "2026-01-01T06:00:00Z"));
  };
  const auto credentials = get();
  ASSERT_TRUE(credentials) << credentials.error().message();
  EXPECT_EQ((*credentials)->access_key_id, "one");
  EXPECT_EQ((*credentials)->session_token, "t");
  EXPECT_EQ((*credentials)->source, "the instance's role my-role");
}

TEST_F(InstanceCredentialsTest, OldOnesServeWhileNewOnesAreFetchedInTheBackground) {
  std::atomic<int> number = 1;
  script_ = [&](const Request& request) {
    const std::string end = number == 1 ? "2026-01-01T01:00:00Z" : "2026-01-01T02:00:00Z";
    return instance_metadata(request, keys_json(std::to_string(number), end));
  };
  EXPECT_EQ(found(), "1");
  EXPECT_EQ(server_->requests().size(), 3U);
  clock_.advance(minutes(50));
  EXPECT_EQ(found(), "1");
  EXPECT_EQ(server_->requests().size(), 3U);  // not due yet
  number = 2;
  clock_.advance(minutes(6));
  EXPECT_EQ(found(), "1");  // due, but the old ones are good for four more minutes
  await_refresh();
  EXPECT_EQ(found(), "2");
  EXPECT_EQ(server_->requests().size(), 6U);
}

TEST_F(InstanceCredentialsTest, ARefreshThatFailsIsTriedAgainAndTheOldOnesServeToTheirEnd) {
  std::atomic<bool> works = true;
  script_ = [&](const Request& request) {
    if (!works) return ScriptedServer::reply(500, "");
    return instance_metadata(request, keys_json("k", "2026-01-01T01:00:00Z"));
  };
  EXPECT_EQ(found(), "k");
  works = false;
  clock_.advance(minutes(56));
  EXPECT_EQ(found(), "k");
  await_refresh();
  EXPECT_EQ(found(), "k");
  EXPECT_EQ(server_->requests().size(), 4U);  // not asked with each request
  clock_.advance(CredentialChain::kRetryAfter);
  EXPECT_EQ(found(), "k");
  await_refresh();
  EXPECT_EQ(server_->requests().size(), 5U);
  clock_.advance(minutes(5));
  const auto expired = get();
  ASSERT_FALSE(expired);
  EXPECT_TRUE(is(expired.error(), StoreErrc::kUnavailable)) << expired.error().message();
  works = true;
  EXPECT_THAT(found(), HasSubstr("expired"));  // what it hands out has ended too
}

TEST_F(InstanceCredentialsTest, RefusedOnesAreReplacedOnlyByOthers) {
  std::atomic<int> number = 1;
  script_ = [&](const Request& request) {
    return instance_metadata(request, keys_json(std::to_string(number), "2026-01-01T06:00:00Z"));
  };
  const CredentialsPtr first = *get();
  CredentialChain& asked = chain();
  const auto replace = [&](const CredentialsPtr& used) {
    return run_in_core(core(), [&] { return asked.replacement(used); });
  };
  EXPECT_EQ(replace(first), nullptr);  // looked a moment ago
  clock_.advance(CredentialChain::kRetryAfter);
  EXPECT_EQ(replace(first), nullptr);  // looked: the same ones
  clock_.advance(CredentialChain::kRetryAfter);
  number = 2;
  const CredentialsPtr second = replace(first);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->access_key_id, "2");
}

TEST_F(InstanceCredentialsTest, AnInstanceWithoutARoleSaysSo) {
  script_ = [](const Request& request) {
    if (request.method == "PUT") return ScriptedServer::reply(200, "session");
    return ScriptedServer::reply(404, "");
  };
  EXPECT_THAT(found(), HasSubstr("this instance has no role"));
}

TEST(CredentialReplies, AreReadDefensively) {
  for (const char* json :
       {"", "[]", "null", "{", "{\"AccessKeyId\":5}", "\"x\"", "{\"AccessKeyId\":\"a\"}",
        "\xff\xfe", R"({"AccessKeyId":"a","SecretAccessKey":"s","Expiration":"x"})"}) {
    EXPECT_FALSE(parse_credentials_json(json)) << json;
  }
  for (const char* xml : {"", "<x/>", "<AssumeRoleWithWebIdentityResponse/>"}) {
    EXPECT_FALSE(parse_sts_reply(xml)) << xml;
  }
}

TEST(ParseUtc, ReadsIso8601) {
  EXPECT_EQ(parse_utc("2026-01-01T00:00:00Z"), TestClock::kBegin);
  EXPECT_EQ(parse_utc("2026-01-01T00:00:01.250Z"), TestClock::kBegin + seconds(1));
  EXPECT_EQ(parse_utc("2026-01-01T00:00:00+00:00"), TestClock::kBegin);
  for (const char* bad : {"", "2026", "2026-01-01T00:00:00", "2026-01-01T00:00:00+01:00",
                          "2026-01-01T00:00:00.", "yesterday"}) {
    EXPECT_EQ(parse_utc(bad), std::nullopt) << bad;
  }
}

TEST(ParseIni, PassesOverWhatIsNone) {
  const auto sections =
      parse_ini("stray = 1\n[a]\nx=1\n; c\n# c\nnonsense\n y = 2\n[ b ]\nz = a = b\n[broken\nq=1");
  EXPECT_EQ(sections.at("a"), (IniSection{{"x", "1"}}));
  EXPECT_EQ(sections.at("b"), (IniSection{{"z", "a = b"}}));
}

}  // namespace
}  // namespace cairn::object_store::s3
