#include "fsd/frontends/web/site.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/fake_message_socket.h"
#include "tests/support/sim_runtime.h"

// All that is answered, without a socket: what is there, who gets it, logins and tokens.

namespace cairn::web {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kHost = "127.0.0.1:8080";
constexpr const char* kOrigin = "http://127.0.0.1:8080";
constexpr const char* kPassword = R"({"password":"secret"})";

Task<std::string> status_report() { co_return R"({"volume":"v"})"; }

class Nobody final : public MessageSocket::User {
  void on_message(std::string) override {}
  void on_drained() override {}
  void on_closed() override {}
};

class SiteTest : public ::testing::Test {
 protected:
  SiteTest() {
    directory_ =
        std::filesystem::temp_directory_path() / ("cairn-site-test-" + std::to_string(::getpid()));
    std::filesystem::create_directories(directory_ / "page");
    std::filesystem::create_directories(directory_ / "vm");
    std::ofstream(directory_ / "page/index.html") << "<html>";
    std::ofstream(directory_ / "vm/manifest.json") << "{}";
    options.access = {.trusted_uids = {0}, .has_password = true};
    options.password = "secret";
    options.page_dir = directory_ / "page";
    options.vm_dir = directory_ / "vm";
    options.facts = {.volume = "v", .uid = 1000, .gid = 7, .guest_root = true, .version = "9"};
    options.status = &status_report;
    options.sockets = {{.path = "/ws/9p",
                        .subprotocols = {"new", "old"},
                        .message_bytes_max = 1,
                        .accept = [](const auto&, const auto&, auto) {
                          return std::make_shared<Nobody>();
                        }}};
  }
  ~SiteTest() override { std::filesystem::remove_all(directory_); }

  Response ask(const std::string& method, const std::string& target,
               std::vector<Header> headers = {}, std::string body = "") {
    if (!site) site = std::make_unique<Site>(sim.runtime(), options, limits);
    headers.push_back({"host", kHost});
    Request request{
        .method = method, .target = target, .headers = std::move(headers), .body = std::move(body)};
    return sim.wait([&] { return site->answer(request, peer); });
  }
  Response post(const std::string& target, std::vector<Header> headers, std::string body = "{}") {
    headers.push_back({"content-type", "application/json"});
    return ask("POST", target, std::move(headers), std::move(body));
  }
  /// The cookie of a login, as a browser would send it.
  Header log_in(const std::string& origin = kOrigin) {
    const Response response = post("/api/login", {{"origin", origin}}, kPassword);
    EXPECT_EQ(response.status, 200) << response.body;
    const std::string_view cookie = response.header("Set-Cookie");
    return {"cookie", std::string(cookie.substr(0, cookie.find(';')))};
  }
  static std::vector<Header> upgrade_headers(std::vector<Header> more) {
    more.push_back({"connection", "keep-alive, Upgrade"});
    more.push_back({"upgrade", "websocket"});
    more.push_back({"sec-websocket-version", "13"});
    more.push_back({"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="});
    return more;
  }
  void come_as(std::uint32_t uid) { peer.uid = uid; }

  std::filesystem::path directory_;
  testing::SimRuntime sim{1};
  Limits limits;
  Site::Options options;
  WebPeer peer{.uid = 1001,
               .name = "local user 1001",
               .key = "local user 1001",
               .our_host = "127.0.0.1",
               .our_port = 8080,
               .is_localhost = true};
  std::unique_ptr<Site> site;
};

TEST_F(SiteTest, ThePageIsThereBeforeALoginAndNothingElseIs) {
  EXPECT_EQ(ask("GET", "/").status, 200);
  EXPECT_EQ(ask("HEAD", "/index.html").status, 200);
  EXPECT_EQ(ask("GET", "/nothing").status, 404);
  EXPECT_EQ(ask("GET", "/api/nothing").status, 404);
  EXPECT_EQ(ask("GET", "/vm/manifest.json").status, 401);
  EXPECT_EQ(ask("GET", "/api/status").status, 401);
  EXPECT_EQ(ask("GET", "/ws/9p", upgrade_headers({{"origin", kOrigin}})).status, 401);
  EXPECT_EQ(post("/api/token", {{"origin", kOrigin}}).status, 401);
  EXPECT_EQ(post("/api/logout", {{"origin", kOrigin}}).status, 401);
}

TEST_F(SiteTest, OneWhoseUidIsTrustedHasAll) {
  come_as(0);
  EXPECT_EQ(ask("GET", "/vm/manifest.json").status, 200);
  EXPECT_EQ(ask("GET", "/api/status").body, "{\"volume\":\"v\"}\n");
  EXPECT_EQ(ask("GET", "/ws/9p", upgrade_headers({})).status, 101);
  const json report = json::parse(ask("GET", "/api/session").body);
  EXPECT_EQ(report, json::parse(R"({"authenticated":true,"login_required":false,
      "login_possible":true,"version":"9","volume":"v","uid":1000,"gid":7,"guest_root":true})"));
}

TEST_F(SiteTest, TheSessionTellsAStrangerNothingOfTheVolume) {
  const json report = json::parse(ask("GET", "/api/session").body);
  EXPECT_EQ(report, json::parse(R"({"authenticated":false,"login_required":true,
      "login_possible":true,"version":"9"})"));
}

TEST_F(SiteTest, ALoginGivesACookieThatOpensEverythingUntilTheLogout) {
  const Header cookie = log_in();
  EXPECT_EQ(ask("GET", "/api/status", {cookie}).status, 200);
  EXPECT_EQ(ask("GET", "/vm/manifest.json", {cookie}).status, 200);
  EXPECT_EQ(json::parse(ask("GET", "/api/session", {cookie}).body)["authenticated"], true);
  EXPECT_EQ(ask("GET", "/ws/9p", upgrade_headers({cookie, {"origin", kOrigin}})).status, 101);
  EXPECT_EQ(ask("GET", "/ws/9p", upgrade_headers({cookie})).status, 403) << "without an Origin";
  EXPECT_EQ(
      ask("GET", "/ws/9p", upgrade_headers({cookie, {"origin", "http://127.0.0.1:9999"}})).status,
      403);
  const Response out = post("/api/logout", {cookie, {"origin", kOrigin}});
  EXPECT_EQ(out.status, 200);
  EXPECT_THAT(std::string(out.header("Set-Cookie")), HasSubstr("cairn=; "));
  EXPECT_EQ(ask("GET", "/api/status", {cookie}).status, 401);
}

TEST_F(SiteTest, ALogoutClosesWhatItsLoginHasOpened) {
  const auto open = [this](const Header& proof) {
    const Response granted = ask("GET", "/ws/9p", upgrade_headers({proof, {"origin", kOrigin}}));
    auto socket = std::make_shared<testing::FakeMessageSocket>();
    granted.socket->accept(socket, peer, "");
    return socket;
  };
  const Header mine = log_in();
  const Header others = log_in();
  const auto first = open(mine);
  const auto of_another = open(others);
  // Logging in anew does not cut what is open; it belongs to the new login then.
  const Response again = post("/api/login", {{"origin", kOrigin}, mine}, kPassword);
  const std::string_view set = again.header("Set-Cookie");
  const Header renewed{"cookie", std::string(set.substr(0, set.find(';')))};
  const auto second = open(renewed);
  const Response late = ask("GET", "/ws/9p", upgrade_headers({renewed, {"origin", kOrigin}}));
  EXPECT_FALSE(first->closed);
  EXPECT_EQ(post("/api/logout", {renewed, {"origin", kOrigin}}).status, 200);
  EXPECT_TRUE(first->closed);
  EXPECT_TRUE(second->closed);
  EXPECT_FALSE(of_another->closed);
  // One that was granted before the logout and comes after it.
  EXPECT_EQ(late.socket->accept(std::make_shared<testing::FakeMessageSocket>(), peer, ""), nullptr);
}

TEST_F(SiteTest, TheCookieIsOutOfReachOfScriptsAndOfOtherSites) {
  const auto cookie = [this](const std::string& origin) {
    return std::string(post("/api/login", {{"origin", origin}}, kPassword).header("Set-Cookie"));
  };
  EXPECT_THAT(cookie(kOrigin), HasSubstr("; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000"));
  EXPECT_THAT(cookie(kOrigin), Not(HasSubstr("Secure")));
  options.access.origins = {"https://cairn.example.org"};
  site.reset();
  const std::string secure = cookie("https://cairn.example.org");
  EXPECT_THAT(secure, ::testing::StartsWith("__Host-cairn="));
  EXPECT_THAT(secure, HasSubstr("; Secure"));
  EXPECT_EQ(ask("GET", "/api/status", {log_in("https://cairn.example.org")}).status, 200);
}

TEST_F(SiteTest, ACookieIsOfNoUseToAnotherUserOfThisMachine) {
  const Header cookie = log_in();
  EXPECT_EQ(ask("GET", "/api/status", {cookie}).status, 200);
  peer.uid = 1002;
  peer.key = "local user 1002";
  EXPECT_EQ(ask("GET", "/api/status", {cookie}).status, 401);
  peer.uid.reset();
  peer.key = "0a000007";
  EXPECT_EQ(ask("GET", "/api/status", {cookie}).status, 401);
  const Header elsewhere = log_in();
  peer.key = "0a000008";
  EXPECT_EQ(ask("GET", "/api/status", {elsewhere}).status, 200) << "addresses change";
}

TEST_F(SiteTest, WhatIsNoLoginIsNone) {
  const Header origin{"origin", kOrigin};
  for (const char* body : {"", "{}", "[]", "{\"password\":1}", "{\"password\":", "\"secret\""}) {
    EXPECT_EQ(post("/api/login", {origin}, body).status, 400) << body;
  }
  EXPECT_EQ(post("/api/login", {origin}, R"({"password":"wrong"})").status, 403);
  EXPECT_EQ(post("/api/login", {}, kPassword).status, 403) << "without an Origin";
  EXPECT_EQ(post("/api/login", {{"origin", "https://evil.example"}}, kPassword).status, 403);
  EXPECT_EQ(ask("GET", "/api/login", {origin}).status, 405);
  EXPECT_EQ(ask("POST", "/api/login", {origin}, kPassword).status, 415);
  EXPECT_EQ(ask("POST", "/api/login", {origin, {"content-type", "text/plain"}}, kPassword).status,
            415);
  EXPECT_EQ(ask("GET", "/api/status", {{"cookie", "cairn="}}).status, 401);
  EXPECT_EQ(ask("GET", "/api/status", {{"cookie", "cairn=secret"}}).status, 401);
}

TEST_F(SiteTest, ALoginWithoutAPasswordIsNotPossible) {
  options.password.reset();
  options.access.has_password = false;
  EXPECT_EQ(post("/api/login", {{"origin", kOrigin}}, kPassword).status, 403);
  EXPECT_EQ(ask("GET", "/api/status", {{"authorization", "Bearer "}}).status, 401);
  EXPECT_THAT(ask("GET", "/api/status").body, HasSubstr("servers.webui.uid"));
}

TEST_F(SiteTest, ProgramsUseThePasswordOrATokenAsBearer) {
  const Header password{"authorization", "Bearer secret"};
  EXPECT_EQ(ask("GET", "/ws/9p", upgrade_headers({password})).status, 101);
  const json made = json::parse(post("/api/token", {password}).body);
  const Header token{"authorization", "Bearer " + made["token"].get<std::string>()};
  EXPECT_EQ(ask("GET", "/ws/9p", upgrade_headers({token})).status, 101);
  EXPECT_EQ(
      ask("GET", "/api/status", {{"cookie", "cairn=" + made["token"].get<std::string>()}}).status,
      401)
      << "a token is no cookie";
  EXPECT_EQ(post("/api/logout", {token}).status, 200);
  EXPECT_EQ(ask("GET", "/api/status", {token}).status, 401);
}

TEST_F(SiteTest, AWrongTokenIsRefusedEvenFromOneWhoNeedsNone) {
  come_as(0);
  EXPECT_EQ(ask("GET", "/", {{"authorization", "Bearer wrong"}}).status, 401);
  EXPECT_EQ(ask("GET", "/", {{"authorization", "Basic wrong"}}).status, 401);
}

TEST_F(SiteTest, GuessingIsSlow) {
  const Header origin{"origin", kOrigin};
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(post("/api/login", {origin}, R"({"password":"wrong"})").status, 403);
  }
  const Response login = post("/api/login", {origin}, kPassword);
  EXPECT_EQ(login.status, 429);
  EXPECT_EQ(login.header("Retry-After"), "1");
  EXPECT_EQ(ask("GET", "/api/status", {{"authorization", "Bearer secret"}}).status, 429);
  peer.key = "somebody else";
  EXPECT_EQ(post("/api/login", {origin}, kPassword).status, 200);
}

TEST_F(SiteTest, WhoIsBehindAProxyOfRootIsNotRoot) {
  come_as(0);
  EXPECT_EQ(ask("GET", "/api/status", {{"x-forwarded-for", "10.0.0.7"}}).status, 401);
}

TEST_F(SiteTest, PagesOfOthersGetNothingEvenInTheBrowserOfOneWhoMayComeIn) {
  come_as(0);
  const Header evil{"origin", "https://evil.example"};
  EXPECT_EQ(ask("GET", "/ws/9p", upgrade_headers({evil})).status, 403);
  EXPECT_EQ(ask("GET", "/api/status", {evil}).status, 403);
  EXPECT_EQ(post("/api/token", {evil}).status, 403);
  EXPECT_EQ(ask("GET", "/api/status", {{"sec-fetch-site", "cross-site"}}).status, 403);
  EXPECT_EQ(ask("GET", "/ws/9p", upgrade_headers({{"sec-fetch-site", "same-site"}})).status, 403);
  // A form of an old browser, which says nothing of where it is from.
  EXPECT_EQ(ask("POST", "/api/token", {{"content-type", "text/plain"}}).status, 415);
  EXPECT_EQ(ask("OPTIONS", "/api/token").status, 405);
}

TEST_F(SiteTest, TheFirstSubprotocolOfOursThatIsOfferedIsTaken) {
  come_as(0);
  const auto taken = [this](const std::string& offered) {
    return ask("GET", "/ws/9p", upgrade_headers({{"sec-websocket-protocol", offered}})).subprotocol;
  };
  EXPECT_EQ(taken("old, new"), "new");
  EXPECT_EQ(taken("old"), "old");
  EXPECT_EQ(taken("other"), "");
}

TEST_F(SiteTest, WhatIsNotInstalledIsSaidSo) {
  come_as(0);
  options.page_dir = directory_ / "none";
  options.vm_dir = directory_ / "no_vm";
  EXPECT_EQ(ask("GET", "/").status, 404);
  EXPECT_THAT(ask("GET", "/").body, HasSubstr("the page are not in " + options.page_dir));
  EXPECT_THAT(ask("GET", "/vm/manifest.json").body, HasSubstr(options.vm_dir));
}

TEST_F(SiteTest, MethodsThatChangeNothingHereAreRefused) {
  come_as(0);
  EXPECT_EQ(ask("POST", "/").status, 405);
  EXPECT_EQ(ask("DELETE", "/api/status").status, 405);
  EXPECT_EQ(ask("PUT", "/api/login").status, 405);
}

}  // namespace
}  // namespace cairn::web
