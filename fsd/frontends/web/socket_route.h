#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fsd/frontends/web/request.h"
#include "fsd/runtime/message_socket.h"

namespace cairn::web {

/// Where WebSockets are served, and by whom.
struct SocketRoute {
  std::string path;
  /// In order of preference. The first that a client offers, too, is spoken; none if it offers
  /// none.
  std::vector<std::string> subprotocols;
  std::size_t message_bytes_max = 0;
  /// In the core. Null: nobody can be served at the moment.
  std::function<std::shared_ptr<MessageSocket::User>(
      std::shared_ptr<MessageSocket> socket, const WebPeer& peer, std::string_view subprotocol)>
      accept;
};

}  // namespace cairn::web
