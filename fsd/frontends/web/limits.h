#pragma once

#include <cstddef>
#include <cstdint>

#include "fsd/base/clock.h"

namespace cairn::web {

/// What bounds a client, whatever it does.
struct Limits {
  std::uint32_t head_bytes_max = 16U << 10;  // of a request: its line and its headers
  std::uint64_t body_bytes_max = 64U << 10;
  std::size_t connections_max = 512;
  /// ... from one address of another machine, or of one user of this one.
  std::size_t connections_per_peer_max = 128;
  /// From the end of an answer, or from connecting, to the end of the next request.
  Duration request_timeout = std::chrono::seconds(30);
  /// For each piece of an answer.
  Duration write_timeout = std::chrono::seconds(30);
  std::size_t piece_bytes = 256U << 10;  // of a file, read and sent at once
  /// Between two pings over a WebSocket; a peer that three are lost on is gone.
  Duration ping_every = std::chrono::seconds(10);
  /// How long a WebSocket's peer may take for what was sent, and for saying goodbye.
  Duration close_timeout = std::chrono::seconds(3);

  std::size_t logins_max = 256;  // past them the one goes that was not used for longest
  Duration login_idle_max = std::chrono::hours(24 * 30);
  std::size_t wrong_passwords_kept_max = 1024;  // addresses
};

}  // namespace cairn::web
