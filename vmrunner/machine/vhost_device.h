#pragma once

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fsd/base/unique_fd.h"
#include "vmrunner/machine/guest_memory.h"
#include "vmrunner/machine/virtqueue.h"

namespace cairn::vm {

/// The inside of a virtio device whose outside QEMU shows to the guest: QEMU says over a Unix
/// socket (the protocol vhost-user) where the device's first queue lies in the guest's memory, and
/// keeps out of it afterwards. The guest's driver wakes us by an eventfd, and we it by another.
/// Lifetime: shared; it keeps itself until close(). The memory outlives it.
/// Threads: that of the io_context.
class VhostDevice : public std::enable_shared_from_this<VhostDevice> {
 public:
  struct Events {
    /// A request; its buffers are ours until give_back().
    std::function<void(Virtqueue::Chain chain)> on_request;
    /// The driver has gone, or makes no sense: buffers taken before are no longer ours.
    std::function<void()> on_reset;
  };
  /// Throws boost::system::system_error if the socket cannot be made.
  VhostDevice(boost::asio::io_context& io, const std::string& path, const GuestMemory& memory,
              Events events);
  void begin();
  void give_back(std::uint16_t head, std::uint32_t written);
  void close();

 private:
  struct Message {
    std::uint32_t request = 0;
    std::string payload;
    std::vector<UniqueFd> fds;
  };
  struct Region {  // of the guest's memory, as QEMU sees it
    std::uint64_t guest = 0, size = 0, qemu = 0;
  };
  void read_on();
  [[nodiscard]] bool read_message(Message& message);
  [[nodiscard]] bool handle(Message& message);
  [[nodiscard]] bool set_regions(const std::string& payload);
  [[nodiscard]] bool set_addresses(const std::string& payload);
  [[nodiscard]] bool set_kick(Message& message);
  [[nodiscard]] bool set_call(Message& message);
  [[nodiscard]] bool stop_queue(const std::string& payload);
  [[nodiscard]] bool reply(std::uint32_t request, const std::string& payload);
  [[nodiscard]] std::optional<std::uint64_t> guest_address(std::uint64_t qemu) const;
  void wait_for_kick();
  void drain();
  void end();
  void reset();

  boost::asio::io_context& io_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::local::stream_protocol::socket socket_;
  boost::asio::posix::stream_descriptor kick_;
  const GuestMemory& memory_;
  Events events_;
  std::vector<Region> regions_;
  Virtqueue::Layout layout_;
  std::uint16_t base_ = 0;
  UniqueFd call_;
  std::optional<Virtqueue> queue_;
  unsigned queues_ = 0;  // that there were: who waited for a kick of another one is late
  bool enabled_ = false;
  bool draining_ = false;  // drain() comes again by itself
};

}  // namespace cairn::vm
