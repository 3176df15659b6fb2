#include "fsd/frontends/web/access_rules.h"

#include <algorithm>

namespace cairn::web {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

/// A proxy says by these that somebody else is behind it.
constexpr const char* kForwarding[] = {"forwarded",        "via",       "x-forwarded-for",
                                       "x-forwarded-host", "x-real-ip", "x-forwarded-proto",
                                       "cf-connecting-ip"};

bool is_http_port(std::optional<std::uint16_t> port) {
  return !port || *port == kHttpPort || *port == kHttpsPort;
}

/// Of another site's page, as the browser says; a link that somebody followed is none.
bool is_cross_site(const Request& request, bool may_be_linked) {
  const std::string_view site = request.header("sec-fetch-site");
  if (site.empty() || site == "same-origin" || site == "none") return false;
  const bool is_link = request.header("sec-fetch-mode") == "navigate" &&
                       request.header("sec-fetch-dest") == "document";
  return !(may_be_linked && is_link && request.is_read());
}

}  // namespace

AccessRules::AccessRules(const Options& options)
    : trusted_uids_(options.trusted_uids), has_password_(options.has_password) {
  for (const std::string& text : options.hosts) {
    if (auto host = parse_authority(text)) hosts_.push_back(*std::move(host));
  }
  for (const std::string& text : options.origins) {
    if (auto origin = parse_origin(text)) origins_.push_back(*std::move(origin));
  }
}

bool AccessRules::is_our_host(const Authority& host, const WebPeer& peer) const {
  if (hosts_.empty()) {
    if (host.host != peer.our_host && !(peer.is_localhost && host.host == "localhost"))
      return false;
    return host.port ? *host.port == peer.our_port : peer.our_port == kHttpPort;
  }
  return std::ranges::any_of(hosts_, [&](const Authority& ours) {
    if (ours.host != host.host) return false;
    if (!ours.port) return is_http_port(host.port) || *host.port == peer.our_port;
    return host.port ? *host.port == *ours.port : is_http_port(ours.port);
  });
}

bool AccessRules::is_our_origin(std::string_view text, const WebPeer& peer) const {
  const auto origin = parse_origin(text);
  if (!origin) return false;
  return is_our_host(origin->authority, peer) ||
         std::ranges::find(origins_, *origin) != origins_.end();
}

std::optional<Response> AccessRules::check_source(const Request& request, const WebPeer& peer,
                                                  bool may_be_linked) const {
  const auto host = parse_authority(request.header("host"));
  if (!host || !is_our_host(*host, peer)) {
    return sentence(421,
                    "This daemon does not know itself by the name in the request: name it in "
                    "servers.webui.hosts if it is right.");
  }
  if (request.has("origin")) {
    if (is_our_origin(request.header("origin"), peer)) return std::nullopt;
    return sentence(403,
                    "Pages of other origins may not use this daemon: name the origin in "
                    "servers.webui.origins if it should.");
  }
  if (is_cross_site(request, may_be_linked)) {
    return sentence(403, "Pages of other sites may not use this daemon.");
  }
  return std::nullopt;
}

bool AccessRules::is_trusted(const Request& request, const WebPeer& peer) const {
  if (!peer.uid || std::ranges::find(trusted_uids_, *peer.uid) == trusted_uids_.end()) return false;
  return std::ranges::none_of(kForwarding, [&](const char* header) { return request.has(header); });
}

std::optional<Response> AccessRules::check_right(const Request& request, const Purpose& purpose,
                                                 Proof proof) const {
  if (purpose.needs_proof && proof == Proof::kNone) {
    Response refusal = sentence(
        401, has_password_ ? "A login is needed: POST /api/login, or Authorization: Bearer."
                           : "Only root, the daemon's user and servers.webui.uid may use this "
                             "daemon, as no servers.webui.password is set.");
    refusal.headers.push_back({"WWW-Authenticate", "Bearer realm=\"cairn\""});
    return refusal;
  }
  // A browser says where a page is from that does such things; a program need not.
  const bool is_program = proof == Proof::kBearer || proof == Proof::kUid;
  if (purpose.changes && !is_program && !request.has("origin")) {
    return sentence(403, "The request has no Origin: programs use Authorization: Bearer.");
  }
  return std::nullopt;
}

}  // namespace cairn::web
