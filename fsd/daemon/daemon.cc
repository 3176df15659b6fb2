#include "fsd/daemon/daemon.h"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <mutex>

#include "fsd/base/environment.h"
#include "fsd/base/log.h"
#include "fsd/config/default_paths.h"
#include "fsd/format/names.h"
#include "fsd/frontends/admin/control_client.h"
#include "fsd/frontends/fuse/stale_mount.h"
#include "fsd/index/lmdb_index.h"
#include "fsd/index/memory_index.h"
#include "fsd/object_store/self_test.h"
#include "fsd/runtime/blocking.h"

namespace cairn::daemon {

/// What wait() waits for.
struct Daemon::Waiter {
  Waiter(boost::asio::io_context& io, std::function<void()> on_signal)
      : signals(io, SIGTERM, SIGINT) {
    signals.async_wait([this, told = std::move(on_signal)](const auto& failed, int number) {
      if (failed) return;
      told();  // first: once wait() returns, a daemon that served is one that does not
      stop(number == SIGTERM ? "asked to stop (SIGTERM)" : "asked to stop (SIGINT)");
    });
  }
  void stop(const std::string& why) {
    std::lock_guard lock(mutex);
    if (reason.empty()) reason = why;
    ready.notify_all();
  }
  std::string wait() {
    std::unique_lock lock(mutex);
    ready.wait(lock, [this] { return !reason.empty(); });
    return reason;
  }
  boost::asio::signal_set signals;
  std::mutex mutex;
  std::condition_variable ready;
  std::string reason;  // guarded by mutex
};

namespace {

/// More than there are cores: a directory as a store keeps one busy for each put's fsync.
constexpr int kPoolThreads = 8;
/// With TLS, each takes in some hundred megabytes a second.
constexpr int kTransferThreads = 2;

Error not_yet(const char* setting) {
  return Error(std::make_error_code(std::errc::not_supported),
               "this version of Cairn does not have that yet: remove the setting", setting);
}

Result<void> check_supported(const config::Settings& settings) {
  if (!settings.storage.url) {
    return Error(std::make_error_code(std::errc::invalid_argument),
                 "nothing says where the volume is: set storage.url or give --storage");
  }
  if (!settings.snapshot.empty()) return not_yet("--snapshot");
  if (settings.filesystem.durability == config::Durability::kLocal) {
    return not_yet("filesystem.durability = \"local\"");
  }
  if (!settings.fuse && settings.ninep.empty() && !settings.web) {
    return Error(std::make_error_code(std::errc::invalid_argument),
                 "there is nothing to serve: give --mount DIR, --ninep ADDRESS or --web ADDRESS, "
                 "or set servers.fuse.mountpoint, servers.ninep.addresses or "
                 "servers.webui.addresses");
  }
  return {};
}

/// What the store said, with what to do about it.
Error explained(Error error) {
  using object_store::StoreErrc;
  struct Advice {
    StoreErrc code;
    const char* sentence;
  };
  static constexpr Advice kAdvice[] = {
      {StoreErrc::kBadCredentials,
       "the store does not accept these credentials: check aws.access_key_id and "
       "aws.secret_access_key, or where else they come from"},
      {StoreErrc::kAccessDenied,
       "the store does not allow this: give these credentials the rights that docs/s3.md lists"},
      {StoreErrc::kBucketMissing, "the bucket does not exist: make it, or correct storage.url"},
      {StoreErrc::kClockSkew,
       "the store refuses this machine's clock: set it (timedatectl set-ntp true)"},
      {StoreErrc::kCancelled, "stopped while starting"},
  };
  for (const Advice& advice : kAdvice) {
    if (is(error, advice.code)) error.what = advice.sentence;
  }
  return error;
}

format::Compression to_compression(const config::Compression& setting) {
  switch (setting.kind) {
    case config::CompressionKind::kNone:
      return format::Compression::none();
    case config::CompressionKind::kLz4:
      return {.codec = format::Codec::kLz4, .level = 0};
    case config::CompressionKind::kZstd:
      break;
  }
  return {.codec = format::Codec::kZstd, .level = setting.level};
}

Task<> pause(Timers& timers, Duration duration) { co_await SleepFor(timers, duration); }

/// True: the daemon of this name was stopping, and has ended. It gets its shutdown time-out, as far
/// as that is the same as ours, and a little more.
bool wait_for_predecessor(Runtime& runtime, const std::string& control_path,
                          Duration shutdown_timeout) {
  constexpr Duration kPatience = std::chrono::seconds(5);
  constexpr auto kPause = std::chrono::milliseconds(100);
  constexpr Duration kAllowance = std::chrono::seconds(30);
  constexpr Duration kNoticing = std::chrono::seconds(1);  // that its mount was taken away
  bool told = false;
  for (Duration waited{}; waited < shutdown_timeout + kAllowance; waited += kPause) {
    const auto answer = admin::ask_daemon(control_path, "status", kPatience);
    if (!answer) {
      const int error = to_errno(answer.error());
      if (error == ECONNREFUSED || error == ENOENT) return true;
      // One that ends in this moment hangs up instead of answering.
      if (!told && (error == ETIMEDOUT || waited >= kNoticing)) return false;
    } else if (answer->find("\"stopping\":true") == std::string::npos) {
      if (waited >= kNoticing) return false;
    } else if (!std::exchange(told, true)) {
      log::info("the daemon of this name still writes what it has; it is waited for");
    }
    run_blocking(runtime.core, [&] { return pause(runtime.timers, kPause); });
  }
  return false;
}

}  // namespace

Daemon::Daemon(config::Settings settings, StoreFactory make_store)
    : settings_(std::move(settings)),
      make_store_(std::move(make_store)),
      runtime_(
          {.io_threads = 1, .transfer_threads = kTransferThreads, .pool_threads = kPoolThreads}),
      waiter_(std::make_unique<Waiter>(runtime_.io(), [this] { on_signal(); })) {}

Daemon::~Daemon() { stop(); }

Result<void> Daemon::start() {
  TRY_OK(check_supported(settings_));
  started_ = runtime_.runtime().clock.monotonic();
  for (auto step : {&Daemon::prepare, &Daemon::open_control, &Daemon::open_store,
                    &Daemon::open_volume, &Daemon::open_doors}) {
    if (auto done = (this->*step)(); !done) {
      stop();
      return explained(done.error());
    }
  }
  serving_ = true;
  log::info("ready control {}", control_path_);
  return {};
}

// What can be known to be wrong without the volume is found before it is taken from another daemon.
Result<void> Daemon::prepare() {
  if (settings_.storage.url->kind != config::StorageUrl::Kind::kMemory) {
    cache_dir_ = settings_.cache.dir;
    if (cache_dir_.empty()) {
      TRY(cache_dir_, config::default_cache_dir(geteuid(), process_environment(), settings_.name));
    }
    std::error_code failed;
    std::filesystem::create_directories(cache_dir_, failed);
    if (failed) return Error(failed, "the cache directory cannot be made", cache_dir_);
  }
  if (!settings_.fuse) return {};
  if (::access("/dev/fuse", R_OK | W_OK) != 0) {
    return system_error(errno,
                        "nothing can be mounted: is the kernel's module fuse there, and may "
                        "this user use it?",
                        "/dev/fuse");
  }
  auto mountpoint = fuse::prepare_mountpoint(settings_.fuse->mountpoint,
                                             {.allow_nonempty = false, .cache_dir = cache_dir_});
  if (!mountpoint) return mountpoint.error();
  return {};
}

// While starting there may be a store that never answers; it then gives up.
void Daemon::on_signal() {
  if (serving_ || !store_made_) return;
  runtime_.runtime().core.dispatch([this] {
    if (!serving_) store_->give_up();
  });
}

Result<void> Daemon::open_store() {
  TRY(auto made, make_store_(runtime_, settings_));
  store_ = std::make_unique<StoreStack>(std::move(made), runtime_.runtime(), settings_);
  store_made_ = true;
  return check_store();
}

// Before a volume is made, the store shows that it can keep the promises that volumes stand on.
Result<void> Daemon::check_store() {
  Runtime& runtime = runtime_.runtime();
  auto& store = store_->store();
  auto known = run_blocking(runtime.core,
                            [&] { return store.get(std::string(format::kVolumeName), {0, 1}); });
  if (known) return {};
  if (!is(known.error(), object_store::StoreErrc::kNotFound)) return known.error();
  if (settings_.read_only) return {};  // nothing may be written, and there is no volume to read
  auto report = run_blocking(runtime.core, [&] {
    return object_store::self_test(store, runtime.random, store_->made().set_bare_etags);
  });
  if (!report) return report.error();
  for (const std::string& remark : report->remarks) log::warn("{}", remark);
  if (report->usable()) return {};
  std::string all;
  for (const std::string& problem : report->problems) all += (all.empty() ? "" : "; ") + problem;
  return Error(std::make_error_code(std::errc::not_supported),
               "this object store cannot hold a volume", all);
}

Result<void> Daemon::open_index() {
  if (settings_.storage.url->kind == config::StorageUrl::Kind::kMemory) {
    index_ = std::make_unique<index::MemoryIndex>();
    return {};
  }
  TRY(auto opened, index::LmdbIndex::open_or_recreate({.directory = cache_dir_ + "/index"}));
  if (opened.thrown_away) {
    log::warn("the local index was thrown away ({}); it is loaded anew from the bucket",
              opened.thrown_away->message());
  }
  index_ = std::move(opened.index);
  return {};
}

Result<void> Daemon::open_volume() {
  TRY_OK(set_up_volume());
  TRY_OK(open_index());
  TRY_OK(open_engine());
  TRY_OK(open_vfs());
  call_blocking(runtime_.runtime().core, [this] { store_->set_patient(); });
  return {};
}

Result<void> Daemon::set_up_volume() {
  Runtime& runtime = runtime_.runtime();
  engine::SetupOptions setup;
  if (settings_.storage.encryption_password) {
    setup.password = settings_.storage.encryption_password->reveal();
  }
  setup.may_create = !settings_.read_only;
  auto set_up = run_blocking(
      runtime.core, [&] { return engine::set_up_volume(runtime, store_->store(), setup); });
  if (!set_up) return set_up.error();
  volume_ = std::move(*set_up);
  if (volume_->created) {
    log::info("made a new volume at {}", store_->store().description());
    warn_if_versioned();
  }
  return {};
}

Result<void> Daemon::open_engine() {
  Runtime& runtime = runtime_.runtime();
  engine::Engine::Options options;
  options.compression = to_compression(settings_.filesystem.compression);
  options.cache_bytes = settings_.cache.memory_bytes_max;
  options.commit_interval = settings_.filesystem.commit_interval;
  options.read_only = settings_.read_only;
  options.on_failed = [this](Error error) { on_failed(std::move(error)); };
  engine::LogAccess access{.runtime = runtime,
                           .store = store_->store(),
                           .index = *index_,
                           .parameters = volume_->volume.parameters,
                           .sealer = volume_->volume.sealer};
  auto opened = run_blocking(runtime.core, [&] { return engine::Engine::open(access, options); });
  if (!opened) return opened.error();
  engine_ = std::move(*opened);
  return {};
}

Result<void> Daemon::open_vfs() {
  Runtime& runtime = runtime_.runtime();
  vfs::Vfs::Options options;
  options.bytes_max = settings_.filesystem.size_bytes_max;
  options.root_uid = geteuid();
  options.root_gid = getegid();
  options.grace = settings_.web.has_value();  // the door of the sessions that may come back
  auto opened =
      run_blocking(runtime.core, [&] { return vfs::Vfs::open(runtime, *engine_, options); });
  if (!opened) return opened.error();
  vfs_ = std::move(*opened);
  return {};
}

void Daemon::warn_if_versioned() {
  if (!store_->made().keeps_versions) return;
  auto versioned = run_blocking(runtime_.runtime().core, store_->made().keeps_versions);
  if (versioned && *versioned) {
    log::warn(
        "the bucket keeps old versions of objects: what Cairn deletes goes on costing money "
        "until a lifecycle rule expires noncurrent versions");
  }
}

Result<void> Daemon::open_doors() {
  TRY(doors_, Doors::open(runtime_, *vfs_, settings_, cache_dir_,
                          {.on_unmounted = [this] { waiter_->stop("the mount was taken away"); },
                           .status = [this] { return answer("status"); }}));
  return {};
}

Result<void> Daemon::open_control() {
  control_path_ = config::default_control_socket(geteuid(), process_environment(), settings_.name);
  auto started = start_control();
  // After "umount" the daemon still writes what it has: "umount X && mount X" meets it.
  if (!started && to_errno(started.error()) == EADDRINUSE &&
      wait_for_predecessor(runtime_.runtime(), control_path_,
                           settings_.filesystem.shutdown_timeout)) {
    started = start_control();
  }
  if (!started) return started.error();
  return {};
}

Result<void> Daemon::start_control() {
  TRY(control_, admin::ControlServer::start(
                    runtime_.io(), runtime_.runtime().core, control_path_,
                    [this](std::string command) { return answer(std::move(command)); }));
  return {};
}

void Daemon::on_failed(Error error) {
  failure_ = error;
  waiter_->stop(error.message());
}

void Daemon::wait() { log::info("stopping: {}", waiter_->wait()); }

std::string Daemon::summary() const {
  return "serving " + settings_.storage.url->text() + (doors_ ? doors_->summary() : "");
}

int Daemon::exit_status(bool all_written) {
  if (failure_) return is(*failure_, engine::EngineErrc::kFenced) ? kExitFenced : kExitFailed;
  return all_written ? kExitOk : kExitFailed;
}

/// True: everything is in the bucket.
bool Daemon::stop_engine() {
  auto stopped = run_blocking(runtime_.runtime().core, [this] { return engine_->stop(); });
  // Given up, the engine fails: that is no other trouble.
  if (!stopped && (!failure_ || is(*failure_, engine::EngineErrc::kStopped))) {
    const auto stats = engine_->stats();
    log::error(
        "the store did not take everything before the shutdown time-out: about {} bytes "
        "that no fsync has covered are lost",
        stats.bytes_in_flight + stats.open_bytes);
  }
  return stopped.has_value();
}

int Daemon::stop() {
  stopping_ = true;
  serving_ = false;
  if (!store_) {
    control_.reset();
    return kExitOk;
  }
  Runtime& runtime = runtime_.runtime();
  // With the store away for good, it is told to give up after a while.
  Timers::Token deadline = 0;
  call_blocking(runtime.core, [&] {
    const Duration patience = settings_.filesystem.shutdown_timeout;
    stop_deadline_ = runtime.clock.monotonic() + patience;
    deadline = runtime.timers.schedule(patience, [this] { store_->give_up(); });
    if (failure_) store_->give_up();
  });
  if (doors_) doors_->stop();
  bool all_written = true;
  if (vfs_) run_blocking(runtime.core, [&] { return vfs_->stop(); });
  if (engine_) all_written = stop_engine();
  run_blocking(runtime.core, [&]() -> Task<> {
    runtime.timers.cancel(deadline);
    return store_->stop();
  });
  const int status = exit_status(all_written);
  doors_.reset();
  runtime_.stop();
  vfs_.reset();
  engine_.reset();
  index_.reset();
  store_.reset();
  control_.reset();  // last: whoever waits for it finds the cache directory free
  return status;
}

}  // namespace cairn::daemon
