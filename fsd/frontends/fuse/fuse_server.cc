#include "fsd/frontends/fuse/fuse_server.h"

#include <linux/fuse.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstring>
#include <future>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "fsd/base/log.h"
#include "fsd/frontends/fuse/door.h"
#include "fsd/frontends/fuse/fuse_api.h"
#include "fsd/frontends/fuse/handlers.h"
#include "fsd/frontends/fuse/invalidator.h"
#include "fsd/frontends/fuse/kernel_settings.h"
#include "fsd/frontends/fuse/reader_thread.h"
#include "fsd/frontends/fuse/stale_mount.h"
#include "fsd/runtime/blocking.h"

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

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

void on_interrupt(Door& door, std::uint64_t unique) {
  door.counts.add(RequestKind::kInterrupt);
  const bool lock = door.lock_waits.interrupt(unique);
  door.core.dispatch([&door, unique, lock] {
    if (lock) {
      door.vfs.cancel_lock_wait(unique);
    } else {
      door.waiting.on_interrupt(unique);
    }
  });
}

#if CAIRN_FUSE_IO_URING
/// libfuse's loop reads through this: what is an interrupt, libfuse does not get to see.
ssize_t read_message(int fd, void* buffer, std::size_t size, void* userdata) {
  for (;;) {
    const ssize_t got = ::read(fd, buffer, size);
    if (got <= 0) {
      const int error = errno;
      const bool goes_on = got < 0 && (error == EINTR || error == EAGAIN || error == ENOENT);
      if (!goes_on) static_cast<Door*>(userdata)->on_connection_end();
      errno = error;
      return got;
    }
    const auto interrupt =
        parse_interrupt({static_cast<const char*>(buffer), static_cast<std::size_t>(got)});
    if (!interrupt.is) return got;
    on_interrupt(*static_cast<Door*>(userdata), interrupt.unique);
  }
}

/// Did libfuse start the rings? Its answer to INIT, the first that it writes, says so.
bool agrees_to_io_uring(std::span<const iovec> parts) {
  constexpr std::uint64_t kOverIoUring = 1ULL << 41U;  // FUSE_OVER_IO_URING, newer than our headers
  fuse_init_out body{};
  if (parts.size() < 2 || parts[1].iov_len < offsetof(fuse_init_out, flags2) + sizeof body.flags2) {
    return false;
  }
  std::memcpy(&body, parts[1].iov_base, std::min(parts[1].iov_len, sizeof body));
  return ((static_cast<std::uint64_t>(body.flags2) << 32U) & kOverIoUring) != 0;
}

ssize_t write_message(int fd, iovec* parts, int count, void* userdata) {
  Door& door = *static_cast<Door*>(userdata);
  if (!door.began.load(std::memory_order_relaxed)) {
    const bool over_io_uring = agrees_to_io_uring({parts, static_cast<std::size_t>(count)});
    const ssize_t written = ::writev(fd, parts, count);
    door.begin(over_io_uring);
    return written;
  }
  return ::writev(fd, parts, count);
}
#endif

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

struct SessionDeleter {
  void operator()(fuse_session* session) const { fuse_session_destroy(session); }
};

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

struct FuseServer::Parts {
  Parts(Runtime& runtime, vfs::Vfs& vfs, Options wanted, bool uring)
      : options(std::move(wanted)),
        door(make_door(runtime, vfs, options, uring)),
        operations(handlers()),
        invalidator(runtime.core, options.client) {}

  Options options;
  std::string target;  // the mountpoint's real path
  Door door;
  fuse_lowlevel_ops operations;
  std::unique_ptr<fuse_session, SessionDeleter> session;
  Invalidator invalidator;
  std::vector<std::unique_ptr<ReaderThread>> readers;
  std::atomic<int> running{0};
  std::atomic<bool> stopping{false};
  std::atomic<bool> loop_has_ended{false};
  bool over_io_uring = false;
  bool stopped = false;

  Result<void> mount();
  Result<void> serve();
  void add_readers(int count);
  void add_loop();
  void reader_ended();
  void loop_ended();
  void connection_ended();
  void end_lock_waits();
  [[nodiscard]] bool wait_for_requests() const;
  void give_back();
};

Result<void> FuseServer::Parts::mount() {
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

void FuseServer::Parts::reader_ended() {
  door.begin(false);  // if nothing ever came
  if (running.fetch_sub(1) == 1 && !stopping.load()) {
    log::warn("fuse: {} was unmounted", target);
    if (options.on_unmounted) options.on_unmounted();
  }
}

void FuseServer::Parts::add_readers(int count) {
  running.fetch_add(count);
  for (int i = 0; i < count; ++i) {
    readers.push_back(std::make_unique<ReaderThread>(
        session.get(), [this](std::uint64_t unique) { on_interrupt(door, unique); },
        [this] { reader_ended(); }));
  }
}

/// With io_uring libfuse's own loop has to run, since it alone ends the rings.
void FuseServer::Parts::add_loop() {
  running.fetch_add(1);
  door.on_connection_end = [this] { connection_ended(); };
  readers.push_back(std::make_unique<ReaderThread>(
      [this] {
        FuseServer::set_io_flusher();
        fuse_session_loop(session.get());
      },
      [this] { loop_ended(); }));
}

void FuseServer::Parts::loop_ended() {
  if (!loop_has_ended.exchange(true)) reader_ended();
}

/// Whoever takes the mount away by force, or aborts its connection, does not ask whether requests
/// are under way. The loop ends the rings when it returns, and their answers are written to the
/// rings' memory: so it has to wait for them. That may take as long as the store is away; that the
/// mount is gone is told at once.
void FuseServer::Parts::connection_ended() {
  loop_ended();
  end_lock_waits();
  door.closing.store(true);  // a ring's thread may still hold some that the kernel had handed over
  while (door.in_flight.load() != 0) {
    // tidy-allow(sleep): nobody waits for this thread; a wake-up would cost every request
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void FuseServer::Parts::end_lock_waits() {
  for (const std::uint64_t unique : door.lock_waits.interrupt_all()) {
    door.core.dispatch([this, unique] { door.vfs.cancel_lock_wait(unique); });
  }
}

Result<void> FuseServer::Parts::serve() {
#if CAIRN_FUSE_IO_URING
  if (door.io_uring) {
    fuse_custom_io io{};
    io.read = read_message;
    io.writev = write_message;
    const int fd = fuse_session_fd(session.get());
    if (fuse_session_custom_io(session.get(), &io, sizeof io, fd) != 0) {
      return mount_failure(ENOTSUP,
                           "this libfuse was built without custom io: run scripts/libfuse.sh");
    }
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

/// False if some request still waits when patience ends.
bool FuseServer::Parts::wait_for_requests() const {
  using Clock = std::chrono::steady_clock;  // tidy-allow(clock): a real kernel's patience
  const auto deadline = Clock::now() + kStopPatience;
  while (door.in_flight.load() != 0) {
    if (Clock::now() > deadline) return false;
    // tidy-allow(sleep): whoever stops the daemon waits; a wake-up would cost every request
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

/// What the kernel held is ours again.
void FuseServer::Parts::give_back() {
  call_blocking(door.core, [this] {
    door.waiting.stop();
    for (const auto& [ino, count] : door.lookups.take_all()) door.vfs.forget(ino, count);
    door.vfs.drop_client(door.client);
  });
}

FuseServer::FuseServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
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
  auto parts = std::make_unique<Parts>(runtime, vfs, std::move(options), uring);
  parts->target = std::move(target);
  TRY_OK(parts->mount());
  std::unique_ptr<FuseServer> server(new FuseServer(std::move(parts)));
  if (auto served = server->parts_->serve(); !served) {
    server->stop();
    return std::move(served).error();
  }
  return server;
}

void FuseServer::stop() {
  if (!parts_ || parts_->stopped) return;
  Parts& parts = *parts_;
  parts.stopped = true;
  parts.stopping.store(true);
  Door& door = parts.door;
  parts.end_lock_waits();
  // While the threads still serve: the kernel closes files and gives inodes back.
  const bool unmounted = parts.running.load() == 0 || unmount_unused(parts.target);
  parts.invalidator.stop();
  const bool quiet = parts.wait_for_requests();
  door.closing.store(true);
  if (!quiet || !parts.wait_for_requests()) {
    // Their memory is the rings': it has to stay until the engine ends them.
    log::error("fuse: {} requests still wait for the store; they are left to end by themselves",
               door.in_flight.load());
    [[maybe_unused]] const Parts* left = parts_.release();
    return;
  }
  if (!unmounted) {
    log::info("fuse: {} is still in use; it is taken away from those who use it", parts.target);
    if (auto result = unmount(parts.target); !result) log::warn("{}", result.error().message());
  }
  fuse_session_exit(parts.session.get());
  for (auto& reader : parts.readers) reader->join();
  parts.give_back();
  parts.session.reset();
}

bool FuseServer::uses_io_uring() const { return parts_ && parts_->over_io_uring; }

std::string FuseServer::description() const {
  if (!parts_) return "stopped";
  const std::string library = std::string(", libfuse ") + fuse_pkgversion();
  if (!uses_io_uring()) return std::to_string(parts_->running.load()) + " readers" + library;
  return "io_uring, " + std::to_string(sysconf(_SC_NPROCESSORS_CONF)) + " rings of " +
         std::to_string(parts_->options.ring_depth) + library;
}

RequestCounts FuseServer::counts() const {
  return parts_ ? parts_->door.counts.read() : RequestCounts{};
}

const std::string& FuseServer::mountpoint() const {
  CHECK(parts_);
  return parts_->target;
}

vfs::ChangeListener& FuseServer::listener() {
  CHECK(parts_);
  return parts_->invalidator;
}

Task<> FuseServer::flush_invalidations() {
  if (!parts_) co_return;
  co_await parts_->invalidator.flush();
}

void FuseServer::set_io_flusher() { (void)prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0); }

}  // namespace cairn::fuse
