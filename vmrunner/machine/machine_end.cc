// Of a Machine, how it ends: in order, with all that is not durable yet, or at once.

#include <signal.h>

#include <cerrno>

#include "vmrunner/machine/machine.h"

namespace cairn::vm {
namespace {

using boost::system::error_code;

constexpr int kSignalled = 128;

Error ended(int number, const char* what, const std::string& detail) {
  return {std::error_code(number, std::generic_category()), what, detail};
}

}  // namespace

void Machine::stop_by(int signal) {
  if (ending_) {
    // The machine is down; who waits is its output's reader, or the daemon's goodbye.
    status_ = kSignalled + signal;
    io_.stop();
  } else if (!leaving_) {
    stopped_ = true;
    leave(kSignalled + signal);
  } else if (signal != SIGHUP) {  // a terminal that goes tells so twice
    stop_at_once();
  }
}

void Machine::leave(int status) {
  if (ending_ || std::exchange(leaving_, true)) return;
  status_ = status;
  if (!ready_ || again_) {  // there is nothing that could be written, or all has been
    take_down_qemu();
    return end();
  }
  timer_.expires_after(patience_.slow);
  timer_.async_wait([this](const error_code& error) {
    if (!error) on_slow_end();
  });
  if (was_up_ && !is_up_) wait_for_daemon();
  command("poweroff", {});
}

void Machine::on_slow_end() {
  if (is_up_) say("the machine stops; asked once more, it stops at once");
  timer_.expires_after(patience_.down - patience_.slow);
  timer_.async_wait([this](const error_code& error) {
    if (error) return;
    fail(ended(EIO, "the guest did not stop in time; what it had not written yet is lost",
               options_.url));
  });
}

/// Without the daemon nothing can be synced: a stop waits for it, but not for ever.
void Machine::wait_for_daemon() {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(patience_.daemon).count();
  say("the daemon is away; the machine waits " + std::to_string(seconds) +
      " s for it, so that what is not synced yet can be; asked once more, it stops at once");
  away_.expires_after(patience_.daemon);
  away_.async_wait([this](const error_code& error) {
    if (error) return;
    fail(ended(EIO, "the daemon is away, and what the guest had not synced yet is lost",
               options_.url));
  });
}

void Machine::stop_at_once() {
  fail(Error(std::error_code(EINTR, std::generic_category()),
             "stopped at once; what the guest had not written yet is lost"));
}

void Machine::fail(const Error& error) {
  if (!failure_ && !ending_) failure_ = error;
  take_down_qemu();
  end();
}

/// A command that has ended by itself has a reader who may take his time, as with any command.
void Machine::end() {
  if (std::exchange(ending_, true)) return;
  timer_.cancel();
  away_.cancel();
  pause_.cancel();
  ender_.reset();
  if (const auto lost = bridge_->counts().lost; lost > 0) {
    say(std::to_string(lost) +
        " changes were undone by a crash of the daemon and could not be done again");
  }
  for (const std::size_t port : {kOutPort, kErrPort}) ports_[port]->drain();
  bridge_->finish([this] {
    said_goodbye_ = true;
    stop_if_ended();
  });
  if (command_status_ && !stopped_ && !failure_) return;
  timer_.expires_after(patience_.reader);
  timer_.async_wait([this](const error_code& error) {
    if (error) return;
    reader_is_gone_ = true;
    stop_if_ended();
  });
}

void Machine::stop_if_ended() {
  if (said_goodbye_ && (reader_is_gone_ || !is_unwritten())) io_.stop();
}

}  // namespace cairn::vm
