#include "vmrunner/machine/vhost_device.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstring>
#include <filesystem>

namespace cairn::vm {
namespace {

constexpr std::uint64_t kQemuBase = 0x7f0000000000;  // where QEMU would have the guest's memory
constexpr std::uint64_t kMemoryBytes = 1U << 20;
constexpr std::uint64_t kDescriptors = 0x1000, kAvailable = 0x2000, kUsed = 0x3000, kData = 0x8000;
constexpr std::uint32_t kSize = 8;
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
constexpr std::uint32_t u32(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

/// QEMU, and the guest's driver.
class VhostDeviceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    io.restart();
    std::string pattern = ::testing::TempDir() + "/cairn-vhost-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory = pattern;
    auto made = GuestMemory::make(kMemoryBytes);
    ASSERT_TRUE(made);
    memory = std::move(*made);
    device = std::make_shared<VhostDevice>(
        io, directory + "/socket", memory,
        VhostDevice::Events{.on_request =
                                [this](const Virtqueue::Chain& chain) {
                                  requests.push_back(chain.read());
                                  heads.push_back(chain.head);
                                },
                            .on_reset = [this] { ++resets; }});
    device->begin();
    qemu = UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (directory + "/socket").copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(connect(qemu.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    kick = UniqueFd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    call = UniqueFd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  }
  void TearDown() override {
    device->close();
    io.poll();
    std::filesystem::remove_all(directory);
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
  std::string directory;
  GuestMemory memory;
  std::shared_ptr<VhostDevice> device;
  UniqueFd qemu, kick, call;
  std::vector<std::string> requests;
  std::vector<std::uint16_t> heads;
  int resets = 0;
  std::uint16_t published = 0;
};

TEST_F(VhostDeviceTest, SaysWhatItCan) {
  say(kGetFeatures, "");
  const std::uint64_t features = (1ULL << 32) | (1ULL << 30) | (1ULL << 28);
  EXPECT_EQ(hear(), bytes_of(std::uint32_t(kGetFeatures), 5U, 8U, features));
}

TEST_F(VhostDeviceTest, TakesRequestsWhenItIsWokenAndWakesTheGuest) {
  set_up_queue();
  EXPECT_TRUE(requests.empty());
  publish(2, "first");
  publish(5, "second");
  ring();
  EXPECT_EQ(requests, (std::vector<std::string>{"first", "second"}));
  device->give_back(5, 7);
  std::uint64_t woken = 0;
  EXPECT_EQ(read(call.get(), &woken, sizeof woken), static_cast<ssize_t>(sizeof woken));
  EXPECT_EQ(std::memcmp(memory.find(kUsed + 2, 2), "\x01\x00", 2), 0);
  EXPECT_EQ(heads, (std::vector<std::uint16_t>{2, 5}));
}

TEST_F(VhostDeviceTest, WhatWasThereBeforeItIsEnabledIsTakenThen) {
  set_up_queue();
  say(kEnable, bytes_of(0U, 0U));
  publish(1, "early");
  ring();
  EXPECT_TRUE(requests.empty());
  say(kEnable, bytes_of(0U, 1U));
  EXPECT_EQ(requests, std::vector<std::string>{"early"});
}

TEST_F(VhostDeviceTest, StopsWhereItIsToldAndForgetsItsBuffers) {
  set_up_queue();
  publish(1, "one");
  ring();
  say(kGetBase, bytes_of(0U, 0U));
  EXPECT_EQ(hear(), bytes_of(std::uint32_t(kGetBase), 5U, 8U, 0U, 1U));
  EXPECT_EQ(resets, 1);
  publish(2, "two");
  ring();
  EXPECT_EQ(requests.size(), 1U);
  device->give_back(1, 0);  // is nobody's any more
  EXPECT_EQ(std::memcmp(memory.find(kUsed + 2, 2), "\x00\x00", 2), 0);
}

TEST_F(VhostDeviceTest, TheOtherQueuesOfTheDeviceAreNotUsed) {
  say(kSetNum, bytes_of(1U, 3U));
  say(kSetKick, bytes_of(std::uint64_t(1)), kick.get());
  say(kGetBase, bytes_of(1U, 0U));
  EXPECT_EQ(hear(), bytes_of(std::uint32_t(kGetBase), 5U, 8U, 1U, 0U));
}

TEST_F(VhostDeviceTest, ADriverThatMakesNoSenseIsStopped) {
  set_up_queue();
  ASSERT_TRUE(memory.write(kAvailable + 2, bytes_of(std::uint16_t(kSize + 1))));
  ring();
  EXPECT_EQ(resets, 1);
  EXPECT_TRUE(requests.empty());
}

TEST_F(VhostDeviceTest, MessagesThatMakeNoSenseEndIt) {
  const std::pair<std::uint32_t, std::string> wrong[] = {
      {99, ""},                             // no such request
      {kSetMemTable, bytes_of(1U, 0U)},     // a region is missing
      {kSetMemTable, bytes_of(1000U, 0U)},  // more than there can be
      {kSetAddr, bytes_of(0U, 0U)},         // too short
      {kSetAddr, bytes_of(0U, 0U, std::uint64_t(1), std::uint64_t(2), std::uint64_t(3),
                          std::uint64_t(0))},  // outside of the memory
      {kSetKick, bytes_of(std::uint64_t(0))},  // no descriptor with it
      {kGetFeatures, std::string(4096, 'x')},  // larger than any
  };
  for (const auto& [request, payload] : wrong) {
    TearDown();
    resets = 0;
    SetUp();
    set_up_queue();
    say(request, payload);
    EXPECT_EQ(resets, 1) << request;
  }
}

}  // namespace
}  // namespace cairn::vm
