#include "tests/e2e/resume/daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "tests/e2e/resume/caller.h"

namespace cairn::e2e {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(5);
constexpr std::string_view kReady = "ready web http://127.0.0.1:";

std::string content_of(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

}  // namespace

Daemon::Daemon(boost::asio::io_context& io, std::string program, std::string directory)
    : program_(std::move(program)), directory_(std::move(directory)), timer_(io) {}

Daemon::~Daemon() {
  if (pid_ > 0) kill_hard();
}

std::string Daemon::log() const {
  const std::string all = content_of(directory_ + "/daemon.log");
  return all.substr(std::min(log_from_, all.size()));
}

void Daemon::start(std::function<void()> ready) {
  ready_ = std::move(ready);
  const std::string log_file = directory_ + "/daemon.log";
  log_from_ = content_of(log_file).size();
  const std::string config = directory_ + "/c.toml";
  const std::string name = "resume-" + std::to_string(getpid());
  const std::string web = "127.0.0.1:" + std::to_string(port_);
  const char* const arguments[] = {program_.c_str(), "serve", "-c",        config.c_str(), "--name",
                                   name.c_str(),     "--web", web.c_str(), nullptr};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 2, log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                   0600);
  const int failed = posix_spawn(&pid_, program_.c_str(), &files, nullptr,
                                 const_cast<char* const*>(arguments), environ);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) fail("the daemon cannot be started");
  look();
}

void Daemon::look() {
  const std::string text = log();
  const std::size_t at = text.find(kReady);
  if (at != text.npos && text.find(" ready: ") != text.npos) {
    port_ = static_cast<unsigned short>(std::stoul(text.substr(at + kReady.size())));
    return std::exchange(ready_, nullptr)();
  }
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == pid_) {
    pid_ = -1;
    fail("the daemon did not start: " + text);
  }
  timer_.expires_after(kLookEvery);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) look();
  });
}

void Daemon::kill_hard() {
  timer_.cancel();
  kill(pid_, SIGKILL);
  waitpid(std::exchange(pid_, -1), nullptr, 0);
}

void Daemon::stop(std::function<void()> ended) {
  ended_ = std::move(ended);
  kill(pid_, SIGTERM);
  look_for_end();
}

void Daemon::look_for_end() {
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == pid_) {
    pid_ = -1;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail("it did not end in order: " + log());
    return std::exchange(ended_, nullptr)();
  }
  timer_.expires_after(kLookEvery);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) look_for_end();
  });
}

}  // namespace cairn::e2e
