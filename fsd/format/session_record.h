#pragma once

// A resumable 9P session, as the metadata keeps it: what makes each request happen exactly once
// across a crash. The record is put in the batch that applied the requests it counts.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fsd/base/result.h"
#include "fsd/format/identity.h"
#include "fsd/format/inode_record.h"

namespace cairn::format {

inline constexpr std::size_t kSessionRepliesMax = 1024;
inline constexpr std::size_t kSessionReplyBytesMax = 4U << 20;
inline constexpr std::size_t kSessionStateBytesMax = 8U << 20;
inline constexpr std::size_t kSessionRecordBytesMax = 16U << 20;  // all of it: kValueBytesMax

/// What the client may not have seen of the answer to a request that was applied.
struct SessionReply {
  std::uint64_t sequence = 0;
  std::string bytes;  // opaque here: a 9P message
  bool operator==(const SessionReply&) const = default;
};

struct SessionRecord {
  Uuid id{};                          // from the key; a secret of the client's
  std::uint64_t applied = 0;          // sequence number of the last request applied
  TimeNs last_seen = 0;               // wall clock, when the client was last connected
  std::uint32_t keep_seconds = 0;     // for how long after that its orphans and replies are kept
  std::vector<SessionReply> replies;  // ascending by sequence, none after `applied`
  std::string state;                  // opaque here: fids, open handles, locks to claim again
  bool operator==(const SessionRecord&) const = default;
};

[[nodiscard]] std::string session_key(const Uuid& id);
/// The record keeps to the limits above; whoever fills it from a client's bytes sees to that.
[[nodiscard]] std::string encode(const SessionRecord& record);
/// Fails with: FormatErrc.
[[nodiscard]] Result<SessionRecord> decode_session_record(const Uuid& id, std::string_view bytes);

}  // namespace cairn::format
