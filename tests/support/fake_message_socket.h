#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "fsd/runtime/message_socket.h"

namespace cairn::testing {

/// A WebSocket without a network: frames wait on both ways until somebody carries them on.
class FakeMessageSocket final : public MessageSocket {
 public:
  void send(std::string message) override {
    if (!closed) to_client.push_back(std::move(message));
  }
  [[nodiscard]] std::size_t unsent_bytes() const override { return unsent; }
  void hold_back(bool held) override { held_back = held; }
  void close(std::uint16_t with_code, std::string_view why) override {
    closed = true;
    code = with_code;
    reason = why;
    if (on_close) on_close();
  }

  std::shared_ptr<User> user;
  std::deque<std::string> to_client;
  std::deque<std::string> to_server;
  std::size_t unsent = 0;
  bool held_back = false;
  bool closed = false;
  std::uint16_t code = 0;
  std::string reason;
  std::function<void()> on_close;
};

}  // namespace cairn::testing
