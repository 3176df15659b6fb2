#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "vmrunner/link/resuming_connection.h"
#include "vmrunner/link/session_records.h"
#include "vmrunner/machine/guest_memory.h"
#include "vmrunner/machine/vhost_device.h"

namespace cairn::vm {

/// What the guest's kernel speaks 9P to: a virtio device of ours, whose requests go to the daemon
/// as they are. Each mount becomes a session with it, which is recorded as long as the daemon has
/// it. Lifetime: finish() should have ended first; the records outlive it.
/// Threads: that of the io_context.
class Bridge {
 public:
  struct Events {
    std::function<void()> on_up;
    std::function<void(const WebSocket::End&)> on_down;
  };
  Bridge(boost::asio::io_context& io, Random& random, ResumingConnection::Options options,
         const SessionRecords& records, Events events);
  ~Bridge();
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  /// Begins the session of the guest's first mount, before that is there.
  /// Fails with: EINVAL.
  Result<void> start();
  /// Waits at `socket` for the QEMU of a machine that is about to start. The memory has to stay
  /// until unplug().
  /// Throws boost::system::system_error if it cannot listen.
  void plug(const std::string& socket, const GuestMemory& memory);
  /// The machine is gone.
  void unplug();
  /// Ends all sessions; `done` is called when the daemon knows of it, or does not answer.
  void finish(std::function<void()> done);
  /// What the sessions have gone through, all of them together.
  [[nodiscard]] resume::Client::Counts counts() const;
  /// Requests that wait for the daemon.
  [[nodiscard]] std::size_t unanswered() const;

 private:
  class Session;
  void on_request(Virtqueue::Chain chain);
  bool begin_mount();
  void refuse(const Virtqueue::Chain& chain, std::uint16_t tag, std::uint32_t ecode);
  void end_mount();
  std::shared_ptr<Session> make();
  void on_finished(const std::shared_ptr<Session>& session);

  boost::asio::io_context& io_;
  Random& random_;
  const ResumingConnection::Options options_;
  const SessionRecords& records_;
  const Events events_;
  std::shared_ptr<VhostDevice> device_;
  std::set<std::shared_ptr<Session>> sessions_;
  std::shared_ptr<Session> next_;     // has no mount of the guest's yet
  std::shared_ptr<Session> mounted_;  // the guest's, if it has mounted
  std::function<void()> done_;
  bool said_no_9p_ = false;  // once is enough: the guest can do it for ever
};

}  // namespace cairn::vm
