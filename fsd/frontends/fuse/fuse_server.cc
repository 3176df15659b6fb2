#include "fsd/frontends/fuse/fuse_server.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <utility>

#include "fsd/base/log.h"
#include "fsd/frontends/fuse/kernel_settings.h"
#include "fsd/frontends/fuse/mount_session.h"
#include "fsd/frontends/fuse/stale_mount.h"

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

namespace cairn::fuse {

FuseServer::FuseServer(std::unique_ptr<MountSession> session) : session_(std::move(session)) {}
FuseServer::~FuseServer() { stop(); }

Result<std::unique_ptr<FuseServer>> FuseServer::start(Runtime& runtime, vfs::Vfs& vfs,
                                                      Options options) {
  TRY(std::string target,
      prepare_mountpoint(options.mountpoint, {options.allow_nonempty, options.cache_dir}));
  const bool wants_uring = CAIRN_FUSE_IO_URING != 0 && options.io_uring != IoUring::kOff;
  const bool uring = wants_uring && enable_io_uring();
  if (!uring && options.io_uring == IoUring::kOn) {
    return mount_failure(
        ENOTSUP,
        "FUSE over io_uring needs Linux 6.14, the parameter enable_uring of the module "
        "fuse, and a libfuse built by scripts/libfuse.sh");
  }
  set_io_flusher();
  auto session = std::make_unique<MountSession>(runtime, vfs, std::move(options), uring);
  session->target = std::move(target);
  TRY_OK(session->mount());
  std::unique_ptr<FuseServer> server(new FuseServer(std::move(session)));
  if (auto served = server->session_->serve(); !served) {
    server->stop();
    return std::move(served).error();
  }
  return server;
}

void FuseServer::stop() {
  if (!session_ || session_->stopped) return;
  MountSession& session = *session_;
  session.stopped = true;
  session.stopping.store(true);
  Door& door = session.door;
  session.end_lock_waits();
  // While the threads still serve: the kernel closes files and gives inodes back.
  const bool unmounted = session.running.load() == 0 || unmount_unused(session.target);
  session.invalidator.stop();
  const bool quiet = session.wait_for_requests();
  door.closing.store(true);
  if (!quiet || !session.wait_for_requests()) {
    // Their memory is the rings': it has to stay until the engine ends them.
    log::error("fuse: {} requests still wait for the store; they are left to end by themselves",
               door.in_flight.load());
    [[maybe_unused]] const MountSession* left = session_.release();
    return;
  }
  if (!unmounted) {
    log::info("fuse: {} is still in use; it is taken away from those who use it", session.target);
    if (auto result = unmount(session.target); !result) log::warn("{}", result.error().message());
  }
  fuse_session_exit(session.session.get());
  for (auto& reader : session.readers) reader->join();
  session.give_back();
  session.session.reset();
}

bool FuseServer::uses_io_uring() const { return session_ && session_->over_io_uring; }

std::string FuseServer::description() const {
  if (!session_) return "stopped";
  const std::string library = std::string(", libfuse ") + fuse_pkgversion();
  if (!uses_io_uring()) return std::to_string(session_->running.load()) + " readers" + library;
  return "io_uring, " + std::to_string(sysconf(_SC_NPROCESSORS_CONF)) + " rings of " +
         std::to_string(session_->options.ring_depth) + library;
}

RequestCounts FuseServer::counts() const {
  return session_ ? session_->door.counts.read() : RequestCounts{};
}

const std::string& FuseServer::mountpoint() const {
  CHECK(session_);
  return session_->target;
}

vfs::ChangeListener& FuseServer::listener() {
  CHECK(session_);
  return session_->invalidator;
}

Task<> FuseServer::flush_invalidations() {
  if (!session_) co_return;
  co_await session_->invalidator.flush();
}

void FuseServer::set_io_flusher() { (void)prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0); }

}  // namespace cairn::fuse
