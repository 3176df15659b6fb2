// Of a Machine, what it says to the guest's first process, and what comes from there.

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
         ",access=user,walkgetattr,cache=" + cache;
}

/// For a machine that has no clock.
std::int64_t wall_clock_ms() {
  using std::chrono::system_clock;  // tidy-allow(clock): what the runner is made for, no decision
  const auto now = system_clock::now();  // tidy-allow(clock): as above
  return std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
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
    if (!ender_) start_guest();
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
    if (is_interactive()) say(event.text);
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
  const auto [columns, rows] = Terminal::size(streams_);
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
    if (!answer.ok) say("the guest cannot mount the volume: " + answer.error);
    options_.command ? run_command() : open_terminal();
  });
}

}  // namespace cairn::vm
