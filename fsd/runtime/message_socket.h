#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cairn {

/// A connection that carries whole messages both ways, as a WebSocket does. What is between the two
/// ends of it knows no protocol; who uses it sees no socket.
/// Lifetime: shared; it keeps its User until on_closed() has returned.   Threads: core only.
class MessageSocket {
 public:
  class User {
   public:
    virtual ~User() = default;
    /// One whole message, not longer than was agreed on when the connection was accepted.
    virtual void on_message(std::string message) = 0;
    /// unsent_bytes() was above `kUnsentBytesMax` and is below half of it again.
    virtual void on_drained() = 0;
    /// The peer goes away for good, and says so (1001): its page was closed. on_closed() follows.
    virtual void on_leaving() {}
    /// Once, whichever side ended it; nothing comes afterwards. Never from inside of a call of
    /// ours.
    virtual void on_closed() = 0;
  };

  /// Past this, a User takes no more requests until on_drained().
  static constexpr std::size_t kUnsentBytesMax = 4U << 20;

  virtual ~MessageSocket() = default;
  /// Queued in order; thrown away when the connection has ended.
  virtual void send(std::string message) = 0;
  [[nodiscard]] virtual std::size_t unsent_bytes() const = 0;
  /// While held back, nothing is read from the peer; what has been read by then (a message at
  /// most) still comes.
  virtual void hold_back(bool held) = 0;
  /// `code` is one of RFC 6455, section 7.4. What was sent before leaves first, if the peer takes
  /// it within some seconds.
  virtual void close(std::uint16_t code, std::string_view reason) = 0;
};

/// Close codes of ours, from the range that RFC 6455 leaves to applications.
inline constexpr std::uint16_t kCloseNormal = 1000;
inline constexpr std::uint16_t kCloseGoingAway = 1001;
inline constexpr std::uint16_t kCloseProtocolError = 1002;
inline constexpr std::uint16_t kClosePolicy = 1008;
inline constexpr std::uint16_t kCloseTooBig = 1009;
inline constexpr std::uint16_t kCloseTryLater = 1013;

}  // namespace cairn
