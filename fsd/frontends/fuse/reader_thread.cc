#include "fsd/frontends/fuse/reader_thread.h"

#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <utility>

#include "fsd/base/log.h"

namespace cairn::fuse {
namespace {

/// Ignored by default, so that nobody misses it; with a handler it ends a read(2).
constexpr int kWakeSignal = SIGURG;

thread_local ReadBuffer* t_buffer = nullptr;

void install_wake_handler() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action{};
    action.sa_handler = [](int) {};
    sigaction(kWakeSignal, &action, nullptr);
  });
}

void read_requests(fuse_session* session, const ReaderThread::OnInterrupt& on_interrupt) {
  auto* buffer = new ReadBuffer;
  while (fuse_session_exited(session) == 0) {
    const int got = fuse_session_receive_buf(session, &buffer->buffer);
    if (got == -EINTR || got == -EAGAIN) continue;
    if (got <= 0) {
      if (got < 0) log::error("fuse: reading requests failed: {}", std::strerror(-got));
      break;
    }
    const auto* message = static_cast<const char*>(buffer->buffer.mem);
    if (auto interrupt = parse_interrupt({message, buffer->buffer.size}); interrupt.is) {
      on_interrupt(interrupt.unique);
      continue;
    }
    t_buffer = buffer;
    fuse_session_process_buf(session, &buffer->buffer);
    t_buffer = nullptr;
    if (buffer->leased()) {
      buffer->release();
      buffer = new ReadBuffer;
    }
  }
  buffer->release();
}

}  // namespace

Interrupt parse_interrupt(std::span<const char> message) {
  fuse_in_header header{};
  fuse_interrupt_in body{};
  if (message.size() < sizeof header + sizeof body) return {};
  std::memcpy(&header, message.data(), sizeof header);
  if (header.opcode != FUSE_INTERRUPT) return {};
  std::memcpy(&body, message.data() + sizeof header, sizeof body);
  return {true, body.unique};
}

ReaderThread::ReaderThread(fuse_session* session, OnInterrupt on_interrupt,
                           std::function<void()> on_end) {
  start([session, on_interrupt = std::move(on_interrupt)] { read_requests(session, on_interrupt); },
        std::move(on_end));
}

ReaderThread::ReaderThread(std::function<void()> loop, std::function<void()> on_end) {
  start(std::move(loop), std::move(on_end));
}

void ReaderThread::start(std::function<void()> loop, std::function<void()> on_end) {
  install_wake_handler();
  // tidy-allow(thread): blocks in the kernel's read
  thread_ = std::thread([this, loop = std::move(loop), on_end = std::move(on_end)] {
    pthread_setname_np(pthread_self(), "cairn-fuse");
    loop();
    on_end();
    ended_.store(true);
  });
}

void ReaderThread::join() {
  if (!thread_.joinable()) return;
  // A signal that comes just before the read is lost, hence again.
  while (!ended_.load()) {
    pthread_kill(thread_.native_handle(), kWakeSignal);
    // tidy-allow(sleep): between the kernel's threads, nobody can say when it has come
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  thread_.join();
}

ReadBuffer* ReaderThread::current_buffer() { return t_buffer; }

std::uint64_t ReaderThread::current_unique() {
  if (t_buffer == nullptr) return 0;
  fuse_in_header header{};
  std::memcpy(&header, t_buffer->buffer.mem, sizeof header);
  return header.unique;
}

}  // namespace cairn::fuse
