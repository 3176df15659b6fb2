#include "fsd/daemon/doors.h"

#include <unistd.h>

#include "fsd/base/log.h"
#include "fsd/daemon/ninep_options.h"
#include "fsd/runtime/blocking.h"

namespace cairn::daemon {
namespace {

fuse::IoUring to_io_uring(config::IoUring setting) {
  switch (setting) {
    case config::IoUring::kOn:
      return fuse::IoUring::kOn;
    case config::IoUring::kOff:
      return fuse::IoUring::kOff;
    case config::IoUring::kAuto:
      break;
  }
  return fuse::IoUring::kAuto;
}

}  // namespace

Result<std::unique_ptr<Doors>> Doors::open(RealRuntime& runtime, vfs::Vfs& vfs,
                                           const config::Settings& settings,
                                           const std::string& cache_dir,
                                           std::function<void()> on_unmounted) {
  std::unique_ptr<Doors> doors(new Doors(runtime, vfs));
  if (settings.fuse) {
    TRY_OK(doors->open_fuse(settings, cache_dir, std::move(on_unmounted)));
  }
  if (!settings.ninep.empty()) TRY_OK(doors->open_ninep(settings));
  call_blocking(runtime.runtime().core, [&] { vfs.set_listener(&doors->changes_); });
  return doors;
}

Result<void> Doors::open_fuse(const config::Settings& settings, const std::string& cache_dir,
                              std::function<void()> on_unmounted) {
  fuse::FuseServer::Options options;
  options.mountpoint = settings.fuse->mountpoint;
  options.volume_name = settings.storage.url->text();
  options.allow_other = settings.fuse->allow_other.value_or(geteuid() == 0);
  options.read_only = settings.read_only;
  options.cache_dir = cache_dir;
  options.io_uring = to_io_uring(settings.fuse->io_uring);
  options.readers = static_cast<int>(settings.fuse->readers);
  options.on_unmounted = std::move(on_unmounted);
  TRY(fuse_, fuse::FuseServer::start(runtime_.runtime(), vfs_, std::move(options)));
  changes_.add(fuse_->listener());
  log::info("ready fuse {} ({})", fuse_->mountpoint(), fuse_->description());
  return {};
}

Result<void> Doors::open_ninep(const config::Settings& settings) {
  TRY(auto options, ninep_options(settings));
  if (fuse_) options.settle = [this] { return fuse_->flush_invalidations(); };
  TRY(ninep_, p9::NinepServer::start(runtime_.runtime(), runtime_.io(), vfs_, std::move(options)));
  changes_.add(ninep_->listener());
  for (const std::string& address : ninep_->addresses()) log::info("ready 9p {}", address);
  return {};
}

Doors::~Doors() { stop(); }

void Doors::stop() {
  if (std::exchange(stopped_, true)) return;
  call_blocking(runtime_.runtime().core, [&] { vfs_.set_listener(nullptr); });
  if (ninep_) ninep_->stop();
  if (fuse_) fuse_->stop();
}

std::string Doors::summary() const {
  std::string text;
  if (fuse_) text += " on " + fuse_->mountpoint();
  if (!ninep_) return text;
  for (const std::string& address : ninep_->addresses()) {
    text += (text.empty() ? " by 9P at " : " and by 9P at ") + address;
  }
  return text;
}

}  // namespace cairn::daemon
