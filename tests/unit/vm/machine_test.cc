#include "vmrunner/machine/machine.h"

#include "tests/unit/vm/machine_fixture.h"

// How a machine starts and ends, with a program in QEMU's place (fake_qemu.py).

namespace cairn::vm {
namespace {

using namespace std::chrono_literals;

class MachineTest : public MachineFixture {
 protected:
  void SetUp() override {
    MachineFixture::SetUp();
    options.command = "true";
  }
};

TEST_F(MachineTest, ItsStatusIsTheCommands) {
  for (const int status : {0, 1, 42, 255}) {
    const auto result = run("g = Guest(); g.take_command(); g.end_command(" +
                            std::to_string(status) + "); g.power_off()");
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(*result, status);
  }
}

TEST_F(MachineTest, TheCommandGetsItsEnvironmentAndItsUser) {
  options.command = "make";
  options.environment = {{"X", "it's"}};
  options.root = "/tree";
  options.uid = 7;
  ASSERT_TRUE(run(R"(
g = Guest()
g.say(event="ready")
number, values = g.expect("start")
assert values["root"] == "/tree" and values["uid"] == "7" and "msize=512000" in values["options"]
g.answer(number)
g.job, values = g.expect("run")
assert "su user -c " in values["command"] and "make" in values["command"]
assert "export X=" in values["command"] and "</dev/null" in values["command"]
g.answer(g.job, status=0)
g.power_off()
)"));
}

TEST_F(MachineTest, WithoutADaemonThereIsNoMachine) {
  daemon.vanish();
  EXPECT_TRUE(says(run("signal.pause()"), "no volume: " + daemon.url()));
}

TEST_F(MachineTest, AProgramThatCannotRunIsNoMachine) {
  const auto image = GuestImage::open(directory);
  Machine machine(options, *image, file("none"),
                  {.out = out.writer.get(), .err = err.writer.get()});
  EXPECT_TRUE(says(machine.run(), "QEMU has ended"));
}

TEST_F(MachineTest, AQemuThatDiesEarlySaysWhy) {
  EXPECT_TRUE(says(run("sys.exit('no such device')"), "QEMU has ended: no such device"));
}

TEST_F(MachineTest, WhatTheKernelSaidLastIsSaidIfQemuSaysNothing) {
  EXPECT_TRUE(says(run("open(Guest().directory + '/serial.log', 'w').write('panic')"), "panic"));
}

TEST_F(MachineTest, AQemuThatDiesUnderACommandIsAnError) {
  EXPECT_TRUE(says(run("g = Guest(); g.take_command(); os._exit(0)"), "QEMU has ended"));
}

TEST_F(MachineTest, AGuestThatDoesNotComeIsGivenUp) {
  patience.boot = 300ms;
  EXPECT_TRUE(says(run("signal.pause()"), "the guest does not start"));
}

TEST_F(MachineTest, AVolumeThatCannotBeMountedIsSaid) {
  const std::string lines = R"(
g = Guest()
g.say(event="ready")
g.say(id=g.expect("start")[0], ok=False, step="mount", error="Permission denied")
signal.pause()
)";
  EXPECT_TRUE(says(run(lines), "the guest cannot mount the volume: Permission denied"));
}

TEST_F(MachineTest, ARootThatIsNotThereIsSaid) {
  options.root = "/none";
  const std::string lines = R"(
g = Guest()
g.say(event="ready")
g.expect("start")
g.say(event="error", step="root")
signal.pause()
)";
  EXPECT_TRUE(says(run(lines), "no such directory to be the machine's root: /none"));
}

TEST_F(MachineTest, ACommandTooLongForTheGuestIsNotSent) {
  options.command = std::string(9000, 'x');
  EXPECT_TRUE(says(run("Guest().start(); signal.pause()"), "the command is too long"));
}

TEST_F(MachineTest, AGuestThatRestartsHasLostItsCommand) {
  EXPECT_TRUE(says(run("g = Guest(); g.take_command(); g.say(event='reboot'); signal.pause()"),
                   "the guest has restarted"));
}

TEST_F(MachineTest, AStopDuringTheStartIsAtOnce) {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    const auto result = run("Guest(); tell_runner(" + std::to_string(number) + "); signal.pause()");
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(*result, 128 + number);
  }
}

TEST_F(MachineTest, AStopBeforeTheMountIsAnsweredTakesTheMachineDownInOrder) {
  const auto result = run(R"(
g = Guest()
g.say(event="ready")
number, _ = g.expect("start")
tell_runner(signal.SIGTERM)
g.expect("poweroff")
g.answer(number)
g.say(event="poweroff")
signal.pause()
)");
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(*result, 128 + SIGTERM);
}

TEST_F(MachineTest, AStopIsInOrder) {
  const auto result = run(R"(
g = Guest()
g.take_command()
tell_runner(signal.SIGTERM)
g.expect("poweroff")
open(here + "written", "w").close()
g.say(event="poweroff")
signal.pause()
)");
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(*result, 128 + SIGTERM);
  EXPECT_TRUE(std::filesystem::exists(file("written")));
}

TEST_F(MachineTest, ASecondSignalStopsAtOnceAndSaysWhatThatMeans) {
  const std::string lines = R"(
g = Guest()
g.take_command()
tell_runner(signal.SIGTERM)
g.expect("poweroff")
tell_runner(signal.SIGINT)
signal.pause()
)";
  EXPECT_TRUE(says(run(lines), "stopped at once; what the guest had not written yet is lost"));
}

TEST_F(MachineTest, AGuestThatDoesNotStopIsGivenUp) {
  patience.slow = 10ms;
  patience.down = 200ms;
  const std::string lines = "g = Guest(); g.take_command(); tell_runner(15); signal.pause()";
  EXPECT_TRUE(says(run(lines), "the guest did not stop in time"));
  EXPECT_NE(all_of(err).find("asked once more, it stops at once"), std::string::npos);
}

TEST_F(MachineTest, AQemuThatDiesDuringAStopHasLostSomething) {
  const std::string lines =
      "g = Guest(); g.take_command(); tell_runner(15); g.expect('poweroff'); os._exit(0)";
  EXPECT_TRUE(says(run(lines), "what the guest had not written yet is lost"));
}

TEST_F(MachineTest, AStopWaitsForADaemonThatIsAwayButNotForEver) {
  patience.daemon = 200ms;
  std::thread other([this] {
    EXPECT_TRUE(comes(file("up")));
    daemon.vanish();
    std::ofstream(file("away")) << "x";
  });
  const auto result = run(R"(
import time
g = Guest()
g.take_command()
while not any(name.startswith("session-") for name in os.listdir(here + "sessions")):
    time.sleep(0.01)
open(here + "up", "w").close()
while not os.path.exists(here + "away"):
    time.sleep(0.01)
tell_runner(signal.SIGTERM)
signal.pause()
)");
  other.join();
  EXPECT_TRUE(says(result, "the daemon is away, and what the guest had not synced yet is lost"));
  EXPECT_NE(all_of(err).find("the machine waits 1 s for it"), std::string::npos);
  EXPECT_EQ(records(), 1U) << "the daemon has the session still";
}

TEST_F(MachineTest, TheSessionIsRecordedForAsLongAsItLasts) {
  const auto result = run(R"(
import time
g = Guest()
g.take_command()
while not any(name.startswith("session-") for name in os.listdir(here + "sessions")):
    time.sleep(0.01)
g.end_command(0)
g.power_off()
)");
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(records(), 0U);
  EXPECT_EQ(daemon.heard(), (std::vector<std::string>{"hello", "bye"}));
}

TEST_F(MachineTest, ASessionWhoseRunnerWasKilledIsEnded) {
  ASSERT_TRUE(SessionRecords(options.sessions).keep(options.url, {1, 2, 3}));
  ASSERT_EQ(records(), 1U);
  const auto result = run("g = Guest(); g.take_command(); g.end_command(0); g.power_off()");
  ASSERT_TRUE(result) << result.error().message();
  const auto heard = daemon.heard();
  EXPECT_EQ(std::ranges::count(heard, "end 01020300000000000000000000000000"), 1);
  EXPECT_EQ(records(), 0U);
}

TEST_F(MachineTest, TheGuestMountsWhenThatSessionHasEndedButDoesNotWaitForEver) {
  const FakeDaemon silent(0);
  options.url = silent.url();
  patience.left = 700ms;
  ASSERT_TRUE(SessionRecords(options.sessions).keep(options.url, {1}));
  const auto began = std::chrono::steady_clock::now().time_since_epoch();
  std::ofstream(file("began"))
      << std::chrono::duration_cast<std::chrono::milliseconds>(began).count();
  const auto result = run(R"(
import time
g = Guest()
g.start()
assert time.monotonic() * 1000 >= int(open(here + "began").read()) + 700, "it has not waited"
g.job, _ = g.expect("run")
g.answer(g.job, status=0)
g.power_off()
)");
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(records(), 1U) << "the next one tries it again";
}

}  // namespace
}  // namespace cairn::vm
