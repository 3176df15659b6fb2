#pragma once

#include <sys/types.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "fsd/base/random.h"
#include "vmrunner/link/session_ender.h"
#include "vmrunner/machine/bridge.h"
#include "vmrunner/machine/guest_memory.h"
#include "vmrunner/machine/host_files.h"
#include "vmrunner/machine/marked_stream.h"
#include "vmrunner/machine/output.h"
#include "vmrunner/machine/port.h"
#include "vmrunner/machine/qemu.h"
#include "vmrunner/machine/terminal.h"
#include "vmrunner/machine/work_directory.h"

namespace cairn::vm {

/// The status of a run that failed by itself, not by the command that it ran.
inline constexpr int kRunnerFailed = 125;

/// How long a machine waits.
struct Patience {
  Duration left = std::chrono::seconds(5);  // for the end of each session that was left
  Duration kvm_boot = std::chrono::seconds(4);
  Duration boot = std::chrono::seconds(90);
  Duration down = std::chrono::seconds(45);
  Duration slow = std::chrono::seconds(2);          // until a stop says that it takes long
  Duration away = std::chrono::seconds(2);          // until it says that the daemon is away
  Duration daemon = std::chrono::seconds(5);        // for a daemon that is away, to stop
  Duration reader = std::chrono::seconds(1);        // for a reader who takes nothing, once stopped
  Duration silence = std::chrono::seconds(1);       // for a command's output, once it has ended
  Duration shell = std::chrono::milliseconds(300);  // until it is told again that its input ended
};

/// One machine, from its start to its end: QEMU, what is plugged into it, and the guest in it.
/// Signals of the process are its own while it runs.   Threads: one.
class Machine {
 public:
  /// `image` and `options` outlive it. `qemu` is the program.
  Machine(const RunOptions& options, const GuestImage& image, std::string qemu,
          Streams streams = {}, const Patience& patience = {});
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// Returns the command's exit status, or that of a terminal's shell; 128 and the signal's number
  /// of what a signal has stopped, also SIGPIPE's, if nobody reads the output.
  /// Fails with: what the system says; what the daemon says; EIO (the guest does not start).
  Result<int> run();

 private:
  using Values = std::vector<std::pair<std::string_view, std::string>>;
  using Answered = std::function<void(const GuestMessage&)>;

  Result<void> begin();
  Result<void> boot(Accelerator accelerator);
  void end_left_sessions(const WebSocket::Options& socket);
  void make_ports();
  void take_down_qemu();
  void on_boot_timeout();
  void on_signal(int number);
  void on_qemu_end();

  void on_control(std::string_view bytes);
  void on_event(const GuestMessage& event);
  void command(std::string_view verb, const Values& values, Answered answered = {});
  void start_guest();
  void open_terminal();
  void type(std::string bytes, bool is_terminal);
  void end_typing();
  void run_command();
  void on_command_end(const GuestMessage& answer);
  void await_rest_of_output();
  void leave_if_done();
  void feed_input();

  void make_outputs();
  void on_terminal_output(std::string_view bytes);
  void on_command_output(std::size_t port, std::string_view bytes);
  void on_drained();
  void on_output_failed(const char* which, int number);
  [[nodiscard]] bool is_unwritten() const;
  /// For people.
  void say(const std::string& text);

  void on_up();
  void on_down(const WebSocket::End& end);
  void say_if_away();

  /// In order, with all that is not durable yet.
  void leave(int status);
  void on_slow_end();
  void wait_for_daemon();
  void stop_at_once();
  void stop_by(int signal);
  void fail(const Error& error);
  void end();
  void stop_if_ended();
  [[nodiscard]] std::string last_words() const;
  [[nodiscard]] bool is_interactive() const { return !options_.command; }

  const RunOptions& options_;
  const GuestImage& image_;
  const std::string qemu_;
  const Streams streams_;
  const Patience patience_;
  const std::unique_ptr<Random> random_;
  const SessionRecords records_;
  std::optional<WorkDirectory> directory_;
  boost::asio::io_context io_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer timer_;  // for the guest to start, or to end
  boost::asio::steady_timer away_;
  boost::asio::steady_timer pause_;
  std::unique_ptr<Output> out_, err_;
  std::unique_ptr<SharedFd> input_;
  std::string input_bytes_;
  std::unique_ptr<SessionEnder> ender_;  // while it works
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
  MarkedStream command_out_, command_err_;  // its output
  std::optional<int> command_status_;       // once it has ended
  bool heard_ = false;                      // something of its output, lately
  std::optional<Error> failure_;
  int status_ = 0;
  bool ends_in_line_ = false;  // what was typed
  bool ready_ = false;         // the guest's first process answers
  bool was_up_ = false;        // the daemon has been reached
  bool is_up_ = false;
  bool said_away_ = false;
  bool leaving_ = false;
  bool stopped_ = false;  // by somebody, who does not care for the rest of the output
  bool again_ = false;    // the guest wants to be started anew
  bool ending_ = false;
  bool said_goodbye_ = false;    // to the daemon
  bool reader_is_gone_ = false;  // or nobody waits for him
};

}  // namespace cairn::vm
