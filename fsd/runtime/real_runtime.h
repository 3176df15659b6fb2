#pragma once

#include <memory>
#include <span>

#include "fsd/runtime/io_place.h"
#include "fsd/runtime/runtime.h"

namespace cairn {

/// The daemon's own threads: io threads (timers, sockets, the core's backstop), some for sockets
/// through which much goes, a pool for what burns CPU or blocks, and one index thread.
/// Lifetime: made first, destroyed last. stop() joins all threads; work still queued is dropped.
class RealRuntime {
 public:
  struct Options {
    int io_threads = 1;
    int transfer_threads = 0;
    int pool_threads = 2;
  };
  explicit RealRuntime(Options options);
  ~RealRuntime();

  [[nodiscard]] Runtime& runtime();
  /// For sockets. Handlers run on the io threads.
  [[nodiscard]] boost::asio::io_context& io();
  /// The same, and what runs work there.
  [[nodiscard]] IoPlace io_place();
  /// One for each transfer thread.
  [[nodiscard]] std::span<const IoPlace> transfer_places();
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cairn
