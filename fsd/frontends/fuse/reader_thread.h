#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <thread>

#include "fsd/frontends/fuse/fuse_api.h"
#include "fsd/frontends/fuse/read_buffer.h"

namespace cairn::fuse {

/// Is this message of the kernel an interrupt? Then the number of the request that it concerns.
struct Interrupt {
  bool is = false;
  std::uint64_t unique = 0;
};
[[nodiscard]] Interrupt parse_interrupt(std::span<const char> message);

/// A thread that reads requests from the kernel and runs their callbacks, one after the other.
/// Several may serve one session.
/// Lifetime: join() before the session is destroyed.   Threads: made, woken and joined by one.
class ReaderThread {
 public:
  using OnInterrupt = std::function<void(std::uint64_t unique)>;

  /// Reads for itself, until the session ends.
  ReaderThread(fuse_session* session, OnInterrupt on_interrupt, std::function<void()> on_end);
  /// Runs `loop` (libfuse's own), until it returns.
  ReaderThread(std::function<void()> loop, std::function<void()> on_end);
  ~ReaderThread() { join(); }
  ReaderThread(const ReaderThread&) = delete;
  ReaderThread& operator=(const ReaderThread&) = delete;

  /// Gets it out of read(2), again and again until it ends: the session must have been told to.
  void join();

  // On a reader's thread, during a callback; elsewhere null.
  [[nodiscard]] static ReadBuffer* current_buffer();
  [[nodiscard]] static std::uint64_t current_unique();

 private:
  void start(std::function<void()> loop, std::function<void()> on_end);

  std::atomic<bool> ended_{false};
  std::thread thread_;  // tidy-allow(thread): blocks in the kernel's read
};

}  // namespace cairn::fuse
