#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <deque>
#include <memory>
#include <set>
#include <vector>

#include "tests/e2e/resume/daemon.h"

namespace cairn::e2e {

/// What happens when so many bytes have passed in all.
struct Mishap {
  enum class Kind { kCut, kKill, kTerm };
  std::uint64_t after_bytes = 0;
  Kind kind = Kind::kCut;
};

/// Stands between a client and the daemon, and lets bytes through exactly up to the next mishap.
/// Threads: that of the io_context.
class Disturbance {
 public:
  Disturbance(boost::asio::io_context& io, Daemon& daemon);
  ~Disturbance();

  /// Starts the daemon, and returns when it can be connected to.
  void start();
  void set(std::deque<Mishap> mishaps);
  /// At once.
  void happen(Mishap::Kind kind);
  /// In order; start() starts it again.
  void stop();
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t left() const { return mishaps_.size(); }
  [[nodiscard]] bool is_ready() const { return ready_; }

 private:
  class Pair;
  void accept();
  [[nodiscard]] std::size_t bytes_until_mishap(std::size_t count) const;
  void passed(std::size_t count);
  void cut();

  boost::asio::io_context& io_;
  Daemon& daemon_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::set<std::shared_ptr<Pair>> pairs_;
  std::deque<Mishap> mishaps_;
  std::uint64_t bytes_ = 0;
  bool ready_ = false;
};

}  // namespace cairn::e2e
