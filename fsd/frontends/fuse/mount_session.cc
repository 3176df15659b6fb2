#include "fsd/frontends/fuse/mount_session.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <future>
#include <string_view>
#include <thread>
#include <utility>

#include "fsd/base/log.h"
#include "fsd/frontends/fuse/handlers.h"
#include "fsd/frontends/fuse/kernel_messages.h"
#include "fsd/frontends/fuse/kernel_settings.h"
#include "fsd/frontends/fuse/stale_mount.h"
#include "fsd/runtime/blocking.h"

namespace cairn::fuse {
namespace {

constexpr unsigned kReadAheadKib = 2048;
constexpr std::size_t kLockWaitsWithoutRings = 4096;
constexpr int kRingEntriesKeptFree = 32;  // of each ring, for those who do not wait for a lock
constexpr auto kStartPatience = std::chrono::seconds(20);
constexpr auto kStopPatience = std::chrono::seconds(10);

void forward_log(fuse_log_level level, const char* format, va_list arguments) {
  char line[512];
  vsnprintf(line, sizeof line, format, arguments);
  std::string_view text(line);
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (level <= FUSE_LOG_ERR) {
    log::error("libfuse: {}", text);
  } else if (level <= FUSE_LOG_NOTICE) {
    log::warn("libfuse: {}", text);
  } else {
    log::debug("libfuse: {}", text);
  }
}

/// A mount option's value: no comma, no space.
std::string harmless(const std::string& name) {
  std::string out;
  for (const char c : name) {
    const bool fine = std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                      std::string_view("._:/@-").find(c) != std::string_view::npos;
    out.push_back(fine ? c : '_');
  }
  return out;
}

std::string mount_options(const FuseServer::Options& options, bool io_uring) {
  const bool root = geteuid() == 0;
  std::string text = "fsname=cairn:" + harmless(options.volume_name);
  text += ",subtype=cairn,default_permissions";
  if (options.allow_other || root) text += ",allow_other";
  if (options.read_only) text += ",ro";
  if (io_uring) text += ",io_uring,io_uring_q_depth=" + std::to_string(options.ring_depth);
  return text;
}

Door make_door(Runtime& runtime, vfs::Vfs& vfs, const FuseServer::Options& options, bool uring) {
  const std::size_t lanes = uring ? static_cast<std::size_t>(sysconf(_SC_NPROCESSORS_CONF)) : 1;
  const std::size_t waits_max =
      uring ? static_cast<std::size_t>(
                  std::max(options.ring_depth - kRingEntriesKeptFree, options.ring_depth / 2))
            : kLockWaitsWithoutRings;
  const auto seconds = static_cast<double>(options.cache_time.count());
  return {runtime, vfs, options.client, seconds, uring, lanes, waits_max};
}

}  // namespace

MountSession::MountSession(Runtime& runtime, vfs::Vfs& vfs, FuseServer::Options wanted, bool uring)
    : options(std::move(wanted)),
      door(make_door(runtime, vfs, options, uring)),
      operations(handlers()),
      invalidator(runtime.core, options.client) {}

Result<void> MountSession::mount() {
  fuse_set_log_func(forward_log);
  fuse_args arguments = FUSE_ARGS_INIT(0, nullptr);
  fuse_opt_add_arg(&arguments, "cairn");
  fuse_opt_add_arg(&arguments, "-o");
  fuse_opt_add_arg(&arguments, mount_options(options, door.io_uring).c_str());
  session.reset(fuse_session_new(&arguments, &operations, sizeof operations, &door));
  fuse_opt_free_args(&arguments);
  if (!session) return mount_failure(EINVAL, "libfuse refused the options of the mount");
  if (fuse_session_mount(session.get(), target.c_str()) != 0) {
    return mount_failure(EPERM, "nothing can be mounted on " + target +
                                    ": is there /dev/fuse, may this user open it, and for those "
                                    "who are not root is there fusermount3 (Debian's package "
                                    "fuse3)?");
  }
  return {};
}

void MountSession::reader_ended() {
  door.begin(false);  // if nothing ever came
  if (running.fetch_sub(1) == 1 && !stopping.load()) {
    log::warn("fuse: {} was unmounted", target);
    if (options.on_unmounted) options.on_unmounted();
  }
}

void MountSession::add_readers(int count) {
  running.fetch_add(count);
  for (int i = 0; i < count; ++i) {
    readers.push_back(std::make_unique<ReaderThread>(
        session.get(), [this](std::uint64_t unique) { on_interrupt(door, unique); },
        [this] { reader_ended(); }));
  }
}

/// With io_uring libfuse's own loop has to run, since it alone ends the rings.
void MountSession::add_loop() {
  running.fetch_add(1);
  door.on_connection_end = [this] { connection_ended(); };
  readers.push_back(std::make_unique<ReaderThread>(
      [this] {
        FuseServer::set_io_flusher();
        fuse_session_loop(session.get());
      },
      [this] { loop_ended(); }));
}

void MountSession::loop_ended() {
  if (!loop_has_ended.exchange(true)) reader_ended();
}

/// Whoever takes the mount away by force, or aborts its connection, does not ask whether requests
/// are under way. The loop ends the rings when it returns, and their answers are written to the
/// rings' memory: so it has to wait for them. That may take as long as the store is away; that the
/// mount is gone is told at once.
void MountSession::connection_ended() {
  loop_ended();
  end_lock_waits();
  door.closing.store(true);  // a ring's thread may still hold some that the kernel had handed over
  while (door.in_flight.load() != 0) {
    // tidy-allow(sleep): nobody waits for this thread; a wake-up would cost every request
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void MountSession::end_lock_waits() {
  for (const std::uint64_t unique : door.lock_waits.interrupt_all()) {
    door.core.dispatch([this, unique] { door.vfs.cancel_lock_wait(unique); });
  }
}

Result<void> MountSession::serve() {
#if CAIRN_FUSE_IO_URING
  if (door.io_uring) {
    TRY_OK(see_messages(session.get()));
    add_loop();
  }
#endif
  if (!door.io_uring) add_readers(std::max(options.readers, 1));
  invalidator.start(session.get());
  // Not by asking our own mount: a daemon that is killed while it waits for its own answer never
  // dies, since the kernel waits for the answer and the mount's end stays open until it is dead.
  auto serving = door.serving.get_future();
  if (serving.wait_for(kStartPatience) != std::future_status::ready) {
    return mount_failure(ETIMEDOUT, "the kernel does not begin to use the mount on " + target);
  }
  over_io_uring = serving.get();
  if (door.io_uring && !over_io_uring) {
    if (options.io_uring == IoUring::kOn) {
      return mount_failure(
          ENOTSUP,
          "the kernel does not serve FUSE over io_uring: set servers.fuse.io_uring "
          "to \"auto\" or \"off\"");
    }
    add_readers(std::max(options.readers - 1, 1));
  }
  set_read_ahead(target, kReadAheadKib);
  return {};
}

bool MountSession::wait_for_requests() const {
  using Clock = std::chrono::steady_clock;  // tidy-allow(clock): a real kernel's patience
  const auto deadline = Clock::now() + kStopPatience;
  while (door.in_flight.load() != 0) {
    if (Clock::now() > deadline) return false;
    // tidy-allow(sleep): whoever stops the daemon waits; a wake-up would cost every request
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

void MountSession::give_back() {
  call_blocking(door.core, [this] {
    door.waiting.stop();
    for (const auto& [ino, count] : door.lookups.take_all()) door.vfs.forget(ino, count);
    door.vfs.drop_client(door.client);
  });
}

}  // namespace cairn::fuse
