#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <string>

namespace cairn::e2e {

/// A daemon with a web door on loopback, which is ended and started again.
class Daemon {
 public:
  /// `directory` holds its configuration c.toml and its log.
  Daemon(boost::asio::io_context& io, std::string program, std::string directory);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// `ready` is called once it can be connected to.
  void start(std::function<void()> ready);
  /// By SIGKILL.
  void kill_hard();
  /// By SIGTERM; `ended` is called afterwards.
  void stop(std::function<void()> ended);
  [[nodiscard]] unsigned short port() const { return port_; }
  [[nodiscard]] const std::string& directory() const { return directory_; }
  /// What this start of it has logged.
  [[nodiscard]] std::string log() const;

 private:
  void look();
  void look_for_end();

  const std::string program_;
  const std::string directory_;
  boost::asio::steady_timer timer_;
  std::function<void()> ready_;
  std::function<void()> ended_;
  pid_t pid_ = -1;
  unsigned short port_ = 0;
  std::size_t log_from_ = 0;
};

}  // namespace cairn::e2e
