#pragma once

#include <sys/types.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "fsd/base/random.h"
#include "vmrunner/machine/bridge.h"
#include "vmrunner/machine/guest_memory.h"
#include "vmrunner/machine/host_files.h"
#include "vmrunner/machine/port.h"
#include "vmrunner/machine/qemu.h"
#include "vmrunner/machine/terminal.h"

namespace cairn::vm {

/// The status of a run that failed by itself, not by the command that it ran.
inline constexpr int kRunnerFailed = 125;

/// One machine, from its start to its end: QEMU, what is plugged into it, and the guest in it.
/// Threads: one.
class Machine {
 public:
  Machine(const RunOptions& options, const GuestImage& image, std::string qemu);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// Returns the command's exit status, or that of a terminal, 0.
  /// Fails with: what the system says; what the daemon says; EIO (the guest does not start).
  Result<int> run();

 private:
  using Values = std::vector<std::pair<std::string_view, std::string>>;
  using Answered = std::function<void(const GuestMessage&)>;

  Result<void> begin();
  Result<void> boot(Accelerator accelerator);
  void make_ports();
  void take_down_qemu();
  void on_boot_timeout();
  void on_signal(int number);
  void on_qemu_end();

  void on_control(std::string_view bytes);
  void on_event(const GuestMessage& event);
  void command(std::string_view verb, const Values& values, Answered answered = {});
  void start_guest();
  void run_command();
  void on_command_end(const GuestMessage& answer);
  void feed_input();
  void on_output(int fd, std::string_view bytes);

  void on_up();
  void on_down(const WebSocket::End& end);
  void say_if_away();

  /// In order, with all that is not durable yet.
  void leave(int status);
  void on_slow_end();
  void wait_for_daemon();
  void stop_at_once();
  void fail(const Error& error);
  void end();
  [[nodiscard]] std::string last_words() const;
  [[nodiscard]] bool is_interactive() const { return !options_.command; }

  const RunOptions& options_;
  const GuestImage& image_;
  const std::string qemu_;
  const std::unique_ptr<Random> random_;
  std::string directory_;
  boost::asio::io_context io_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer timer_;  // for the guest to start, or to end
  boost::asio::steady_timer away_;
  boost::asio::posix::stream_descriptor input_;
  std::string input_bytes_;
  std::unique_ptr<Bridge> bridge_;
  std::unique_ptr<Terminal> terminal_;
  std::array<std::shared_ptr<Port>, std::size(kPorts)> ports_;
  GuestMemory memory_;
  HostFiles files_;
  Accelerator accelerator_ = Accelerator::kTcg;
  pid_t pid_ = -1;
  std::string control_line_;
  unsigned next_id_ = 1;
  std::map<unsigned, Answered> answers_;
  std::optional<Error> failure_;
  int status_ = 0;
  bool ready_ = false;   // the guest's first process answers
  bool was_up_ = false;  // the daemon has been reached
  bool is_up_ = false;
  bool said_away_ = false;
  bool leaving_ = false;
  bool again_ = false;  // the guest wants to be started anew
  bool ending_ = false;
};

}  // namespace cairn::vm
