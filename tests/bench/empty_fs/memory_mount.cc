// The POSIX core over a volume in memory, mounted: what the core and its FUSE door cost without an
// engine and a store below them, to be compared with empty_fs.
//
//   memory_mount DIR io_uring|readers [COUNT]

#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>

#include "fsd/frontends/fuse/fuse_server.h"
#include "fsd/runtime/real_runtime.h"
#include "tests/support/memory_volume.h"

namespace {

using Opened = cairn::Result<std::unique_ptr<cairn::vfs::Vfs>>;

cairn::Task<> open_vfs(cairn::Runtime& runtime, cairn::testing::MemoryVolume& volume,
                       std::promise<Opened>& promise) {
  auto vfs = co_await cairn::vfs::Vfs::open(runtime, volume, {});
  promise.set_value(std::move(vfs));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: memory_mount DIR io_uring|readers [COUNT]\n");
    return 2;
  }
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  cairn::RealRuntime real({});
  cairn::testing::MemoryVolume volume;
  std::promise<Opened> promise;
  real.runtime().core.dispatch([&] { open_vfs(real.runtime(), volume, promise).detach(); });
  auto vfs = promise.get_future().get();
  if (!vfs) return 1;
  cairn::fuse::FuseServer::Options options;
  options.mountpoint = argv[1];
  options.volume_name = "memory";
  options.io_uring = std::strcmp(argv[2], "io_uring") == 0 ? cairn::fuse::IoUring::kOn
                                                           : cairn::fuse::IoUring::kOff;
  if (argc > 3) options.readers = std::atoi(argv[3]);
  auto server = cairn::fuse::FuseServer::start(real.runtime(), **vfs, options);
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message().c_str());
    return 1;
  }
  int signal = 0;
  sigwait(&ends, &signal);
  (*server)->stop();
  real.stop();
  _exit(0);  // the Vfs belongs to a core that runs no more
}
