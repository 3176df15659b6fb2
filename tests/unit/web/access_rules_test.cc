#include "fsd/frontends/web/access_rules.h"

#include <gtest/gtest.h>

#include <optional>

// Who may come in, as tables.

namespace cairn::web {
namespace {

constexpr const char* kNoHeader = "";

WebPeer local_peer(std::uint32_t uid) {
  return {.uid = uid,
          .name = "local user",
          .key = "local user",
          .our_host = "127.0.0.1",
          .our_port = 8080,
          .is_localhost = true};
}
WebPeer remote_peer() {
  return {.uid = std::nullopt,
          .name = "10.0.0.7:1022",
          .key = "0a000007",
          .our_host = "10.0.0.1",
          .our_port = 8080,
          .is_localhost = false};
}

Request request(const std::string& method, std::vector<Header> headers) {
  Request made{.method = method, .target = "/", .headers = {}, .body = ""};
  for (Header& header : headers) {
    if (!header.value.empty()) made.headers.push_back(std::move(header));
  }
  return made;
}

int status_of(const std::optional<Response>& refusal) { return refusal ? refusal->status : 0; }

TEST(AccessRules, OnlyOurOwnNamesAreAnsweredTo) {
  const AccessRules plain({});
  const AccessRules named({.hosts = {"Cairn.Example.org", "nas:9000"}});
  WebPeer six = local_peer(0);
  six.our_host = "[::1]";
  struct Case {
    const AccessRules& rules;
    WebPeer peer;
    const char* host;
    bool is_ours;
  };
  const WebPeer here = local_peer(0);
  const WebPeer there = remote_peer();
  for (const Case& one : {
           Case{plain, here, "127.0.0.1:8080", true},
           Case{plain, here, "localhost:8080", true},
           Case{plain, here, "LOCALHOST:8080", true},
           Case{plain, six, "[::1]:8080", true},
           Case{plain, there, "10.0.0.1:8080", true},
           Case{plain, here, "127.0.0.1", false},
           Case{plain, here, "localhost", false},
           Case{plain, here, "127.0.0.1:80", false},
           Case{plain, here, "127.0.0.2:8080", false},
           Case{plain, here, "localhost.:8080", false},
           Case{plain, here, "evil.example:8080", false},
           Case{plain, here, "127.0.0.1.evil.example:8080", false},
           Case{plain, here, "127.0.0.1:8080, evil.example", false},
           Case{plain, here, "user@127.0.0.1:8080", false},
           Case{plain, here, "127.0.0.1:8080/", false},
           Case{plain, here, " ", false},
           Case{plain, here, kNoHeader, false},
           Case{plain, there, "localhost:8080", false},
           Case{plain, there, "127.0.0.1:8080", false},
           Case{named, here, "cairn.example.org", true},
           Case{named, here, "CAIRN.example.org:443", true},
           Case{named, here, "cairn.example.org:80", true},
           Case{named, here, "cairn.example.org:8080", true},
           Case{named, here, "nas:9000", true},
           Case{named, here, "cairn.example.org:8081", false},
           Case{named, here, "nas", false},
           Case{named, here, "nas:8080", false},
           Case{named, here, "127.0.0.1:8080", false},
           Case{named, here, "localhost:8080", false},
           Case{named, here, "sub.cairn.example.org", false},
       }) {
    const auto refusal =
        one.rules.check_source(request("GET", {{"host", one.host}}), one.peer, true);
    EXPECT_EQ(status_of(refusal), one.is_ours ? 0 : 421) << one.host;
    if (one.is_ours) continue;
    EXPECT_NE(refusal->body.find("servers.webui.hosts"), std::string::npos);
  }
}

TEST(AccessRules, OnlyPagesOfOursMayAsk) {
  const AccessRules rules({.hosts = {"cairn.example.org", "localhost:8080"},
                           .origins = {"https://other.example", "http://dev.example:5173"}});
  struct Case {
    const char* origin;
    bool is_ours;
  };
  for (const Case& one : {
           Case{"https://cairn.example.org", true},
           Case{"http://cairn.example.org", true},
           Case{"http://cairn.example.org:8080", true},
           Case{"http://localhost:8080", true},
           Case{"https://other.example", true},
           Case{"https://other.example:443", true},
           Case{"http://dev.example:5173", true},
           Case{"http://other.example", false},
           Case{"https://dev.example:5173", false},
           Case{"http://localhost", false},
           Case{"http://localhost:9999", false},
           Case{"https://cairn.example.org:444", false},
           Case{"https://evil.example", false},
           Case{"https://cairn.example.org.evil.example", false},
           Case{"https://evil.example/cairn.example.org", false},
           Case{"null", false},
           Case{"file://", false},
           Case{"chrome-extension://cairn.example.org", false},
           Case{"https://cairn.example.org, https://evil.example", false},
       }) {
    for (const char* method : {"GET", "POST"}) {
      // What the browser says of the site does not count where the origin is known.
      const auto refusal = rules.check_source(
          request(method, {{"host", "cairn.example.org"},
                           {"origin", one.origin},
                           {"sec-fetch-site", one.is_ours ? "same-site" : "same-origin"}}),
          remote_peer(), true);
      EXPECT_EQ(status_of(refusal), one.is_ours ? 0 : 403) << method << ' ' << one.origin;
    }
  }
}

TEST(AccessRules, WithoutAnOriginTheBrowserSaysWhetherItIsOurPage) {
  const AccessRules rules({});
  struct Case {
    const char* method;
    const char* site;
    const char* mode;
    const char* dest;
    bool is_page;
    bool is_let_in;
  };
  for (const Case& one : {
           Case{"GET", kNoHeader, kNoHeader, kNoHeader, false, true},  // a program
           Case{"GET", "none", "navigate", "document", true, true},    // typed in
           Case{"GET", "same-origin", "cors", "empty", false, true},
           Case{"GET", "cross-site", "navigate", "document", true, true},  // a link
           Case{"GET", "cross-site", "navigate", "document", false, false},
           Case{"GET", "cross-site", "navigate", "iframe", true, false},
           Case{"GET", "cross-site", "no-cors", "image", true, false},
           Case{"GET", "cross-site", "no-cors", "script", false, false},
           Case{"GET", "same-site", "no-cors", "script", false, false},
           Case{"POST", "cross-site", "navigate", "document", true, false},  // a form
           Case{"POST", "same-site", "cors", "empty", true, false},
       }) {
    const auto refusal = rules.check_source(request(one.method, {{"host", "127.0.0.1:8080"},
                                                                 {"sec-fetch-site", one.site},
                                                                 {"sec-fetch-mode", one.mode},
                                                                 {"sec-fetch-dest", one.dest}}),
                                            local_peer(0), one.is_page);
    EXPECT_EQ(status_of(refusal), one.is_let_in ? 0 : 403)
        << one.method << ' ' << one.site << ' ' << one.mode << ' ' << one.dest;
  }
}

TEST(AccessRules, OnlyNamedLocalUsersThemselvesNeedNoPassword) {
  const AccessRules rules({.trusted_uids = {0, 1000}});
  EXPECT_TRUE(rules.is_trusted(request("GET", {}), local_peer(0)));
  EXPECT_TRUE(rules.is_trusted(request("GET", {}), local_peer(1000)));
  EXPECT_FALSE(rules.is_trusted(request("GET", {}), local_peer(1001)));
  EXPECT_FALSE(rules.is_trusted(request("GET", {}), remote_peer()));
  for (const char* header : {"x-forwarded-for", "forwarded", "via", "x-real-ip", "x-forwarded-host",
                             "x-forwarded-proto"}) {
    EXPECT_FALSE(rules.is_trusted(request("GET", {{header, "10.0.0.7"}}), local_peer(0))) << header;
  }
}

TEST(AccessRules, WhatNeedsAProofOrAnOriginIsRefusedWithout) {
  const AccessRules rules({.has_password = true});
  const Purpose page{.needs_proof = false, .changes = false};
  const Purpose reading{.needs_proof = true, .changes = false};
  const Purpose changing{.needs_proof = true, .changes = true};
  const Purpose login{.needs_proof = false, .changes = true};
  struct Case {
    Purpose purpose;
    Proof proof;
    bool has_origin;
    int status;
  };
  for (const Case& one : {
           Case{page, Proof::kNone, false, 0},
           Case{reading, Proof::kNone, false, 401},
           Case{reading, Proof::kNone, true, 401},
           Case{reading, Proof::kCookie, false, 0},
           Case{reading, Proof::kUid, false, 0},
           Case{reading, Proof::kBearer, false, 0},
           Case{changing, Proof::kNone, true, 401},
           Case{changing, Proof::kCookie, true, 0},
           Case{changing, Proof::kCookie, false, 403},
           Case{changing, Proof::kUid, false, 0},
           Case{changing, Proof::kBearer, false, 0},
           Case{login, Proof::kNone, true, 0},
           Case{login, Proof::kNone, false, 403},
       }) {
    const auto refusal = rules.check_right(
        request("POST", {{"origin", one.has_origin ? "http://127.0.0.1:8080" : ""}}), one.purpose,
        one.proof);
    EXPECT_EQ(status_of(refusal), one.status) << one.purpose.needs_proof << one.purpose.changes
                                              << static_cast<int>(one.proof) << one.has_origin;
  }
}

TEST(AccessRules, WithoutAPasswordTheRefusalSaysWhoMayComeIn) {
  const auto refusal = AccessRules({}).check_right(request("GET", {}), {}, Proof::kNone);
  EXPECT_EQ(status_of(refusal), 401);
  EXPECT_NE(refusal->body.find("servers.webui.password"), std::string::npos);
}

}  // namespace
}  // namespace cairn::web
