#pragma once

#include <functional>
#include <memory>

#include "fsd/frontends/ninep/session.h"
#include "fsd/runtime/message_socket.h"

namespace cairn::p9 {

/// A Session on a connection that carries one 9P message in each of its messages; it lasts as long
/// as the connection.
/// Lifetime: the socket keeps it; `exported` and `door` outlive it.   Threads: core only; `on_end`
/// is called once, when the session holds nothing any more.
std::shared_ptr<MessageSocket::User> make_message_session(Door& door, const Export& exported,
                                                          Peer peer,
                                                          std::shared_ptr<MessageSocket> socket,
                                                          std::function<void()> on_end);

}  // namespace cairn::p9
