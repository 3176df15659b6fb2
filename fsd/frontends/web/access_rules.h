#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fsd/frontends/web/authority.h"
#include "fsd/frontends/web/request.h"

namespace cairn::web {

/// How a request shows who sent it.
enum class Proof : std::uint8_t { kNone, kCookie, kBearer, kUid };

/// What a request is for.
struct Purpose {
  bool needs_proof = true;     // of who sent it
  bool changes = false;        // more than reading, or becomes a WebSocket
  bool may_be_linked = false;  // a page that other sites may link to
};

/// Who may come in, by what a request says and by who is at the other end of its connection.
/// Against three kinds of strangers: machines and users that do not know the password; pages of
/// other sites, in the browser of somebody who does (their requests carry an Origin or
/// Sec-Fetch-Site that they cannot choose); and pages of a site whose name was made to point here
/// (their Host is that name).
/// Threads: any; it does not change.
class AccessRules {
 public:
  struct Options {
    /// "cairn.example.org", for the ports 80, 443 and those listened on, or with a port. Empty: the
    /// address that a connection came to, and "localhost" if that is us.
    std::vector<std::string> hosts;
    std::vector<std::string> origins;         // let in besides those of our hosts
    std::vector<std::uint32_t> trusted_uids;  // local users who need no password
    bool has_password = false;
  };
  explicit AccessRules(const Options& options);

  /// Whether the request is for us, and from a page of ours or from no page. Else the refusal.
  [[nodiscard]] std::optional<Response> check_source(const Request& request, const WebPeer& peer,
                                                     bool may_be_linked) const;
  /// A local user who needs no password, and not somebody behind a proxy of his.
  [[nodiscard]] bool is_trusted(const Request& request, const WebPeer& peer) const;
  /// Whether a request with this proof may do this. Else the refusal.
  [[nodiscard]] std::optional<Response> check_right(const Request& request, const Purpose& purpose,
                                                    Proof proof) const;

 private:
  [[nodiscard]] bool is_our_host(const Authority& host, const WebPeer& peer) const;
  [[nodiscard]] bool is_our_origin(std::string_view text, const WebPeer& peer) const;

  std::vector<Authority> hosts_;
  std::vector<WebOrigin> origins_;
  std::vector<std::uint32_t> trusted_uids_;
  bool has_password_;
};

}  // namespace cairn::web
