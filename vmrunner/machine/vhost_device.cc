// Of vhost-user as QEMU's documentation has it (docs/interop/vhost-user.rst), what a device of one
// queue needs that shares all of the guest's memory already: no protocol features, no logging of
// dirty pages, no reconnection. A message is a head (request, flags, size), a payload, and
// descriptors beside it.
#include "vmrunner/machine/vhost_device.h"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>

#include "fsd/base/log.h"

namespace cairn::vm {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

enum Request : std::uint32_t {
  kGetFeatures = 1,
  kSetFeatures = 2,
  kSetOwner = 3,
  kResetOwner = 4,
  kSetMemTable = 5,
  kSetVringNum = 8,
  kSetVringAddr = 9,
  kSetVringBase = 10,
  kGetVringBase = 11,
  kSetVringKick = 12,
  kSetVringCall = 13,
  kSetVringErr = 14,
  kGetProtocolFeatures = 15,
  kSetProtocolFeatures = 16,
  kSetVringEnable = 18,
};
// Version 1, indirect descriptors; and that there are features of the protocol, of which we have
// none: QEMU shares no memory without.
constexpr std::uint64_t kFeatures = (1ULL << 32) | (1ULL << 28) | (1ULL << 30);
constexpr std::uint32_t kVersion = 1, kReply = 4;
constexpr std::uint64_t kQueueMask = 0xff;
constexpr std::size_t kPayloadBytesMax = 512;
constexpr std::size_t kDescriptorsMax = 8;
/// Requests that are taken before it is somebody else's turn: the guest can add for ever.
constexpr unsigned kRequestsPerTurn = 8;
/// A QEMU that stands still in the middle of a message.
constexpr timeval kMessageMax{.tv_sec = 5, .tv_usec = 0};

struct Head {
  std::uint32_t request, flags, size;
};
struct State {
  std::uint32_t queue, number;
};
struct Addresses {
  std::uint32_t queue, flags;
  std::uint64_t descriptors, used, available, log;
};
struct RegionHere {
  std::uint64_t guest, size, qemu, offset;
};

template <class T>
bool get(const std::string& payload, T& value, std::size_t at = 0) {
  if (payload.size() < at + sizeof value) return false;
  std::memcpy(&value, payload.data() + at, sizeof value);
  return true;
}
template <class T>
std::string put(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// All of it, or false: the other side is a program on this machine, which sends messages whole.
bool read_all(int fd, char* to, std::size_t size) {
  while (size > 0) {
    const ssize_t got = ::recv(fd, to, size, MSG_WAITALL);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

VhostDevice::VhostDevice(asio::io_context& io, const std::string& path, const GuestMemory& memory,
                         Events events)
    : io_(io),
      acceptor_(io, asio::local::stream_protocol::endpoint(path)),
      socket_(io),
      kick_(io),
      memory_(memory),
      events_(std::move(events)) {}

void VhostDevice::begin() {
  acceptor_.async_accept([self = shared_from_this()](const error_code& error,
                                                     asio::local::stream_protocol::socket socket) {
    if (error) return;
    self->acceptor_.close();
    self->socket_ = std::move(socket);
    const int fd = self->socket_.native_handle();
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kMessageMax, sizeof kMessageMax);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kMessageMax, sizeof kMessageMax);
    self->read_on();
  });
}

void VhostDevice::close() {
  error_code ignored;
  acceptor_.close(ignored);
  end();
  events_ = {};
}

/// QEMU waits for no answer that does not come.
void VhostDevice::end() {
  error_code ignored;
  socket_.close(ignored);
  reset();
}

void VhostDevice::read_on() {
  socket_.async_wait(
      asio::socket_base::wait_read, [self = shared_from_this()](const error_code& error) {
        if (error || !self->socket_.is_open()) return;
        Message message;
        if (!self->read_message(message)) return self->end();
        if (!self->handle(message)) {
          log::warn("QEMU asks something unexpected of the machine's volume ({})", message.request);
          return self->end();
        }
        if (self->socket_.is_open()) self->read_on();
      });
}

bool VhostDevice::read_message(Message& message) {
  error_code ignored;
  socket_.native_non_blocking(false, ignored);  // asio has made it so for waiting
  Head head{};
  iovec piece{.iov_base = &head, .iov_len = sizeof head};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorsMax * sizeof(int))> beside{};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = beside.data();
  header.msg_controllen = beside.size();
  const ssize_t got = ::recvmsg(socket_.native_handle(), &header, MSG_CMSG_CLOEXEC | MSG_WAITALL);
  if (got <= 0) return false;
  for (cmsghdr* one = CMSG_FIRSTHDR(&header); one != nullptr; one = CMSG_NXTHDR(&header, one)) {
    if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (one->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(one) + i * sizeof fd, sizeof fd);
      message.fds.emplace_back(fd);
    }
  }
  if (got != sizeof head || head.size > kPayloadBytesMax) return false;
  message.request = head.request;
  message.payload.resize(head.size);
  return read_all(socket_.native_handle(), message.payload.data(), message.payload.size());
}

bool VhostDevice::handle(Message& message) {
  State state{};
  switch (message.request) {
    case kGetFeatures:
      return reply(kGetFeatures, put(kFeatures));
    case kSetFeatures:
    case kSetOwner:
    case kResetOwner:
    case kSetVringErr:
    case kSetProtocolFeatures:
      return true;
    case kGetProtocolFeatures:
      return reply(kGetProtocolFeatures, put(std::uint64_t(0)));
    case kSetVringEnable:
      if (!get(message.payload, state)) return false;
      if (state.queue == 0) enabled_ = state.number != 0;
      drain();
      return true;
    case kSetMemTable:
      return set_regions(message.payload);
    case kSetVringNum:
    case kSetVringBase:
      if (!get(message.payload, state)) return false;
      if (state.queue != 0) return true;
      if (message.request == kSetVringNum) {
        layout_.size = state.number;
      } else {
        base_ = static_cast<std::uint16_t>(state.number);
      }
      return true;
    case kGetVringBase:
      return stop_queue(message.payload);
    case kSetVringAddr:
      return set_addresses(message.payload);
    case kSetVringKick:
      return set_kick(message);
    case kSetVringCall:
      return set_call(message);
    default:
      return false;
  }
}

bool VhostDevice::set_regions(const std::string& payload) {
  std::uint32_t count = 0;
  if (!get(payload, count) || count > kDescriptorsMax) return false;
  regions_.clear();
  for (std::uint32_t i = 0; i < count; ++i) {
    RegionHere region{};
    if (!get(payload, region, 8 + i * sizeof region)) return false;
    regions_.push_back({.guest = region.guest, .size = region.size, .qemu = region.qemu});
  }
  return true;
}

std::optional<std::uint64_t> VhostDevice::guest_address(std::uint64_t qemu) const {
  for (const Region& region : regions_) {
    if (qemu >= region.qemu && qemu - region.qemu < region.size) {
      return region.guest + (qemu - region.qemu);
    }
  }
  return std::nullopt;
}

bool VhostDevice::set_addresses(const std::string& payload) {
  Addresses addresses{};
  if (!get(payload, addresses)) return false;
  if (addresses.queue != 0) return true;
  const auto descriptors = guest_address(addresses.descriptors);
  const auto available = guest_address(addresses.available);
  const auto used = guest_address(addresses.used);
  if (!descriptors || !available || !used) return false;
  layout_.descriptors = *descriptors;
  layout_.available = *available;
  layout_.used = *used;
  return true;
}

bool VhostDevice::set_kick(Message& message) {
  std::uint64_t which = 0;
  if (!get(message.payload, which)) return false;
  if ((which & kQueueMask) != 0) return true;
  if (message.fds.empty()) return false;
  auto queue = Virtqueue::open(memory_, layout_, base_);
  if (!queue) return false;
  reset();
  error_code failed;
  kick_.assign(message.fds.front().get(), failed);
  if (failed) return false;
  static_cast<void>(message.fds.front().release());  // it is kick_'s
  kick_.native_non_blocking(true, failed);
  if (failed) return false;
  queue_ = *queue;
  wait_for_kick();
  drain();
  return true;
}

bool VhostDevice::set_call(Message& message) {
  std::uint64_t which = 0;
  if (!get(message.payload, which)) return false;
  if ((which & kQueueMask) == 0 && !message.fds.empty()) call_ = std::move(message.fds.front());
  return true;
}

bool VhostDevice::stop_queue(const std::string& payload) {
  State state{};
  if (!get(payload, state)) return false;
  state.number = state.queue == 0 && queue_ ? queue_->next() : 0;
  if (state.queue == 0) reset();
  return reply(kGetVringBase, put(state));
}

bool VhostDevice::reply(std::uint32_t request, const std::string& payload) {
  const Head head{.request = request,
                  .flags = kVersion | kReply,
                  .size = static_cast<std::uint32_t>(payload.size())};
  const std::string all = put(head) + payload;
  return ::send(socket_.native_handle(), all.data(), all.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(all.size());
}

void VhostDevice::wait_for_kick() {
  kick_.async_wait(asio::posix::stream_descriptor::wait_read,
                   [self = shared_from_this(), queue = queues_](const error_code& error) {
                     if (error || queue != self->queues_) return;
                     std::uint64_t count = 0;
                     [[maybe_unused]] const ssize_t got =
                         ::read(self->kick_.native_handle(), &count, sizeof count);
                     self->drain();
                     if (self->queue_) self->wait_for_kick();
                   });
}

void VhostDevice::drain() {
  for (unsigned i = 0; queue_ && enabled_; ++i) {
    if (i == kRequestsPerTurn) {
      if (std::exchange(draining_, true)) return;
      return asio::post(io_, [self = shared_from_this()] {
        self->draining_ = false;
        self->drain();
      });
    }
    auto chain = queue_->take();
    if (!chain) {
      log::warn("{}", chain.error().message());
      return reset();
    }
    if (!*chain) return;
    if (events_.on_request) events_.on_request(std::move(**chain));
  }
}

void VhostDevice::give_back(std::uint16_t head, std::uint32_t written) {
  if (!queue_ || !queue_->give_back(head, written) || !call_) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t told = ::write(call_.get(), &one, sizeof one);
}

void VhostDevice::reset() {
  error_code ignored;
  kick_.close(ignored);
  if (!queue_) return;
  ++queues_;
  queue_.reset();
  if (events_.on_reset) events_.on_reset();
}

}  // namespace cairn::vm
