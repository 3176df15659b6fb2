#include "fsd/frontends/web/site.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "fsd/base/check.h"
#include "fsd/base/log.h"
#include "fsd/frontends/web/header_values.h"
#include "fsd/runtime/await.h"

namespace cairn::web {

using nlohmann::json;

namespace {

/// A cookie that only ever goes over TLS has a name that nobody else may set.
constexpr const char* kCookie = "cairn";
constexpr const char* kSecureCookie = "__Host-cairn";
constexpr const char* kAnybody = "";  // a token is to be handed on
constexpr Duration kBetweenWrongTold = std::chrono::seconds(1);
constexpr std::size_t kKeyCharacters = 24;  // 16 bytes in base64

/// A browser sends a cookie to every port of the host, so also to servers of other users of this
/// machine: what they get is of no use to them.
std::string owner_of_cookie(const WebPeer& peer) { return peer.uid ? peer.key : "another machine"; }

bool came_by_https(const Request& request) {
  return request.header("origin").starts_with("https://");
}

std::string_view login_cookie(const Request& request) {
  const std::string_view cookies = request.header("cookie");
  const std::string_view secure = cookie_value(cookies, kSecureCookie);
  return secure.empty() ? cookie_value(cookies, kCookie) : secure;
}

Header set_cookie(const Request& request, const std::string& value, Duration lasts) {
  const bool is_secure = came_by_https(request);
  return {"Set-Cookie", fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{}",
                                    is_secure ? kSecureCookie : kCookie, value,
                                    lasts / std::chrono::seconds(1), is_secure ? "; Secure" : "")};
}

Response too_soon(Duration wait) {
  Response response = sentence(429, "Too many wrong passwords: wait a little.");
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  response.headers.push_back({"Retry-After", std::to_string(seconds)});
  return response;
}

/// A request that a browser sends for any page would be a form's: those have other types.
bool has_json_type(const Request& request) {
  const std::string_view type = request.header("content-type");
  return lower_case(type.substr(0, type.find(';'))) == "application/json";
}

bool is_upgrade(const Request& request) {
  return has_token(request.header("connection"), "upgrade") &&
         has_token(request.header("upgrade"), "websocket");
}

Response wrong_method(const char* allowed) {
  Response response = sentence(405, "This is not done with that method.");
  response.headers.push_back({"Allow", allowed});
  return response;
}

}  // namespace

Site::Site(Runtime& runtime, Options options, const Limits& limits)
    : runtime_(runtime),
      options_(std::move(options)),
      rules_(options_.access),
      page_(options_.page_dir),
      guest_(options_.vm_dir),
      logins_(runtime.clock, runtime.random, options_.password, limits) {
  for (const SocketRoute& route : options_.sockets) {
    CHECK(route.message_bytes_max > 0);  // no limit, to Beast
    sockets_.push_back(std::make_shared<const SocketRoute>(route));
  }
}

Site::Asked Site::find(const Request& request) const {
  static constexpr struct {
    std::string_view path;
    Endpoint endpoint;
  } kApi[] = {{"/api/session", Endpoint::kSession},
              {"/api/login", Endpoint::kLogin},
              {"/api/logout", Endpoint::kLogout},
              {"/api/token", Endpoint::kToken},
              {"/api/status", Endpoint::kStatus}};
  constexpr std::string_view kGuestFiles = "/vm";
  auto path = path_of(request.target);
  if (!path) return {};
  for (const auto& socket : sockets_) {
    if (*path == socket->path) return {Endpoint::kSocket, *std::move(path), socket};
  }
  for (const auto& known : kApi) {
    if (*path == known.path) return {known.endpoint, *std::move(path), nullptr};
  }
  if (path->starts_with("/api/") || path->starts_with("/ws/")) return {};
  if (path->starts_with("/vm/")) {
    return {Endpoint::kGuestFile, path->substr(kGuestFiles.size()), nullptr};
  }
  return {Endpoint::kFile, *std::move(path), nullptr};
}

/// A wrong token is refused even where none is needed.
Site::Sender Site::identify(const Request& request, const WebPeer& peer) {
  if (request.has("authorization")) {
    const std::string_view token = bearer_of(request.header("authorization"));
    if (logins_.use(Logins::Kind::kToken, token, kAnybody)) {
      return {Proof::kBearer, std::nullopt, logins_.key_of(token)};
    }
    switch (logins_.try_password(token, peer.key)) {
      case Logins::Answer::kRight:
        return {Proof::kBearer, std::nullopt, std::nullopt};
      case Logins::Answer::kTooSoon:
        return {Proof::kNone, too_soon(logins_.wait(peer.key)), std::nullopt};
      case Logins::Answer::kWrong:
        break;
    }
    tell_of_wrong(peer);
    return {Proof::kNone, sentence(401, "The token or the password is wrong."), std::nullopt};
  }
  if (rules_.is_trusted(request, peer)) return {Proof::kUid, std::nullopt, std::nullopt};
  const std::string_view cookie = login_cookie(request);
  if (!cookie.empty() && logins_.use(Logins::Kind::kCookie, cookie, owner_of_cookie(peer))) {
    return {Proof::kCookie, std::nullopt, logins_.key_of(cookie)};
  }
  return {};
}

Task<Response> Site::answer(Request request, WebPeer peer) {
  const Asked asked = find(request);
  const bool is_file = asked.endpoint == Endpoint::kFile;
  if (auto refusal = rules_.check_source(request, peer, is_file)) co_return *std::move(refusal);
  const Sender sender = identify(request, peer);
  if (sender.refusal) co_return *sender.refusal;
  const bool is_public = is_file || asked.endpoint == Endpoint::kSession ||
                         asked.endpoint == Endpoint::kLogin || asked.endpoint == Endpoint::kNothing;
  const Purpose purpose{.needs_proof = !is_public,
                        .changes = !request.is_read() || asked.endpoint == Endpoint::kSocket,
                        .may_be_linked = is_file};
  if (auto refusal = rules_.check_right(request, purpose, sender.proof)) {
    co_return *std::move(refusal);
  }
  const bool is_post = asked.endpoint == Endpoint::kLogin || asked.endpoint == Endpoint::kLogout ||
                       asked.endpoint == Endpoint::kToken;
  if (is_post ? request.method != "POST" : !request.is_read()) {
    co_return wrong_method(is_post ? "POST" : "GET, HEAD");
  }
  if (is_post && !has_json_type(request)) {
    co_return sentence(415, "This takes JSON: Content-Type: application/json.");
  }
  switch (asked.endpoint) {
    case Endpoint::kFile:
      co_return co_await answer_file(page_, "the page", std::move(request), asked.path);
    case Endpoint::kGuestFile:
      co_return co_await answer_file(guest_, "the guest's image", std::move(request), asked.path);
    case Endpoint::kSocket:
      co_return upgrade(request, sender.login ? bind(asked.socket, *sender.login) : asked.socket);
    case Endpoint::kSession:
      co_return session(sender.proof);
    case Endpoint::kLogin:
      co_return log_in(request, peer);
    case Endpoint::kLogout:
      co_return log_out(request);
    case Endpoint::kToken:
      co_return make_token();
    case Endpoint::kStatus: {
      if (!options_.status) break;
      std::string report = co_await options_.status();
      co_return json_response(std::move(report));
    }
    case Endpoint::kNothing:
      break;
  }
  co_return sentence(404, "There is nothing of that name.");
}

Task<Response> Site::answer_file(const StaticFiles& files, std::string what, Request request,
                                 std::string path) {
  Response response = co_await RunOn(runtime_.pool, runtime_.core, [&] {
    if (files.exists()) return files.answer(request, path);
    return sentence(404, "The files of " + what + " are not in " + files.directory() +
                             ": build them, install them, or say where they are in servers.webui.");
  });
  co_return response;
}

Response Site::session(Proof proof) const {
  const bool is_known = proof != Proof::kNone;
  json report = {{"authenticated", is_known},
                 {"login_required", !is_known},
                 {"login_possible", logins_.has_password()},
                 {"version", options_.facts.version}};
  if (is_known) {
    report["volume"] = options_.facts.volume;
    report["uid"] = options_.facts.uid;
    report["gid"] = options_.facts.gid;
    report["guest_root"] = options_.facts.guest_root;
  }
  return json_response(report.dump());
}

Response Site::log_in(const Request& request, const WebPeer& peer) {
  if (!logins_.has_password()) return sentence(403, "No servers.webui.password is set.");
  const json body = json::parse(request.body, nullptr, false);
  if (!body.is_object() || !body.contains("password") || !body["password"].is_string()) {
    return sentence(400, "This takes {\"password\": \"...\"}.");
  }
  switch (logins_.try_password(body["password"].get_ref<const std::string&>(), peer.key)) {
    case Logins::Answer::kTooSoon:
      return too_soon(logins_.wait(peer.key));
    case Logins::Answer::kWrong:
      tell_of_wrong(peer);
      return sentence(403, "The password is wrong.");
    case Logins::Answer::kRight:
      break;
  }
  const Logins::Key before = logins_.key_of(login_cookie(request));
  logins_.close(Logins::Kind::kCookie, login_cookie(request));
  const std::string id = logins_.open(Logins::Kind::kCookie, owner_of_cookie(peer));
  while (auto socket = open_.extract(before)) {
    socket.key() = logins_.key_of(id);
    open_.insert(std::move(socket));
  }
  Response response = json_response(R"({"authenticated":true})");
  response.headers.push_back(set_cookie(request, id, logins_.idle_max()));
  return response;
}

/// Anybody may guess, but not fill the log.
void Site::tell_of_wrong(const WebPeer& peer) {
  ++wrong_;
  const Duration now = runtime_.clock.monotonic();
  if (now < next_wrong_told_) return;
  next_wrong_told_ = now + kBetweenWrongTold;
  log::warn("web: {}: a wrong password or token ({} so far)", peer.name, wrong_);
}

/// What a login has let in goes with it.
void Site::end(Logins::Kind kind, std::string_view id) {
  logins_.close(kind, id);
  const Logins::Key login = logins_.key_of(id);
  if (logins_.has(login)) return;  // of the other kind
  const auto [first, last] = open_.equal_range(login);
  for (auto one = first; one != last; ++one) {
    if (const auto socket = one->second.lock()) socket->close(kClosePolicy, "logged out");
  }
  open_.erase(first, last);
}

/// The same route, for a socket that lasts no longer than the login.
std::shared_ptr<const SocketRoute> Site::bind(std::shared_ptr<const SocketRoute> route,
                                              const Logins::Key& login) {
  auto bound = std::make_shared<SocketRoute>(*route);
  bound->accept = [this, route, login](std::shared_ptr<MessageSocket> socket, const WebPeer& peer,
                                       std::string_view subprotocol) {
    if (!logins_.has(login)) return std::shared_ptr<MessageSocket::User>();
    std::erase_if(open_, [](const auto& entry) { return entry.second.expired(); });
    open_.emplace(login, socket);
    return route->accept(std::move(socket), peer, subprotocol);
  };
  return bound;
}

Response Site::log_out(const Request& request) {
  end(Logins::Kind::kCookie, login_cookie(request));
  end(Logins::Kind::kToken, bearer_of(request.header("authorization")));
  Response response = json_response(R"({"authenticated":false})");
  response.headers.push_back(set_cookie(request, "", Duration{}));
  return response;
}

Response Site::make_token() {
  return json_response(json{{"token", logins_.open(Logins::Kind::kToken, kAnybody)}}.dump());
}

Response Site::upgrade(const Request& request, std::shared_ptr<const SocketRoute> route) {
  if (!is_upgrade(request)) return sentence(426, "Only WebSockets are served here.");
  if (request.header("sec-websocket-version") != "13") {
    Response response = sentence(426, "Only version 13 of WebSockets is spoken here.");
    response.headers.push_back({"Sec-WebSocket-Version", "13"});
    return response;
  }
  if (request.method != "GET" || request.header("sec-websocket-key").size() != kKeyCharacters) {
    return sentence(400, "This is no request for a WebSocket.");
  }
  Response response{.status = 101};
  for (const std::string& ours : route->subprotocols) {
    if (!has_token(request.header("sec-websocket-protocol"), ours)) continue;
    response.subprotocol = ours;
    break;
  }
  response.socket = std::move(route);
  return response;
}

}  // namespace cairn::web
