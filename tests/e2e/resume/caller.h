#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <random>
#include <string>

#include "fsd/base/bytes.h"
#include "fsd/base/random.h"
#include "protocol/p9/codec.h"
#include "vmrunner/link/resuming_connection.h"

namespace cairn::e2e {

/// Ends the program with status 1.
[[noreturn]] void fail(const std::string& why);

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  void fill(MutableByteView bytes) override {
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(engine_());
  }
  /// Uniform in [from, to].
  std::uint64_t between(std::uint64_t from, std::uint64_t to) {
    return from + below(to - from + 1);
  }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

 private:
  std::mt19937_64 engine_;
};

/// A 9P client over a connection that resumes.
/// Threads: that of the io_context.
class Caller {
 public:
  using Done = std::function<void(const std::string& message)>;

  Caller(boost::asio::io_context& io, const std::string& url, std::uint64_t seed);

  /// Tversion and an attach of root as fid 0.
  void begin();
  /// `message` is whole; its tag is filled in here.
  void send(std::string message, Done done);
  /// Waits. The reply's strings are good until the next call.
  p9::Reply ask(const p9::Request& request);
  template <class T>
  T get(const p9::Request& request) {
    const p9::Reply reply = ask(request);
    if (const auto* found = std::get_if<T>(&reply)) return *found;
    const auto* error = std::get_if<p9::Rlerror>(&reply);
    fail("errno " + std::to_string(error == nullptr ? 0 : error->ecode) + " to a request of type " +
         std::to_string(request.index()));
  }
  /// The errno of the reply, 0 if it is none.
  std::uint32_t error(const p9::Request& request);
  void walk(std::uint32_t fid, std::uint32_t newfid, const std::vector<std::string>& names);

  /// Takes the connection away until connect().
  void disconnect() { link_->stop(); }
  void connect();
  /// Says goodbye.
  void finish();

  /// Runs until it is true.
  void run_until(const std::function<bool()>& is_true);
  [[nodiscard]] const resume::Client& session() const { return link_->client(); }
  [[nodiscard]] vm::ResumingConnection& link() { return *link_; }

 private:
  void on_reply(std::string message);

  boost::asio::io_context& io_;
  SeededRandom random_;
  std::map<std::uint16_t, Done> waiting_;
  std::uint16_t next_tag_ = 0;
  std::string kept_;
  std::unique_ptr<vm::ResumingConnection> link_;
};

[[nodiscard]] std::string encode(const p9::Request& request);
[[nodiscard]] p9::Reply decode(const std::string& message);

}  // namespace cairn::e2e
