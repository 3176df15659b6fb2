#include "fsd/daemon/doors.h"

#include <unistd.h>

#include "fsd/base/log.h"
#include "fsd/daemon/ninep_options.h"
#include "fsd/daemon/web_options.h"
#include "fsd/runtime/blocking.h"
#include "protocol/resume/frames.h"

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
                                           const std::string& cache_dir, Callbacks callbacks) {
  std::unique_ptr<Doors> doors(new Doors(runtime, vfs));
  if (settings.fuse) {
    TRY_OK(doors->open_fuse(settings, cache_dir, std::move(callbacks.on_unmounted)));
  }
  if (!settings.ninep.empty() || settings.web) TRY_OK(doors->open_ninep(settings));
  if (settings.web) TRY_OK(doors->open_web(settings, std::move(callbacks.status)));
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

Result<void> Doors::open_web(const config::Settings& settings,
                             std::function<Task<std::string>()> status) {
  web::WebServer::Options options = web_options(settings);
  options.site.status = std::move(status);
  options.site.sockets.push_back(
      {.path = "/ws/9p",
       .subprotocols = {std::string(resume::kSubprotocol)},
       .message_bytes_max = p9::Limits().message_bytes_max + resume::kEnvelopeBytesMax,
       .accept = [this](std::shared_ptr<MessageSocket> socket, const web::WebPeer& web_peer,
                        std::string_view subprotocol) {
         p9::Peer peer{.trusted = true,
                       .uid = p9::kNobody,
                       .name = "web " + web_peer.name,
                       .key = web_peer.key};
         return subprotocol.empty() ? ninep_->accept(std::move(socket), std::move(peer))
                                    : ninep_->accept_resumable(std::move(socket), std::move(peer));
       }});
  warn_of_missing_files(options.site);
  TRY(web_, web::WebServer::start(runtime_.runtime(), runtime_.io(), std::move(options)));
  for (const std::string& address : web_->addresses()) log::info("ready web http://{}", address);
  return {};
}

Doors::~Doors() { stop(); }

void Doors::stop() {
  if (std::exchange(stopped_, true)) return;
  call_blocking(runtime_.runtime().core, [&] { vfs_.set_listener(nullptr); });
  if (web_) web_->stop();
  if (ninep_) ninep_->stop();
  if (fuse_) fuse_->stop();
}

std::string Doors::summary() const {
  std::string text;
  if (fuse_) text += " on " + fuse_->mountpoint();
  const auto add = [&text](const char* how, const std::string& address) {
    text += (text.empty() ? "" : " and") + (how + address);
  };
  if (ninep_) {
    for (const std::string& address : ninep_->addresses()) add(" by 9P at ", address);
  }
  if (web_) {
    for (const std::string& address : web_->addresses()) add(" at http://", address);
  }
  return text;
}

}  // namespace cairn::daemon
