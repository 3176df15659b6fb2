#include "vmrunner/machine/machine.h"

#include <openssl/rand.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/system/system_error.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fsd/base/check.h"
#include "vmrunner/machine/kvm_memory.h"

namespace cairn::vm {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kLastWords = 600;
constexpr std::size_t kInputBytes = 64U << 10;

class SystemRandom final : public Random {
 public:
  void fill(MutableByteView bytes) override {
    CHECK(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
  }
};

ResumingConnection::Options link_options(const RunOptions& options) {
  ResumingConnection::Options link;
  link.socket.url = *SocketUrl::parse(options.url);  // checked with the command line
  link.socket.token = options.token;
  link.socket.ca_file = options.ca_file;
  return link;
}

std::string tail_of(const std::string& file) {
  std::ostringstream out;
  out << std::ifstream(file).rdbuf();
  std::string text = std::move(out).str();
  if (text.size() > kLastWords) text.erase(0, text.size() - kLastWords);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

}  // namespace

Machine::Machine(const RunOptions& options, const GuestImage& image, std::string qemu,
                 Streams streams, const Patience& patience)
    : options_(options),
      image_(image),
      qemu_(std::move(qemu)),
      streams_(streams),
      patience_(patience),
      random_(std::make_unique<SystemRandom>()),
      records_(options.sessions),
      signals_(io_, SIGTERM, SIGINT, SIGHUP),
      timer_(io_),
      away_(io_),
      pause_(io_),
      input_bytes_(kInputBytes, '\0'),
      files_(image,
             {.send = [this](std::string bytes) { ports_[kControlPort]->send(std::move(bytes)); },
              .command = [this](std::string_view verb,
                                const Values& values) { command(verb, values); },
              .write_memory =
                  [this](std::uint64_t address, std::string_view bytes) {
                    return memory_.write(address, bytes);
                  }}) {
  signals_.add(SIGCHLD);
  signals_.add(SIGWINCH);
}

Machine::~Machine() { take_down_qemu(); }

Result<int> Machine::run() {
  try {
    TRY_OK(begin());
    io_.run();
  } catch (const boost::system::system_error& error) {
    return system_error(error.code().value(), "the machine's sockets cannot be made",
                        directory_ ? directory_->path() : "");
  }
  terminal_.reset();
  if (failure_) return *failure_;
  return status_;
}

Result<void> Machine::begin() {
  const char* runtime = getenv("XDG_RUNTIME_DIR");
  TRY(auto directory, WorkDirectory::make(runtime == nullptr ? "/tmp" : runtime));
  directory_.emplace(std::move(directory));
  make_outputs();
  const auto link = link_options(options_);
  end_left_sessions(link.socket);
  bridge_ = std::make_unique<Bridge>(
      io_, *random_, link, records_,
      Bridge::Events{.on_up = [this] { on_up(); },
                     .on_down = [this](const WebSocket::End& end) { on_down(end); }});
  TRY_OK(bridge_->start());
  on_signal(0);
  const bool kvm =
      options_.accelerator == Accelerator::kKvm ||
      (options_.accelerator == Accelerator::kAuto && may_use_kvm() && !KvmMemory().says_no());
  return boot(kvm ? Accelerator::kKvm : Accelerator::kTcg);
}

/// The guest waits with its mount until they are: it may want what they have locked.
void Machine::end_left_sessions(const WebSocket::Options& socket) {
  auto left = records_.find_left(options_.url);
  if (left.empty()) return;
  const auto done = [this] {
    ender_.reset();
    if (ready_ && !ending_) start_guest();
  };
  ender_ = std::make_unique<SessionEnder>(
      io_, SessionEnder::Options{.socket = socket, .answer_max = patience_.left}, std::move(left),
      done);
  ender_->start();
}

void Machine::make_ports() {
  const auto make = [this](std::size_t port, Port::OnData on_data) {
    const std::string path = directory_->path() + "/" + kPorts[port];
    ::unlink(path.c_str());
    if (ports_[port]) ports_[port]->close();
    ports_[port] = std::make_shared<Port>(io_, path, std::move(on_data));
    ports_[port]->begin();
  };
  make(kTerminalPort, [this](std::string_view bytes) { on_terminal_output(bytes); });
  make(kControlPort, [this](std::string_view bytes) { on_control(bytes); });
  make(kOutPort, [this](std::string_view bytes) { on_command_output(kOutPort, bytes); });
  make(kErrPort, [this](std::string_view bytes) { on_command_output(kErrPort, bytes); });
  make(kInPort, [](std::string_view) {});
}

Result<void> Machine::boot(Accelerator accelerator) {
  accelerator_ = accelerator;
  ready_ = false;
  terminal_.reset();
  control_line_.clear();
  answers_.clear();
  make_ports();
  bridge_->unplug();
  TRY(memory_, GuestMemory::make(std::uint64_t(options_.memory_mib) << 20));
  bridge_->plug(directory_->path() + "/" + kVolumePort, memory_);
  TRY(pid_, spawn_qemu(qemu_arguments(qemu_, image_, options_, accelerator, directory_->path(),
                                      memory_.path()),
                       directory_->path() + "/qemu.log", memory_.file()));
  const bool probing =
      accelerator == Accelerator::kKvm && options_.accelerator == Accelerator::kAuto;
  timer_.expires_after(probing ? patience_.kvm_boot : patience_.boot);
  timer_.async_wait([this](const error_code& error) {
    if (!error) on_boot_timeout();
  });
  return {};
}

void Machine::take_down_qemu() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(std::exchange(pid_, -1), nullptr, 0);
}

void Machine::on_boot_timeout() {
  if (ending_) return;
  take_down_qemu();
  if (accelerator_ != Accelerator::kKvm || options_.accelerator != Accelerator::kAuto) {
    return fail(Error(std::error_code(EIO, std::generic_category()), "the guest does not start",
                      last_words()));
  }
  say("KVM does not boot the guest here; QEMU emulates it instead (--accel tcg)");
  KvmMemory().remember_no();
  if (const auto booted = boot(Accelerator::kTcg); !booted) fail(booted.error());
}

void Machine::on_signal(int number) {
  if (number == SIGCHLD) {
    if (pid_ > 0 && waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      on_qemu_end();
    }
  } else if (number == SIGWINCH) {
    const auto [columns, rows] = Terminal::size(streams_);
    if (ready_ && is_interactive()) {
      command(
          "size",
          {{"terminal", "0"}, {"cols", std::to_string(columns)}, {"rows", std::to_string(rows)}});
    }
  } else if (number != 0) {
    stop_by(number);
  }
  signals_.async_wait([this](const error_code& error, int next) {
    if (!error) on_signal(next);
  });
}

void Machine::on_qemu_end() {
  if (ending_) return;
  ports_[kControlPort]->drain();  // its last words may say that all is well
  if (ending_) return;
  if (std::exchange(again_, false)) {
    if (const auto booted = boot(accelerator_); !booted) fail(booted.error());
    return;
  }
  if (leaving_) {
    return fail(Error(std::error_code(EIO, std::generic_category()),
                      "QEMU has ended; what the guest had not written yet is lost", last_words()));
  }
  const bool kvm_failed =
      !ready_ && accelerator_ == Accelerator::kKvm && options_.accelerator == Accelerator::kAuto;
  if (kvm_failed) return on_boot_timeout();
  fail(Error(std::error_code(EIO, std::generic_category()), "QEMU has ended", last_words()));
}

std::string Machine::last_words() const {
  const std::string qemu = tail_of(directory_->path() + "/qemu.log");
  return qemu.empty() ? tail_of(directory_->path() + "/serial.log") : qemu;
}

void Machine::on_up() {
  was_up_ = is_up_ = true;
  away_.cancel();
  if (std::exchange(said_away_, false) && is_interactive()) say("the daemon is back");
}

void Machine::on_down(const WebSocket::End& end) {
  if (ending_) return;
  if (!was_up_) {
    return fail(Error(std::error_code(EIO, std::generic_category()), "no volume",
                      options_.url + ": " + end.message()));
  }
  if (!std::exchange(is_up_, false)) return;
  if (leaving_) return wait_for_daemon();
  away_.expires_after(patience_.away);
  away_.async_wait([this](const error_code& error) {
    if (!error) say_if_away();
  });
}

/// Most drops are over before anybody has noticed.
void Machine::say_if_away() {
  if (is_up_) return;
  said_away_ = true;
  say("the daemon is away; the machine waits for it");
}

}  // namespace cairn::vm
