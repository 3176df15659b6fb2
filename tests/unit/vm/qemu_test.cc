#include "vmrunner/machine/qemu.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "fsd/base/unique_fd.h"
#include "tests/support/temporary_directory.h"
#include "vmrunner/machine/guest_memory.h"

// A shell in QEMU's place.

namespace cairn::vm {
namespace {

class QemuTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = GuestMemory::make(1U << 20);
    ASSERT_TRUE(made);
    memory = std::move(*made);
  }
  std::string run(const std::string& script) {
    const std::string log = directory + "/log";
    const auto pid = spawn_qemu({"/bin/sh", "-c", script}, log, memory.file());
    EXPECT_TRUE(pid);
    EXPECT_EQ(waitpid(*pid, nullptr, 0), *pid);
    std::ostringstream out;
    out << std::ifstream(log).rdbuf();
    return std::move(out).str();
  }

  const TemporaryDirectory temporary;
  const std::string directory = temporary.path();
  GuestMemory memory;
};

TEST_F(QemuTest, HasTheMachinesMemoryAndNoOtherFileOfOurs) {
  const UniqueFd other(open("/dev/null", O_RDONLY));  // as Asio's sockets are: inherited
  const std::string script = "[ -e /proc/self/fd/" + std::to_string(other.get()) +
                             " ] && echo leaked; stat -Lc %s " + memory.path();
  EXPECT_EQ(run(script), "1048576\n");
}

TEST_F(QemuTest, CannotTakeTheMemoryAwayUnderneathUs) {
  run("truncate -s 0 " + memory.path());
  EXPECT_EQ(std::filesystem::file_size(memory.path()), 1U << 20);
}

TEST_F(QemuTest, WhatTheGuestSaysOnItsSerialLineDoesNotFillTheDisk) {
  const std::string file = directory + "/serial.log";
  run("head -c 33554432 /dev/zero >" + file);
  EXPECT_EQ(std::filesystem::file_size(file), 16U << 20);
  EXPECT_EQ(run("echo and it lives on"), "and it lives on\n");
}

}  // namespace
}  // namespace cairn::vm
