#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <string>

#include "fsd/frontends/fuse/fuse_server.h"
#include "fsd/runtime/real_runtime.h"
#include "tests/support/memory_volume.h"

namespace cairn::fuse {

/// A directory that goes away with everything in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

template <class T>
Task<> deliver(Task<T> task, std::promise<T>* promise) {
  T value = co_await std::move(task);
  promise->set_value(std::move(value));
}
inline Task<> deliver_void(Task<> task, std::promise<void>* promise) {
  co_await std::move(task);
  promise->set_value();
}

/// The real runtime, a POSIX core on a volume in memory.
class CoreInMemory {
 public:
  CoreInMemory();
  ~CoreInMemory();

  /// Runs `make` in the core and waits for its Task, from outside.
  template <class T>
  T run(std::function<Task<T>()> make) {
    std::promise<T> promise;
    auto future = promise.get_future();
    runtime().core.dispatch([&] {
      if constexpr (std::is_void_v<T>) {
        deliver_void(make(), &promise).detach();
      } else {
        deliver<T>(make(), &promise).detach();
      }
    });
    return future.get();
  }
  [[nodiscard]] Runtime& runtime() { return real_.runtime(); }
  [[nodiscard]] vfs::Vfs& vfs() { return *vfs_; }
  void set_listener(vfs::ChangeListener* listener);

 private:
  RealRuntime real_{{}};
  testing::MemoryVolume volume_;
  std::unique_ptr<vfs::Vfs> vfs_;
};

/// A mounted volume in memory, over io_uring or with readers.
class MountTest : public ::testing::TestWithParam<IoUring> {
 protected:
  static constexpr std::uint64_t kFuseClient = 7;
  static constexpr std::uint64_t kOtherDoor = 8;

  void SetUp() override;
  void TearDown() override;

  [[nodiscard]] std::string path(const std::string& name) const {
    return mount_.path() + "/" + name;
  }
  [[nodiscard]] std::uint64_t count(RequestKind kind) const {
    return server_->counts()[static_cast<std::size_t>(kind)];
  }
  /// All requests so far, but for those that nobody waits for.
  [[nodiscard]] std::map<std::string, std::uint64_t> counts() const;
  /// What `what` asked of the daemon.
  std::map<std::string, std::uint64_t> counted(const std::function<void()>& what);
  /// Waits until the kernel has sent that many requests of the kind.
  void await_count(RequestKind kind, std::uint64_t at_least) const;

  /// Someone at another door.
  [[nodiscard]] vfs::Caller other() const {
    vfs::Caller caller;
    caller.client = kOtherDoor;
    return caller;
  }
  vfs::Attributes side_lookup(const std::string& name);
  void side_write(Ino ino, std::uint64_t offset, const std::string& bytes);
  void side_create(const std::string& name);
  void flush_invalidations();

  CoreInMemory core_;
  TemporaryDirectory mount_;
  std::unique_ptr<FuseServer> server_;
};

/// A file descriptor that is closed.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd();
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  operator int() const { return fd_; }

 private:
  int fd_;
};

void write_file(const std::string& path, const std::string& bytes);
std::string read_file(const std::string& path);

}  // namespace cairn::fuse
