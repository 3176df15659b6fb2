#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "fsd/base/result.h"
#include "fsd/frontends/fuse/door.h"
#include "fsd/frontends/fuse/fuse_api.h"
#include "fsd/frontends/fuse/fuse_server.h"
#include "fsd/frontends/fuse/invalidator.h"
#include "fsd/frontends/fuse/reader_thread.h"

namespace cairn::fuse {

/// What a FuseServer consists of: libfuse's session, and the threads that serve it.
/// Lifetime: stays until no request is under way, since their memory is the session's.
/// Threads: the functions on the FuseServer's, but for what the readers call.
struct MountSession {
  MountSession(Runtime& runtime, vfs::Vfs& vfs, FuseServer::Options wanted, bool uring);

  struct Destroyer {
    void operator()(fuse_session* session) const { fuse_session_destroy(session); }
  };

  FuseServer::Options options;
  std::string target;  // the mountpoint's real path
  Door door;
  fuse_lowlevel_ops operations;
  std::unique_ptr<fuse_session, Destroyer> session;
  Invalidator invalidator;
  std::vector<std::unique_ptr<ReaderThread>> readers;
  std::atomic<int> running{0};
  std::atomic<bool> stopping{false};
  std::atomic<bool> loop_has_ended{false};
  bool over_io_uring = false;
  bool stopped = false;

  Result<void> mount();
  /// Starts the threads; when it returns, the kernel uses the mount.
  Result<void> serve();
  void end_lock_waits();
  /// False if some request still waits when patience ends.
  [[nodiscard]] bool wait_for_requests() const;
  /// What the kernel held is ours again.
  void give_back();

 private:
  void add_readers(int count);
  void add_loop();
  void reader_ended();
  void loop_ended();
  void connection_ended();
};

}  // namespace cairn::fuse
