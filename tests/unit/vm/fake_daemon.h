#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/resume/frames.h"

namespace cairn::vm {

/// A daemon's WebSocket for cairn.resume.v1, with no volume behind it: it lets everybody in and
/// writes down who came. Runs in a thread of its own.
class FakeDaemon {
 public:
  /// `end_code`: what it closes the connection of an End with; 0: it does not answer one.
  explicit FakeDaemon(std::uint16_t end_code = 1000);
  ~FakeDaemon();
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;

  [[nodiscard]] const std::string& url() const;
  /// The number that the first session gets as the first byte of its id, the next one the next.
  static constexpr std::uint8_t kFirstId = 0x40;
  /// All connections end, and there is nobody any more.
  void vanish();
  /// "hello", "end 0102...", "bye", in their order.
  [[nodiscard]] std::vector<std::string> heard() const;

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace cairn::vm
