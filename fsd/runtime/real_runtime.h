#pragma once

#include <memory>

#include "fsd/runtime/runtime.h"

namespace boost::asio {
class io_context;
}

namespace cairn {

/// The daemon's own threads: io threads (timers, sockets, the core's backstop), a pool for what
/// burns CPU or blocks, and one index thread.
/// Lifetime: made first, destroyed last. stop() joins all threads; work still queued is dropped.
class RealRuntime {
 public:
  struct Options {
    int io_threads = 1;
    int pool_threads = 2;
  };
  explicit RealRuntime(Options options);
  ~RealRuntime();

  [[nodiscard]] Runtime& runtime();
  /// For sockets. Handlers run on the io threads.
  [[nodiscard]] boost::asio::io_context& io();
  /// Runs what is posted on the io threads.
  [[nodiscard]] Executor& io_executor();
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cairn
