#include "vmrunner/machine/vhost_device.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "tests/unit/vm/guest_side.h"

namespace cairn::vm {
namespace {

class VhostDeviceTest : public GuestSide {
 protected:
  void SetUp() override {
    io.restart();
    make_directory();
    device = std::make_shared<VhostDevice>(
        io, directory + "/socket", memory,
        VhostDevice::Events{.on_request =
                                [this](const Virtqueue::Chain& chain) {
                                  requests.push_back(chain.read(100));
                                  heads.push_back(chain.head);
                                  if (on_request) on_request(chain.head);
                                },
                            .on_reset = [this] { ++resets; }});
    device->begin();
    connect_qemu();
  }
  void TearDown() override {
    device->close();
    io.poll();
  }

  std::shared_ptr<VhostDevice> device;
  std::vector<std::string> requests;
  std::vector<std::uint16_t> heads;
  std::function<void(std::uint16_t head)> on_request;
  int resets = 0;
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

TEST_F(VhostDeviceTest, ADriverThatNeverPausesLeavesUsOurTurn) {
  set_up_queue();
  on_request = [this](std::uint16_t head) {
    device->give_back(head, 0);
    if (requests.size() < 1000) publish(head, "more");
  };
  publish(0, "first");
  const std::uint64_t one = 1;
  ASSERT_EQ(write(kick.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
  while (requests.empty()) ASSERT_EQ(io.poll_one(), 1U);
  EXPECT_LE(requests.size(), kSize);
  while (requests.size() < 1000) ASSERT_EQ(io.poll_one(), 1U);
}

TEST_F(VhostDeviceTest, QemuIsNotLeftWaitingForAnAnswerThatDoesNotCome) {
  say(99, "");
  char byte = 0;
  EXPECT_EQ(recv(qemu.get(), &byte, 1, MSG_DONTWAIT), 0);
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
