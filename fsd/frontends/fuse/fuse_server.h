#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/frontends/fuse/request_counts.h"
#include "fsd/runtime/runtime.h"
#include "fsd/vfs/vfs.h"

namespace cairn::fuse {

struct MountSession;

enum class IoUring : std::uint8_t { kAuto, kOn, kOff };

/// The volume as a mounted directory of this machine.
///
/// Requests come over io_uring (a ring per CPU) where the kernel and libfuse have it, else by
/// several threads in read(2); each is run in the core by the thread that got it. The kernel keeps
/// names, attributes and pages for as long as it likes: Vfs tells listener() of changes through
/// other doors, which are passed on to it.
///
/// Lifetime: within the Runtime's and the Vfs's, whose listener() must be taken off before.
/// Threads: start(), stop() from outside the core, where they may block; flush_invalidations() and
/// listener() belong to the core; the rest from any.
class FuseServer {
 public:
  struct Options {
    std::string mountpoint;
    std::string volume_name;   // shown as the mount's source, "cairn:<name>"
    std::uint64_t client = 1;  // Caller::client of all requests: not 0, different per door
    bool allow_other = false;  // root allows others in any case
    bool read_only = false;
    bool allow_nonempty = false;
    std::string cache_dir;  // must not overlap with the mountpoint
    IoUring io_uring = IoUring::kAuto;
    int readers = 8;       // threads, where io_uring is not used
    int ring_depth = 128;  // requests per ring that may wait at a time
    std::chrono::seconds cache_time = std::chrono::hours(24 * 30);
    /// The mount is gone and it was not stop(): somebody unmounted it. Called on a thread that
    /// stop() waits for, so it must pass the word on and return.
    std::function<void()> on_unmounted;
  };

  /// Mounts. When it returns, the mount answers.
  /// Fails with: a sentence for people in the error's detail.
  static Result<std::unique_ptr<FuseServer>> start(Runtime& runtime, vfs::Vfs& vfs,
                                                   Options options);
  ~FuseServer();
  FuseServer(const FuseServer&) = delete;
  FuseServer& operator=(const FuseServer&) = delete;

  /// Unmounts (lazily if the mount is in use), lets requests in flight end, and ends all threads.
  /// Blocked lock requests end with EINTR. May be called again.
  void stop();

  [[nodiscard]] bool uses_io_uring() const;
  /// "io_uring, 4 rings of 128" or "8 readers", and libfuse's version.
  [[nodiscard]] std::string description() const;
  [[nodiscard]] RequestCounts counts() const;
  [[nodiscard]] const std::string& mountpoint() const;

  /// To be told of changes by the Vfs (by way of whoever tells all doors).
  [[nodiscard]] vfs::ChangeListener& listener();
  /// Returns when the kernel has dropped whatever changes up to now made wrong. Another door awaits
  /// this before it answers a request that changed something.
  Task<> flush_invalidations();

  /// The kernel must not make the daemon write back through its own mount to get memory. Inherited
  /// by threads made afterwards: to be called first in main(). Does nothing without the right to.
  static void set_io_flusher();

 private:
  explicit FuseServer(std::unique_ptr<MountSession> session);
  std::unique_ptr<MountSession> session_;
};

}  // namespace cairn::fuse
