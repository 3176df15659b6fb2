#include <algorithm>

#include "tests/unit/vm/machine_fixture.h"

// What goes between a machine and our standard streams, and who holds up whom.

namespace cairn::vm {
namespace {

using namespace std::chrono_literals;

constexpr const char* kHello = R"(
g = Guest()
g.take_command()
g.ports["out"].sendall(b"\0out\r\n")
g.ports["err"].sendall(b"err")
g.end_command(0)
g.power_off()
)";

class MachineStreamsTest : public MachineFixture {
 protected:
  void SetUp() override {
    MachineFixture::SetUp();
    options.command = "true";
  }
  [[nodiscard]] std::size_t number_in(const std::string& name) const {
    return std::stoul(content(file(name)));
  }
};

TEST_F(MachineStreamsTest, OutputComesAsItIs) {
  ASSERT_TRUE(run(kHello));
  EXPECT_EQ(all_of(out), std::string("\0out\r\n", 6));
  EXPECT_EQ(all_of(err), "err");
}

TEST_F(MachineStreamsTest, WhatIsTheShellsIsNotMadeNonBlocking) {
  options.stdin_too = true;
  ASSERT_TRUE(run(kHello));
  for (const Pipe* pipe : {&in, &out, &err}) {
    EXPECT_EQ(fcntl(pipe->reader.get(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(fcntl(pipe->writer.get(), F_GETFL) & O_NONBLOCK, 0);
  }
}

TEST_F(MachineStreamsTest, AReaderWhoTakesNothingDoesNotHoldUpAStop) {
  for (const char* port : {"out", "err"}) {
    const auto result = run("g = Guest(); g.take_command(); g.fill('" + std::string(port) +
                            "'); tell_runner(15); g.power_off()");
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(*result, 128 + SIGTERM);
  }
}

TEST_F(MachineStreamsTest, AReaderWhoTakesNothingHoldsUpTheGuestAndFillsNoMemory) {
  const auto result = run(R"(
g = Guest()
g.take_command()
open(here + "taken", "w").write(str(g.fill("out")))
tell_runner(15)
g.power_off()
)");
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_LT(number_in("taken"), 2U << 20);
}

TEST_F(MachineStreamsTest, AReaderWhoTakesHisTimeGetsAllEvenAfterTheEnd) {
  std::string got;
  std::thread reader([this, &got] {
    ASSERT_TRUE(comes(file("taken")));
    std::string piece(100'000, '\0');
    for (ssize_t n = 0; (n = read(out.reader.get(), piece.data(), piece.size())) > 0;) {
      got.append(piece, 0, static_cast<std::size_t>(n));
    }
  });
  const auto result = run(R"(
g = Guest()
g.take_command()
taken = g.fill("out")
open(here + "taken.new", "w").write(str(taken))
os.rename(here + "taken.new", here + "taken")
g.end_command(5)
g.power_off()
)");
  out.writer = UniqueFd();
  reader.join();
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(*result, 5);
  ASSERT_EQ(got.size(), number_in("taken"));
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], "0123456789abcdef"[i % 16]) << i;
}

TEST_F(MachineStreamsTest, OutputThatNobodyReadsAnyMoreStopsTheMachineInOrder) {
  out.reader = UniqueFd();
  const auto result = run(R"(
g = Guest()
g.take_command()
g.ports["out"].sendall(b"x")
g.power_off()
)");
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(*result, 128 + SIGPIPE);
}

TEST_F(MachineStreamsTest, OutputThatCannotBeWrittenIsAnErrorWithASentence) {
  out.writer = UniqueFd(open("/dev/full", O_WRONLY | O_CLOEXEC));
  const auto result = run(R"(
g = Guest()
g.take_command()
g.ports["out"].sendall(b"x")
g.power_off()
)");
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(*result, kRunnerFailed);
  EXPECT_EQ(all_of(err), "cairn-vm: standard output cannot be written: No space left on device\n");
}

TEST_F(MachineStreamsTest, ACommandWhoseShellWasKilledEndsWithoutItsMarks) {
  patience.silence = 50ms;
  const auto result = run(R"(
g = Guest()
g.take_command()
g.ports["out"].sendall(b"x")
g.answer(g.job, status=137)
g.power_off()
)");
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(*result, 137);
  EXPECT_EQ(all_of(out), "x");
}

TEST_F(MachineStreamsTest, OutputMayComeBehindTheStatusAndIsWaitedFor) {
  patience.silence = 20s;
  const auto result = run(R"(
g = Guest()
g.take_command()
g.answer(g.job, status=0)
assert not select.select([g.ports["control"]], [], [], 0.2)[0], "it does not wait"
g.ports["out"].sendall(b"late" + g.mark)
g.ports["err"].sendall(g.mark)
g.power_off()
)");
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(all_of(out), "late");
}

TEST_F(MachineStreamsTest, InputReachesTheCommandAndHasAnEnd) {
  options.stdin_too = true;
  ASSERT_EQ(write(in.writer.get(), "in", 2), 2);
  in.writer = UniqueFd();
  ASSERT_TRUE(run(R"(
g = Guest()
assert "</dev/null" not in g.take_command()
got = b""
while piece := g.ports["in"].recv(100):
    got += piece
g.ports["out"].sendall(got)
g.end_command(0)
g.power_off()
)"));
  EXPECT_EQ(all_of(out), "in");
}

TEST_F(MachineStreamsTest, InputThatIsNoTerminalEndsTheShellAndTheShellTheMachine) {
  options.command.reset();
  patience.shell = 20ms;
  ASSERT_EQ(write(in.writer.get(), "ls", 2), 2);
  in.writer = UniqueFd();
  const auto result = run(R"(
g = Guest()
g.start()
got = b""
while len(got) < 9:
    got += g.ports["terminal"].recv(100)
assert got.startswith(b"ls\n\x15\x04\x15\x04\x15\x04"), got
g.ports["terminal"].sendall(b"file")
g.say(event="shell", terminal=1, status=9)
g.say(event="shell", terminal=0, status=3)
g.power_off()
)");
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(*result, 3);
}

TEST_F(MachineStreamsTest, AMachineWithATerminalStartsAnew) {
  options.command.reset();
  const auto result = run(R"(
first = not os.path.exists(here + "again")
open(here + "again", "w").close()
g = Guest()
g.start()
if first:
    g.say(event="reboot")
    sys.exit(0)
g.say(event="shell", terminal=0, status=4)
g.power_off()
)");
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(*result, 4);
}

TEST_F(MachineStreamsTest, ATerminalThatTakesNothingDoesNotHoldUpAStopNorFillMemory) {
  options.command.reset();
  const auto result = run(R"(
g = Guest()
g.start()
open(here + "taken", "w").write(str(g.fill("terminal")))
tell_runner(15)
g.power_off()
)");
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(*result, 128 + SIGTERM);
  EXPECT_LT(number_in("taken"), 4U << 20);
}

}  // namespace
}  // namespace cairn::vm
