#pragma once

// The kernel's requests, as libfuse calls them. Each callback copies its few arguments and
// dispatches a coroutine into the core, which runs on the spot when the core is free. A callback
// never waits: it may hold a ring's lock that an answer from inside the core needs.

#include <cerrno>
#include <type_traits>
#include <utility>

#include "fsd/frontends/fuse/fuse_api.h"
#include "fsd/frontends/fuse/request.h"

namespace cairn::fuse {

/// All callbacks; the session's userdata is the Door.
[[nodiscard]] fuse_lowlevel_ops handlers();

void add_attribute_handlers(fuse_lowlevel_ops& ops);
void add_directory_handlers(fuse_lowlevel_ops& ops);
void add_file_handlers(fuse_lowlevel_ops& ops);
void add_lock_handlers(fuse_lowlevel_ops& ops);
void add_name_handlers(fuse_lowlevel_ops& ops);

[[nodiscard]] inline Door& door_of(fuse_req_t request) {
  return *static_cast<Door*>(fuse_req_userdata(request));
}

/// Those that wait for the store, or for room, if its process can be killed meanwhile. Not the ones
/// that nobody waits for, nor those that wait for a lock, which any signal ends (LockWaits).
[[nodiscard]] constexpr bool may_be_abandoned(RequestKind kind) {
  switch (kind) {
    case RequestKind::kForget:
    case RequestKind::kFlush:
    case RequestKind::kRelease:
    case RequestKind::kReleasedir:
    case RequestKind::kGetlk:
    case RequestKind::kSetlk:
    case RequestKind::kFlock:
      return false;
    default:
      return true;
  }
}

/// Runs `body(request, arguments...)` in the core, now or later.
template <class... Arguments>
void enter(fuse_req_t raw, RequestKind kind, Task<> (*body)(Request, Arguments...),
           std::type_identity_t<Arguments>... arguments) {
  Door& door = door_of(raw);
  Request request(door, raw, kind);
  if (door.closing.load()) {
    request.error(ENOTCONN);
    return;
  }
  door.core.dispatch(
      [request = std::move(request), body, kind, ... arguments = std::move(arguments)]() mutable {
        WaitingRequests& waiting = request.door().waiting;
        if (may_be_abandoned(kind)) waiting.add(request);
        Task<> task = body(std::move(request), std::move(arguments)...);
        if (may_be_abandoned(kind) && !task.done()) waiting.watch();
        std::move(task).detach();
      });
}

}  // namespace cairn::fuse
