// Of a Machine, the terminal or the command in the guest, and our standard streams. Whatever takes
// what the guest says may do so when it likes: meanwhile the guest waits, and we hear signals.

#include <signal.h>
#include <string.h>

#include <cerrno>

#include "fsd/base/hex.h"
#include "vmrunner/machine/machine.h"

namespace cairn::vm {
namespace {

using boost::system::error_code;

/// A console of QEMU's drops what we do not take, so it is worth some memory; and a terminal need
/// not get more than a person would wait for.
constexpr std::size_t kTerminalUnwrittenMax = 1U << 20;
constexpr std::size_t kTypedAheadMax = 1U << 20;
constexpr std::size_t kMarkBytes = 16;
constexpr std::size_t kSaidMax = 64U << 10;
constexpr std::string_view kEndOfInput = "\x15\x04";  // Ctrl-U, Ctrl-D

Error guest_error(const char* what, std::string detail) {
  return {std::error_code(EIO, std::generic_category()), what, std::move(detail)};
}

/// The command's own streams go over ports of bytes, which no terminal changes. The mark is their
/// end: it is not seen that nobody in the guest has such a port open any more.
std::string script_of(const RunOptions& options, const std::string& mark) {
  std::string inner = "cd /mnt 2>/dev/null; ";
  for (const auto& [name, value] : options.environment) {
    inner += "export " + name + "=" + shell_word(value) + "; ";
  }
  inner += *options.command;
  std::string script = "p=$(echo /dev/vport*p2); p=${p%2}; exec >${p}2 2>${p}3 <";
  script += options.stdin_too ? "${p}4" : "/dev/null";
  script += options.as_root ? "; env HOME=/root sh -c " : "; su user -c ";
  script += shell_word(inner);
  return script + "; s=$?; printf %s " + mark + "; printf %s " + mark + " >&2; exit $s";
}

}  // namespace

void Machine::make_outputs() {
  const auto make = [this](int fd, const char* which) {
    return std::make_unique<Output>(
        io_, fd,
        Output::Events{
            .on_drained = [this] { on_drained(); },
            .on_failed = [this, which](int number) { on_output_failed(which, number); }});
  };
  out_ = make(streams_.out, "standard output");
  err_ = make(streams_.err, "standard error");
}

bool Machine::is_unwritten() const {
  return out_->unwritten_bytes() > 0 || err_->unwritten_bytes() > 0;
}

void Machine::on_drained() {
  for (const std::size_t port : {kTerminalPort, kOutPort, kErrPort}) {
    if (ports_[port] && !ending_) ports_[port]->resume();
  }
  if (ending_) stop_if_ended();
}

void Machine::on_output_failed(const char* which, int number) {
  const bool nobody_reads = number == EPIPE || is_interactive();
  if (!nobody_reads) say(std::string(which) + " cannot be written: " + strerror(number));
  const int status = nobody_reads ? 128 + SIGPIPE : kRunnerFailed;
  if (leaving_ && !stopped_) status_ = status;
  leave(status);
  if (ending_) stop_if_ended();
}

void Machine::say(const std::string& text) {
  if (err_->unwritten_bytes() < kSaidMax) err_->write(line_for(streams_.err, text));
}

void Machine::on_terminal_output(std::string_view bytes) {
  if (!is_interactive() || leaving_) return;  // the next shell's greeting is nobody's any more
  out_->write(bytes);
  if (out_->unwritten_bytes() > kTerminalUnwrittenMax) ports_[kTerminalPort]->pause();
}

void Machine::on_command_output(std::size_t port, std::string_view bytes) {
  Output& output = port == kOutPort ? *out_ : *err_;
  heard_ = true;
  output.write((port == kOutPort ? command_out_ : command_err_).feed(bytes));
  if (output.unwritten_bytes() > 0) ports_[port]->pause();
  leave_if_done();
}

void Machine::open_terminal() {
  if (Terminal::is_one(streams_)) say("Ctrl-], or the end of the shell, stops the machine");
  terminal_ = std::make_unique<Terminal>(
      io_, streams_,
      Terminal::Events{
          .typed = [this](std::string bytes, bool is_terminal) { type(bytes, is_terminal); },
          .show = [this](std::string_view bytes) { out_->write(bytes); },
          .left = [this] { leaving_ ? stop_at_once() : leave(0); },
          .ended =
              [this](bool is_terminal) {
                if (is_terminal) return leave(0);
                if (ends_in_line_) type("\n", true);
                end_typing();
              }});
  terminal_->begin();
}

/// A person is always listened to, and what the guest does not take in the end is dropped; a file
/// waits.
void Machine::type(std::string bytes, bool is_terminal) {
  Port& port = *ports_[kTerminalPort];
  if (!is_terminal) {
    ends_in_line_ = bytes.back() != '\n';
    return port.send(std::move(bytes), [this] {
      if (terminal_) terminal_->read_on();
    });
  }
  if (port.unsent_bytes() < kTypedAheadMax) port.send(std::move(bytes));
}

/// A file's end is there each time that it is read. A Ctrl-D is nothing to a program that the shell
/// runs, and to a shell that has not begun to read a character like others, which is taken back.
void Machine::end_typing() {
  if (!terminal_ || leaving_) return;
  type(std::string(kEndOfInput), true);
  pause_.expires_after(patience_.shell);
  pause_.async_wait([this](const error_code& error) {
    if (!error) end_typing();
  });
}

void Machine::run_command() {
  std::array<std::uint8_t, kMarkBytes> random{};
  random_->fill(random);
  const std::string mark = to_hex(random);
  command_out_ = command_err_ = MarkedStream(mark);
  const Values values = {{"command", script_of(options_, mark)}, {"user", "root"}};
  if (encode_command(next_id_, "run", values).size() > kCommandBytesMax) {
    return fail(guest_error("the command is too long", "put it into a file of the volume"));
  }
  command("run", values, [this](const GuestMessage& answer) { on_command_end(answer); });
  if (!options_.stdin_too) return;
  input_ = std::make_unique<SharedFd>(io_, streams_.in, SharedFd::Way::kIn);
  feed_input();
}

void Machine::feed_input() {
  input_->wait([this] {
    const ssize_t count = input_->read(input_bytes_.data(), input_bytes_.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return feed_input();
    Port& port = *ports_[kInPort];
    if (count <= 0) return port.end_of_input();
    port.send(input_bytes_.substr(0, static_cast<std::size_t>(count)), [this] { feed_input(); });
  });
}

void Machine::on_command_end(const GuestMessage& answer) {
  if (!answer.ok) return fail(guest_error("the command cannot be run", answer.error));
  err_->write(answer.output);  // of the shell itself
  command_status_ = static_cast<int>(answer.status);
  leave_if_done();
  if (!leaving_) await_rest_of_output();
}

/// The mark does not come if somebody has killed the shell that would have written it.
void Machine::await_rest_of_output() {
  heard_ = false;
  pause_.expires_after(patience_.silence);
  pause_.async_wait([this](const error_code& error) {
    if (error || leaving_) return;
    heard_ || is_unwritten() ? await_rest_of_output() : leave(*command_status_);
  });
}

void Machine::leave_if_done() {
  if (ending_ || !command_status_) return;
  if (command_out_.has_ended() && command_err_.has_ended()) leave(*command_status_);
}

}  // namespace cairn::vm
