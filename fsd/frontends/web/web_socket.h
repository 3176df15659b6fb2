#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "fsd/frontends/web/connection_table.h"
#include "fsd/frontends/web/request.h"
#include "fsd/frontends/web/socket_route.h"
#include "fsd/runtime/runtime.h"

namespace cairn::web {

/// A request to become a WebSocket, granted.
struct Upgrade {
  std::string target;
  std::string host;
  std::string key;  // Sec-WebSocket-Key
  std::shared_ptr<const SocketRoute> route;
  std::string subprotocol;
  WebPeer peer;
};

/// Answers the request, and then carries binary messages between the peer and whom the route brings
/// in. It keeps itself alive until either side ends it, the peer is silent for too long, or it is
/// stopped.
/// Threads: any; `socket` runs on a strand. `limits` outlives it.
void serve_web_socket(Runtime& runtime, const Limits& limits, boost::asio::ip::tcp::socket socket,
                      Upgrade upgrade, ConnectionTable::Slot slot);

}  // namespace cairn::web
