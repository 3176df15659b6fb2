#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "fsd/base/bytes.h"
#include "fsd/base/result.h"

namespace cairn::p9 {

/// Cuts a stream of bytes into messages. Small ones are cut out of one buffer, as many as a read
/// has brought; for what is larger than the buffer there is memory of its own, into which the rest
/// is read directly.
/// Threads: one at a time.
class MessageReader {
 public:
  MessageReader();

  /// Where the next bytes are to be put: never empty.
  [[nodiscard]] MutableByteView room();
  /// `count` bytes have been put there. Adds the messages that are whole now. Nothing is reserved
  /// for a message that says it is longer than `message_bytes_max`.
  /// Fails with: EPROTO (a size that no message can have); nothing may be read after that.
  Result<void> advance(std::size_t count, std::uint32_t message_bytes_max,
                       std::vector<std::string>& messages);

 private:
  static constexpr std::size_t kBufferBytes = 64U << 10;

  std::string buffer_;  // bytes [0, filled_) are there
  std::size_t filled_ = 0;
  std::string large_;  // a message that is longer than the buffer; empty if there is none
  std::size_t large_filled_ = 0;
};

}  // namespace cairn::p9
