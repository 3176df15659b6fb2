#pragma once

#include <functional>

#include "fsd/base/task.h"
#include "fsd/frontends/web/connection_table.h"
#include "fsd/frontends/web/request.h"
#include "fsd/runtime/runtime.h"

namespace boost::asio {
class io_context;
}

namespace cairn::web {

/// What connections share.
/// Lifetime: outlives them.
struct ConnectionContext {
  Runtime& runtime;
  boost::asio::io_context& io;
  const Limits& limits;
  /// Answers a request, in the core.
  std::function<Task<Response>(Request request, WebPeer peer)> answer;
};

/// Speaks HTTP/1.1 on a connected socket, one request after the other, until the peer, a time-out
/// or stop() ends it, or it becomes a WebSocket. It keeps itself alive.
/// Threads: any.
void serve_http(const ConnectionContext& context, UniqueFd connected, WebPeer peer,
                ConnectionTable::Slot slot);

}  // namespace cairn::web
