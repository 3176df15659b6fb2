#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fsd/base/task.h"
#include "fsd/frontends/web/access_rules.h"
#include "fsd/frontends/web/logins.h"
#include "fsd/frontends/web/request.h"
#include "fsd/frontends/web/socket_route.h"
#include "fsd/frontends/web/static_files.h"
#include "fsd/runtime/runtime.h"

namespace cairn::web {

/// What /api/session tells of the daemon.
struct SiteFacts {
  std::string volume;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  bool guest_root = false;
  std::string version;
};

/// What is answered to each request: who may come in, then the page and the guest's files, the
/// interface below /api/, and WebSockets.
/// Lifetime: outlives the Tasks of answer().   Threads: core only.
class Site {
 public:
  struct Options {
    AccessRules::Options access;
    std::optional<std::string> password;
    std::string page_dir;
    std::string vm_dir;
    SiteFacts facts;
    std::function<Task<std::string>()> status;  // JSON; may be empty
    std::vector<SocketRoute> sockets;
  };
  Site(Runtime& runtime, Options options, const Limits& limits);

  Task<Response> answer(Request request, WebPeer peer);

 private:
  enum class Endpoint : std::uint8_t {
    kFile,
    kGuestFile,
    kSocket,
    kSession,
    kLogin,
    kLogout,
    kToken,
    kStatus,
    kNothing
  };
  struct Asked {
    Endpoint endpoint = Endpoint::kNothing;
    std::string path;
    std::shared_ptr<const SocketRoute> socket;
  };
  /// Who sent it, or why it is not even asked on.
  struct Sender {
    Proof proof = Proof::kNone;
    std::optional<Response> refusal;
    std::optional<Logins::Key> login;  // that the proof is of
  };

  [[nodiscard]] Asked find(const Request& request) const;
  Sender identify(const Request& request, const WebPeer& peer);
  Task<Response> answer_file(const StaticFiles& files, std::string what, Request request,
                             std::string path);
  [[nodiscard]] Response session(Proof proof) const;
  Response log_in(const Request& request, const WebPeer& peer);
  Response log_out(const Request& request);
  Response make_token();
  void tell_of_wrong(const WebPeer& peer);
  [[nodiscard]] static Response upgrade(const Request& request,
                                        std::shared_ptr<const SocketRoute> route);
  [[nodiscard]] std::shared_ptr<const SocketRoute> bind(std::shared_ptr<const SocketRoute> route,
                                                        const Logins::Key& login);
  void end(Logins::Kind kind, std::string_view id);

  Runtime& runtime_;
  const Options options_;
  const AccessRules rules_;
  const StaticFiles page_;
  const StaticFiles guest_;
  std::vector<std::shared_ptr<const SocketRoute>> sockets_;
  Logins logins_;
  std::multimap<Logins::Key, std::weak_ptr<MessageSocket>> open_;  // sockets, by their login
  std::uint64_t wrong_ = 0;     // passwords and tokens
  Duration next_wrong_told_{};  // in the log
};

}  // namespace cairn::web
