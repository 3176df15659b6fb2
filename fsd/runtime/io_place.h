#pragma once

#include "fsd/runtime/strand.h"

namespace boost::asio {
class io_context;
}

namespace cairn {

/// Where sockets live: an io_context, and what runs work on its threads. Both outlive the copies.
struct IoPlace {
  boost::asio::io_context& io;
  Executor& executor;
};

}  // namespace cairn
