#pragma once

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "fsd/base/unique_fd.h"
#include "tests/support/temporary_directory.h"
#include "vmrunner/machine/guest_memory.h"

namespace cairn::vm {

inline constexpr std::uint64_t kQemuBase =
    0x7f0000000000;  // where QEMU would have the guest's memory
inline constexpr std::uint64_t kMemoryBytes = 1U << 20;
inline constexpr std::uint64_t kDescriptors = 0x1000, kAvailable = 0x2000, kUsed = 0x3000,
                               kData = 0x8000;
inline constexpr std::uint32_t kSize = 8;
enum Ask : std::uint32_t {
  kGetFeatures = 1,
  kSetMemTable = 5,
  kSetNum = 8,
  kSetAddr = 9,
  kSetBase = 10,
  kGetBase = 11,
  kSetKick = 12,
  kSetCall = 13,
  kEnable = 18,
};

template <class... T>
std::string bytes_of(const T&... values) {
  std::string out;
  (out.append(reinterpret_cast<const char*>(&values), sizeof values), ...);
  return out;
}
inline std::uint32_t u32(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

/// QEMU, and the guest's driver, of a device whose socket is in `directory`.
class GuestSide : public ::testing::Test {
 protected:
  void make_directory() {
    directory = temporary.emplace().path();
    auto made = GuestMemory::make(kMemoryBytes);
    ASSERT_TRUE(made);
    memory = std::move(*made);
    published = 0;
  }
  void connect_qemu() {
    qemu = UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (directory + "/socket").copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(connect(qemu.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    kick = UniqueFd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    call = UniqueFd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  }
  void settle() {
    for (int i = 0; i < 10; ++i) io.poll();
  }
  void say(std::uint32_t request, const std::string& payload, int fd = -1) {
    std::string message = bytes_of(request, std::uint32_t(1), u32(payload.size())) + payload;
    iovec piece{.iov_base = message.data(), .iov_len = message.size()};
    alignas(cmsghdr) char beside[CMSG_SPACE(sizeof fd)] = {};
    msghdr header{};
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    if (fd >= 0) {
      header.msg_control = beside;
      header.msg_controllen = sizeof beside;
      cmsghdr* const one = CMSG_FIRSTHDR(&header);
      one->cmsg_level = SOL_SOCKET;
      one->cmsg_type = SCM_RIGHTS;
      one->cmsg_len = CMSG_LEN(sizeof fd);
      std::memcpy(CMSG_DATA(one), &fd, sizeof fd);
    }
    ASSERT_EQ(sendmsg(qemu.get(), &header, MSG_NOSIGNAL), static_cast<ssize_t>(message.size()));
    settle();
  }
  std::string hear() {
    char buffer[256];
    const ssize_t got = recv(qemu.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    return got > 0 ? std::string(buffer, static_cast<std::size_t>(got)) : "";
  }
  void set_up_queue() {
    say(kSetMemTable,
        bytes_of(1U, 0U, std::uint64_t(0), kMemoryBytes, kQemuBase, std::uint64_t(0)));
    say(kSetNum, bytes_of(0U, kSize));
    say(kSetBase, bytes_of(0U, 0U));
    say(kSetAddr, bytes_of(0U, 0U, kQemuBase + kDescriptors, kQemuBase + kUsed,
                           kQemuBase + kAvailable, std::uint64_t(0)));
    say(kSetCall, bytes_of(std::uint64_t(0)), call.get());
    say(kSetKick, bytes_of(std::uint64_t(0)), kick.get());
    say(kEnable, bytes_of(0U, 1U));
  }
  void publish(std::uint16_t head, std::string_view text) {
    const std::uint64_t place = kData + head * 64U;
    ASSERT_TRUE(memory.write(place, text));
    ASSERT_TRUE(memory.write(kDescriptors + head * 16U,
                             bytes_of(place, u32(text.size()), std::uint32_t(0))));
    ASSERT_TRUE(memory.write(kAvailable + 4 + 2U * (published % kSize), bytes_of(head)));
    ASSERT_TRUE(memory.write(kAvailable + 2, bytes_of(++published)));
  }
  void ring() {
    const std::uint64_t one = 1;
    ASSERT_EQ(write(kick.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
    settle();
  }

  boost::asio::io_context io;
  std::optional<TemporaryDirectory> temporary;
  std::string directory;
  GuestMemory memory;
  UniqueFd qemu, kick, call;
  std::uint16_t published = 0;
};

}  // namespace cairn::vm
