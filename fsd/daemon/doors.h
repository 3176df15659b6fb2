#pragma once

#include <functional>
#include <memory>
#include <string>

#include "fsd/config/settings.h"
#include "fsd/daemon/change_fan_out.h"
#include "fsd/frontends/fuse/fuse_server.h"
#include "fsd/frontends/ninep/ninep_server.h"
#include "fsd/frontends/web/web_server.h"
#include "fsd/runtime/real_runtime.h"
#include "fsd/vfs/vfs.h"

namespace cairn::daemon {

/// The ways in to one core, as the configuration wants them; each is told of the others' changes.
/// Lifetime: stop() must have returned before the Vfs stops; the runtime stops after that and
/// before this goes. Threads: the main thread, which may block; the getters on any between open()
/// and the end.
class Doors {
 public:
  struct Callbacks {
    std::function<void()> on_unmounted;           // the mount was taken away from outside
    std::function<Task<std::string>()> status{};  // JSON, for the web
  };

  /// Logs one line "ready" for each.
  /// Fails with: one sentence that says what to do; what was opened is closed again.
  static Result<std::unique_ptr<Doors>> open(RealRuntime& runtime, vfs::Vfs& vfs,
                                             const config::Settings& settings,
                                             const std::string& cache_dir, Callbacks callbacks);
  ~Doors();
  void stop();

  [[nodiscard]] const fuse::FuseServer* fuse() const { return fuse_.get(); }
  [[nodiscard]] const p9::NinepServer* ninep() const { return ninep_.get(); }
  [[nodiscard]] const web::WebServer* web() const { return web_.get(); }
  /// "on /mnt and at 127.0.0.1:5564".
  [[nodiscard]] std::string summary() const;

 private:
  Doors(RealRuntime& runtime, vfs::Vfs& vfs) : runtime_(runtime), vfs_(vfs) {}
  Result<void> open_fuse(const config::Settings& settings, const std::string& cache_dir,
                         std::function<void()> on_unmounted);
  Result<void> open_ninep(const config::Settings& settings);
  Result<void> open_web(const config::Settings& settings,
                        std::function<Task<std::string>()> status);

  RealRuntime& runtime_;
  vfs::Vfs& vfs_;
  ChangeFanOut changes_;
  std::unique_ptr<fuse::FuseServer> fuse_;
  std::unique_ptr<p9::NinepServer> ninep_;  // of the web's sessions, too
  std::unique_ptr<web::WebServer> web_;
  bool stopped_ = false;
};

}  // namespace cairn::daemon
