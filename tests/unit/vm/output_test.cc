#include "vmrunner/machine/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <fstream>

// None of these may wait: a test that hangs has failed.

namespace cairn::vm {
namespace {

class OutputTest : public ::testing::Test {
 protected:
  void use(int reader_fd, int writer_fd) {
    reader = UniqueFd(reader_fd);
    writer = UniqueFd(writer_fd);
    output.emplace(io, writer.get(),
                   Output::Events{.on_drained = [this] { ++drained; },
                                  .on_failed = [this](int number) { failures.push_back(number); }});
  }
  /// So much that it cannot all be taken.
  void fill() {
    output->write(std::string(kMuch, 'x'));
    io.poll();
    ASSERT_GT(output->unwritten_bytes(), 0U);
    ASSERT_EQ(drained, 0);
  }
  /// Reads until all is written, and it has said so.
  std::size_t empty() {
    std::string piece(10'000, '\0');
    std::size_t got = 0;
    fcntl(reader.get(), F_SETFL, O_NONBLOCK);
    for (ssize_t count = 0; drained == 0 || count > 0;) {
      io.poll();
      count = read(reader.get(), piece.data(), piece.size());
      got += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    return got;
  }
  [[nodiscard]] bool is_shared_untouched() const {
    return (fcntl(writer.get(), F_GETFL) & O_NONBLOCK) == 0;
  }

  static constexpr std::size_t kMuch = 1U << 20;
  boost::asio::io_context io;
  UniqueFd reader, writer;
  std::optional<Output> output;
  int drained = 0;
  std::vector<int> failures;
};

TEST_F(OutputTest, APipeIsFilledAndNotWaitedFor) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  use(ends[0], ends[1]);
  fill();
  output->write("y");
  EXPECT_EQ(empty(), kMuch + 1);
  EXPECT_EQ(output->unwritten_bytes(), 0U);
  EXPECT_TRUE(is_shared_untouched());
}

TEST_F(OutputTest, ASocketIsFilledAndNotWaitedFor) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  use(ends[0], ends[1]);
  fill();
  EXPECT_EQ(empty(), kMuch);
  EXPECT_EQ(output->unwritten_bytes(), 0U);
  EXPECT_TRUE(is_shared_untouched());
}

TEST_F(OutputTest, ATerminalThatIsStoppedIsNotWaitedFor) {
  int master = -1, slave = -1;
  ASSERT_EQ(openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  use(master, slave);
  ASSERT_EQ(tcflow(slave, TCOOFF), 0);  // Ctrl-S
  output->write("x");
  io.poll();
  EXPECT_EQ(output->unwritten_bytes(), 1U);
  ASSERT_EQ(tcflow(slave, TCOON), 0);
  EXPECT_EQ(empty(), 1U);
  EXPECT_EQ(drained, 1);
  EXPECT_TRUE(is_shared_untouched());
}

TEST_F(OutputTest, ATerminalWhoseOtherEndReadsNothingIsNotWaitedFor) {
  int master = -1, slave = -1;
  ASSERT_EQ(openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  use(master, slave);
  fill();
}

TEST_F(OutputTest, AFileIsAlwaysReadyAndKeepsItsPlace) {
  const std::string path = ::testing::TempDir() + "/cairn-output";
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  ASSERT_EQ(write(file, "a", 1), 1);
  use(-1, file);
  output->write(std::string(kMuch, 'x'));
  EXPECT_EQ(output->unwritten_bytes(), 0U);
  ASSERT_EQ(write(file, "z", 1), 1);
  EXPECT_EQ(lseek(file, 0, SEEK_CUR), static_cast<off_t>(kMuch + 2));
  unlink(path.c_str());
}

TEST_F(OutputTest, AReaderWhoGoesIsToldOnceAlsoWhileItWaits) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  use(ends[0], ends[1]);
  signal(SIGPIPE, SIG_IGN);
  fill();
  reader = UniqueFd();
  io.poll();
  output->write("more");
  EXPECT_EQ(failures, std::vector<int>{EPIPE});
  EXPECT_EQ(output->unwritten_bytes(), 0U);
}

TEST_F(OutputTest, AFullDiskIsTold) {
  use(-1, open("/dev/full", O_WRONLY | O_CLOEXEC));
  output->write("x");
  EXPECT_EQ(failures, std::vector<int>{ENOSPC});
}

TEST_F(OutputTest, ADescriptorThatIsNoneIsTold) {
  use(-1, -1);
  output->write("x");
  EXPECT_EQ(failures, std::vector<int>{EBADF});
}

/// As a terminal of another user's. A named pipe is not opened for writing while nobody reads.
TEST_F(OutputTest, WhatCannotBeOpenedAnewIsNotWaitedForEither) {
  const std::string path = ::testing::TempDir() + "/cairn-output-" + std::to_string(getpid());
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  UniqueFd first(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  const int to_it = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  first = UniqueFd();
  use(-1, to_it);
  reader = UniqueFd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  unlink(path.c_str());
  ASSERT_TRUE(reader);
  fill();
  EXPECT_EQ(empty(), kMuch);
  EXPECT_TRUE(is_shared_untouched());
}

TEST_F(OutputTest, NothingIsCalledAfterItsEnd) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  use(ends[0], ends[1]);
  fill();
  reader = UniqueFd();
  output.reset();
  io.poll();
  EXPECT_TRUE(failures.empty());
}

class InputTest : public ::testing::Test {
 protected:
  std::string read_all(int fd) {
    SharedFd in(io, fd, SharedFd::Way::kIn);
    std::string all, piece(100, '\0');
    bool ended = false;
    std::function<void()> on_ready = [&] {
      const ssize_t count = in.read(piece.data(), piece.size());
      if (count > 0) all.append(piece, 0, static_cast<std::size_t>(count));
      ended = count == 0 || (count < 0 && errno != EAGAIN);
      if (!ended) in.wait(on_ready);
    };
    in.wait(on_ready);
    io.restart();
    io.run();
    return ended ? all : "no end";
  }
  boost::asio::io_context io;
};

TEST_F(InputTest, AFileIsReadToItsEnd) {
  const std::string path = ::testing::TempDir() + "/cairn-input";
  std::ofstream(path) << std::string(1000, 'x');
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(read_all(file.get()), std::string(1000, 'x'));
  unlink(path.c_str());
}

TEST_F(InputTest, APipeIsReadToItsEnd) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const UniqueFd reader(ends[0]);
  ASSERT_EQ(write(ends[1], "x", 1), 1);
  close(ends[1]);
  EXPECT_EQ(read_all(reader.get()), "x");
  EXPECT_EQ(fcntl(reader.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(InputTest, NothingAndWhatIsNoDescriptorAreAtTheirEnd) {
  const UniqueFd nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(read_all(nothing.get()), "");
  EXPECT_EQ(read_all(-1), "");
}

}  // namespace
}  // namespace cairn::vm
