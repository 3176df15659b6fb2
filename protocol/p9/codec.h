#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/p9/replies.h"
#include "protocol/p9/requests.h"

namespace cairn::p9 {

/// What every message begins with. `size` counts the whole message, these seven bytes too.
struct Header {
  std::uint32_t size = 0;
  std::uint8_t type = 0;
  std::uint16_t tag = 0;
};

/// The header at the front of `bytes`; none as long as fewer than kHeaderBytes are there. What it
/// says is not checked: bound `size` before waiting for that much.
std::optional<Header> peek_header(Bytes bytes);

/// Whether this is a request, or a reply, of 9P2000.L.
bool is_request(std::uint8_t type);
bool is_reply(std::uint8_t type);

/// The message whose header said `type` and is followed by `body`, all of it; what is returned
/// points into it. None if that is no type of this direction, if the body is too short or too long
/// for it, or if a count in it cannot be.
std::optional<Request> decode_request(std::uint8_t type, Bytes body);
std::optional<Reply> decode_reply(std::uint8_t type, Bytes body);

/// Appends one whole message. Strings are at most 65,535 bytes.
void append(std::string& out, std::uint16_t tag, const Request& request);
void append(std::string& out, std::uint16_t tag, const Reply& reply);

/// Appends an entry to what becomes Rreaddir::data, if it fits below `bytes_max` in all. False: it
/// does not.
bool append_entry(std::string& out, const DirectoryEntry& entry, std::size_t bytes_max);
/// Takes the first entry off `data`; none if it is empty or malformed.
std::optional<DirectoryEntry> take_entry(Bytes& data);

/// Writes the head of an Rread of `count` bytes, which lie behind it, over the first
/// kReadReplyHeadBytes of `message`: so data can be read to where it will be sent from.
void write_read_reply_head(std::uint8_t* message, std::uint16_t tag, std::uint32_t count);

}  // namespace cairn::p9
