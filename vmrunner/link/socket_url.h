#pragma once

#include <cstdint>
#include <string>

#include "fsd/base/result.h"

namespace cairn::vm {

/// Where a WebSocket goes: "ws://127.0.0.1:8080/ws/9p", "wss://cairn.example.org". http and https
/// are taken for ws and wss, so that what a browser shows can be pasted; without a path it is
/// /ws/9p.
struct SocketUrl {
  bool tls = false;
  std::string host;  // IPv6 without brackets
  std::uint16_t port = 80;
  std::string target = "/ws/9p";

  /// Fails with: EINVAL, and a detail that says what is wrong with it.
  static Result<SocketUrl> parse(const std::string& text);
  /// For the header Host: the port only if it is not the scheme's own.
  [[nodiscard]] std::string authority() const;
  /// For people.
  [[nodiscard]] std::string text() const;
  bool operator==(const SocketUrl&) const = default;
};

}  // namespace cairn::vm
