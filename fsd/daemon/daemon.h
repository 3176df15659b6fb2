#pragma once

#include <atomic>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "fsd/config/settings.h"
#include "fsd/daemon/doors.h"
#include "fsd/daemon/store_stack.h"
#include "fsd/engine/engine.h"
#include "fsd/engine/volume_setup.h"
#include "fsd/frontends/admin/control_server.h"
#include "fsd/index/index.h"
#include "fsd/runtime/real_runtime.h"
#include "fsd/vfs/vfs.h"

namespace cairn::daemon {

/// What the process ends with.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitFenced = 3;

/// One volume, served: all components, and the order in which they start and stop.
/// Threads: the main thread, which may block.
class Daemon {
 public:
  Daemon(config::Settings settings, StoreFactory make_store);
  ~Daemon();

  /// Starts everything; when it returns, the doors answer. What was started when something failed
  /// is stopped again.
  /// Fails with: one sentence that says what to do.
  Result<void> start();
  /// Blocks until a signal asks to stop, the mount is taken away, or the volume is lost to another
  /// daemon.
  void wait();
  /// Stops everything: what was acknowledged and what was buffered is in the bucket when it
  /// returns, as far as the store answers within the shutdown time-out. The exit status.
  int stop();
  /// For people: what is served, where.
  [[nodiscard]] std::string summary() const;

 private:
  struct Waiter;
  Result<void> prepare();
  Result<void> open_store();
  Result<void> check_store();
  Result<void> open_index();
  Result<void> open_volume();
  Result<void> set_up_volume();
  Result<void> open_engine();
  Result<void> open_vfs();
  Result<void> open_doors();
  Result<void> open_control();
  Result<void> start_control();
  void on_failed(Error error);
  void on_signal();
  void warn_if_versioned();
  bool stop_engine();
  Task<std::string> answer(std::string command);
  Task<std::string> flush();
  std::string status(nlohmann::json report);
  nlohmann::json served_status();
  nlohmann::json away_status();
  int exit_status(bool all_written);

  config::Settings settings_;
  StoreFactory make_store_;
  RealRuntime runtime_;
  std::unique_ptr<Waiter> waiter_;
  std::unique_ptr<StoreStack> store_;
  std::optional<engine::SetUpVolume> volume_;
  std::unique_ptr<index::Index> index_;
  std::string cache_dir_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<vfs::Vfs> vfs_;
  std::unique_ptr<Doors> doors_;
  std::unique_ptr<admin::ControlServer> control_;
  std::string control_path_;
  std::optional<Error> failure_;           // core
  std::optional<Duration> stop_deadline_;  // core
  std::atomic<bool> serving_ = false;      // everything is started: commands may be answered
  std::atomic<bool> store_made_ = false;
  std::atomic<bool> stopping_ = false;
  Duration started_{};
};

}  // namespace cairn::daemon
