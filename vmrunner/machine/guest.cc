// Of a Machine, what it says to the guest's first process, and what comes from there.

#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "fsd/base/hex.h"
#include "vmrunner/machine/machine.h"

namespace cairn::vm {
namespace {

constexpr std::size_t kControlLineMax = 1U << 20;
/// More than any guest leaves unread that works.
constexpr std::size_t kUnreadMax = 64U << 20;
constexpr std::size_t kSeedBytes = 64;
/// Of 9P: what the guest's driver can take at most, 125 pages.
constexpr std::uint32_t kMessageBytes = 125U * 4096;

Error guest_error(const char* what, std::string detail) {
  return {std::error_code(EIO, std::generic_category()), what, std::move(detail)};
}

std::string mount_options(const std::string& cache) {
  return "trans=virtio,version=9p2000.L,msize=" + std::to_string(kMessageBytes) +
         ",access=user,cache=" + cache;
}

/// For a machine that has no clock.
std::int64_t wall_clock_ms() {
  using std::chrono::system_clock;  // tidy-allow(clock): what the runner is made for, no decision
  const auto now = system_clock::now();  // tidy-allow(clock): as above
  return std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
}

/// The command's own streams go over ports of bytes, which no terminal changes.
std::string script_of(const RunOptions& options) {
  std::string inner = "cd /mnt 2>/dev/null; ";
  for (const auto& [name, value] : options.environment) {
    inner += "export " + name + "=" + shell_word(value) + "; ";
  }
  inner += *options.command;
  std::string script = "p=$(echo /dev/vport*p2); p=${p%2}; exec >${p}2 2>${p}3 <";
  script += options.stdin_too ? "${p}4" : "/dev/null";
  script += "; exec ";
  script += options.as_root ? "env HOME=/root sh -c " : "su user -c ";
  return script + shell_word(inner);
}

}  // namespace

void Machine::on_control(std::string_view bytes) {
  control_line_ += bytes;
  std::size_t at = 0;
  for (std::size_t end = 0; (end = control_line_.find('\n', at)) != control_line_.npos;) {
    const auto message = decode_guest_message(std::string_view(control_line_).substr(at, end - at));
    at = end + 1;
    if (!message || ending_) continue;
    if (message->id == 0) {
      on_event(*message);
    } else if (auto answer = answers_.extract(message->id); answer && answer.mapped()) {
      answer.mapped()(*message);
    }
    if (at > control_line_.size()) return;  // it was started anew
    if (!ending_ && ports_[kControlPort]->unsent_bytes() > kUnreadMax) {
      return fail(guest_error("the guest asks and does not listen", "its control line is full"));
    }
  }
  control_line_.erase(0, at);
  if (control_line_.size() > kControlLineMax) control_line_.clear();
}

void Machine::on_event(const GuestMessage& event) {
  if (event.event == "ready") {
    if (std::exchange(ready_, true)) return;  // the timer may be another one by now
    timer_.cancel();
    start_guest();
  } else if (event.event == "poweroff" || (event.event == "reboot" && leaving_)) {
    // All is written and unmounted: nothing is gained by waiting for the machine's own end.
    leaving_ = true;
    take_down_qemu();
    end();
  } else if (event.event == "reboot") {
    again_ = is_interactive();
    if (!again_) fail(guest_error("the guest has restarted", "which ended its command"));
  } else if (event.event == "error" && event.step == "root") {
    fail(guest_error("the volume has no such directory to be the machine's root", options_.root));
  } else if (event.event == "shell") {
    if (terminal_ && event.terminal == 0) leave(static_cast<int>(event.status));
  } else if (event.event == "told") {
    if (is_interactive()) Terminal::say(event.text);
  } else {
    files_.on_event(event);
  }
}

void Machine::command(std::string_view verb, const Values& values, Answered answered) {
  const unsigned id = next_id_++;
  if (answered) answers_.emplace(id, std::move(answered));
  ports_[kControlPort]->send(encode_command(id, verb, values));
}

void Machine::start_guest() {
  if (leaving_) return;
  std::array<std::uint8_t, kSeedBytes> seed{};
  random_->fill(seed);
  const auto [columns, rows] = Terminal::size();
  Values values = {{"time", std::to_string(wall_clock_ms())},
                   {"seed", to_hex(seed)},
                   {"uid", std::to_string(options_.uid)},
                   {"gid", std::to_string(options_.gid)},
                   {"hostname", "cairn"},
                   {"cols", std::to_string(columns)},
                   {"rows", std::to_string(rows)},
                   {"source", kVolumeTag},
                   {"options", mount_options(options_.cache)}};
  if (!options_.root.empty()) values.emplace_back("root", options_.root);
  command("start", values, [this](const GuestMessage& answer) {
    if (!answer.ok && !is_interactive()) {
      return fail(guest_error("the guest cannot mount the volume", answer.error));
    }
    if (!answer.ok) Terminal::say("the guest cannot mount the volume: " + answer.error);
    if (options_.command) return run_command();
    if (Terminal::is_one()) Terminal::say("Ctrl-], or the end of the shell, stops the machine");
    terminal_ = std::make_unique<Terminal>(
        io_,
        Terminal::Events{
            .typed = [this](std::string bytes) { ports_[kTerminalPort]->send(std::move(bytes)); },
            .left = [this] { leaving_ ? stop_at_once() : leave(0); },
            .ended = [this] { leave(0); }});
    terminal_->begin();
  });
}

void Machine::run_command() {
  const std::string script = script_of(options_);
  const Values values = {{"command", script}, {"user", "root"}};
  if (encode_command(next_id_, "run", values).size() > kCommandBytesMax) {
    return fail(guest_error("the command is too long", "put it into a file of the volume"));
  }
  command("run", values, [this](const GuestMessage& answer) { on_command_end(answer); });
  if (!options_.stdin_too) return;
  input_.assign(dup(STDIN_FILENO));
  feed_input();
}

void Machine::feed_input() {
  input_.async_read_some(boost::asio::buffer(input_bytes_),
                         [this](const boost::system::error_code& error, std::size_t count) {
                           Port& port = *ports_[kInPort];
                           if (error) return port.end_of_input();
                           port.send(input_bytes_.substr(0, count), [this] { feed_input(); });
                         });
}

void Machine::on_output(int fd, std::string_view bytes) {
  if (!write_out(fd, bytes)) leave(128 + SIGPIPE);
}

void Machine::on_command_end(const GuestMessage& answer) {
  if (!answer.ok) return fail(guest_error("the command cannot be run", answer.error));
  ports_[kOutPort]->drain();
  ports_[kErrPort]->drain();
  on_output(STDERR_FILENO, answer.output);  // of the shell itself
  leave(static_cast<int>(answer.status));
}

}  // namespace cairn::vm
