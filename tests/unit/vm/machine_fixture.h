#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "fsd/base/unique_fd.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/vm/fake_daemon.h"
#include "vmrunner/machine/machine.h"

namespace cairn::vm {

/// A Machine whose QEMU, guest and daemon are ours, and whose standard streams are pipes.
class MachineFixture : public ::testing::Test {
 protected:
  struct Pipe {
    UniqueFd reader, writer;
  };
  /// All that comes out of a pipe, from a thread of its own, until nobody has its writer.
  class Collector {
   public:
    explicit Collector(UniqueFd from) : from_(std::move(from)) {
      thread_ = std::thread([this] {
        std::string piece(64U << 10, '\0');
        for (ssize_t n = 0; (n = ::read(from_.get(), piece.data(), piece.size())) > 0;) {
          text_.append(piece, 0, static_cast<std::size_t>(n));
        }
      });
    }
    ~Collector() {
      if (thread_.joinable()) thread_.join();
    }
    Collector(const Collector&) = delete;
    Collector& operator=(const Collector&) = delete;
    const std::string& text() {
      thread_.join();
      return text_;
    }

   private:
    UniqueFd from_;
    std::string text_;
    std::thread thread_;
  };

  void SetUp() override {
    signal(SIGPIPE, SIG_IGN);  // as the program does
    for (const char* name : {"vmlinuz", "initramfs.gz"}) std::ofstream(file(name)) << "abc";
    std::ofstream(file("manifest.json")) << R"({"format":1,"memory_mib":128,
        "volume_device":"vhost-user-fs","command_lines":{"qemu":"console=ttyS0"},
        "files":{"vmlinuz":{"size":3,"sha256":""},"initramfs.gz":{"size":3,"sha256":""}},
        "servers":{},"packages":[]})";
    options.memory_mib = 1;
    options.accelerator = Accelerator::kTcg;
    options.url = daemon.url();
    options.sessions = file("sessions");
    in = make_pipe();
    out = make_pipe();
    err = make_pipe();
  }

  [[nodiscard]] std::string file(const std::string& name) const { return directory + "/" + name; }
  static Pipe make_pipe() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    return {.reader = UniqueFd(ends[0]), .writer = UniqueFd(ends[1])};
  }
  static std::string content(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return std::move(text).str();
  }
  /// Waits; false: it does not come.
  static bool comes(const std::string& path) {
    for (int i = 0; i < 2000 && !std::filesystem::exists(path); ++i) usleep(10'000);
    return std::filesystem::exists(path);
  }
  /// What stands in for QEMU: lines of Python behind fake_qemu.py, with `here` as our directory.
  std::string write_qemu(const std::string& lines) const {
    std::ofstream(file("qemu"))
        << "#!/usr/bin/python3\nimport sys\nsys.dont_write_bytecode = True\n"
        << "sys.path.insert(0, '" << CAIRN_TEST_FOLDER << "')\n"
        << "from fake_qemu import *\nhere = '" << directory << "/'\n"
        << "open(here + 'pid', 'w').write(str(os.getpid()))\n"
        << lines;
    std::filesystem::permissions(file("qemu"), std::filesystem::perms::owner_all);
    return file("qemu");
  }
  Result<int> run(const std::string& lines) {
    const auto image = GuestImage::open(directory);
    EXPECT_TRUE(image);
    std::optional<Machine> machine;
    machine.emplace(
        options, *image, write_qemu(lines),
        Streams{.in = in.reader.get(), .out = out.writer.get(), .err = err.writer.get()}, patience);
    auto result = machine->run();
    machine.reset();
    const std::string pid = content(file("pid"));
    EXPECT_FALSE(!pid.empty() && kill(std::stoi(pid), 0) == 0) << "QEMU is still there";
    return result;
  }
  /// What has been written to a pipe that we have the only other end of.
  static std::string all_of(Pipe& from) {
    from.writer = UniqueFd();
    return Collector(std::move(from.reader)).text();
  }
  [[nodiscard]] std::size_t records() const {
    std::error_code none;
    std::size_t count = 0;
    for (const auto& one : std::filesystem::directory_iterator(options.sessions, none)) {
      count += one.is_regular_file() ? 1 : 0;
    }
    return count;
  }

  FakeDaemon daemon;
  const TemporaryDirectory temporary;
  const std::string directory = temporary.path();
  RunOptions options;
  Patience patience;
  Pipe in, out, err;
};

inline ::testing::AssertionResult says(const Result<int>& result, const std::string& text) {
  if (result) return ::testing::AssertionFailure() << "status " << *result;
  const std::string message = result.error().message();
  if (message.find(text) != message.npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << message;
}

}  // namespace cairn::vm
