#pragma once

// The guest's control line, as text: ../guest/README.md says what the words mean. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn::vm {

/// What the guest takes in one line.
inline constexpr std::size_t kCommandBytesMax = 8000;

/// "ID VERB key=value ...\n", with the values percent-encoded.
[[nodiscard]] std::string encode_command(
    unsigned id, std::string_view verb,
    const std::vector<std::pair<std::string_view, std::string>>& values);

/// A line from the guest: the answer to a command, or an event.
struct GuestMessage {
  unsigned id = 0;  // 0: an event
  std::string event;
  bool ok = false;
  unsigned status = 0;      // of a command that was run, or a shell that has ended
  unsigned terminal = 0;    // ... where it ran
  std::string output;       // ... what it wrote
  std::string step, error;  // of an answer that is not ok
  std::string text, file;   // of events
  unsigned stream = 0;
  std::uint64_t bytes = 0;
  std::uint32_t part = 0;
  std::vector<std::uint64_t> pages;
};
/// None: no line of the guest's. What is missing in it is left empty.
[[nodiscard]] std::optional<GuestMessage> decode_guest_message(std::string_view line);

/// Quoted for a shell.
[[nodiscard]] std::string shell_word(std::string_view text);

}  // namespace cairn::vm
