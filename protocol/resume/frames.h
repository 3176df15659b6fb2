#pragma once

// The frames of the WebSocket subprotocol cairn.resume.v1: 9P messages in an envelope that lets a
// client come back after a dropped connection, and after a crash of the server, with each request
// having taken effect exactly once and no loss hidden. fsd/frontends/ninep/PROTOCOL.md, "Sessions
// that resume", says what they mean. Pure: no I/O, no 9P.
//
// Views point into the frame that was decoded, or into what the encoder's caller keeps.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cairn::resume {

inline constexpr std::string_view kSubprotocol = "cairn.resume.v1";
inline constexpr std::uint8_t kVersion = 1;

/// All that a frame adds to the 9P message in it, at most.
inline constexpr std::size_t kEnvelopeBytesMax = 128U << 10;
inline constexpr std::size_t kBlobBytesMax = 96U << 10;  // a set extended attribute is the longest
inline constexpr std::size_t kItemKeyBytesMax = 32;
inline constexpr std::size_t kItemsMax = 1U << 18;
inline constexpr std::size_t kLostMax = 1U << 16;
inline constexpr std::size_t kTermsMax = 1024;
inline constexpr std::size_t kKeptRepliesMax = 1024;

/// Names a session, and is the secret that lets a client come back to it. All zero: none.
using SessionId = std::array<std::uint8_t, 16>;

/// When a change took effect: in which term of the volume's writer, in which segment of the log, as
/// the how-manieth. Changes are to be sent again in this order.
struct Mark {
  std::uint64_t epoch = 0;
  std::uint64_t segment = 0;
  std::uint64_t order = 0;
  auto operator<=>(const Mark&) const = default;
};

/// Everything that took effect in this epoch in a segment before `segment` is durable.
struct Durable {
  std::uint64_t epoch = 0;
  std::uint64_t segment = 0;
  auto operator<=>(const Durable&) const = default;
};

/// The writer of `epoch` found the log to end before `segment`: what was done in earlier epochs in
/// that segment or a later one is lost.
struct Term {
  std::uint64_t epoch = 0;
  std::uint64_t segment = 0;
  auto operator<=>(const Term&) const = default;
};

/// A piece of the session's state, for the client to keep under its key and to bring back. Without
/// a blob: to be forgotten; with kForgetAll as the key: all of them. Opaque to the client.
inline constexpr std::string_view kForgetAll = "*";
struct Item {
  std::string_view key;
  std::string_view blob;
};

// From the client.

/// The first frame on a connection, and never later.
struct Hello {
  SessionId id{};              // all zero: a new session
  std::uint64_t sent = 0;      // number of the last frame that the client has numbered
  std::uint64_t received = 0;  // number of the last frame of the server's that it has got
  Durable began;               // as the Welcome of the session's first connection said
};
/// What the numbered frames of both sides begin with. Numbers count from 1, without gaps.
struct Numbers {
  std::uint64_t number = 0;
  std::uint64_t received = 0;  // the last numbered frame that the sender has got
};
struct Request {
  Numbers numbers;
  std::string_view message;
};
/// A request that had been answered and was lost in a crash, with what its answer said of it.
struct Replay {
  Numbers numbers;
  std::string_view redo;
  std::string_view message;
};
/// The state as the client was told of it, in as many frames as that takes. Comes after all Replays
/// and before any Request; one without items says that it was the last.
struct Restore {
  Numbers numbers;
  std::uint32_t message_bytes_max = 0;  // what Rversion said; 0 before
  std::vector<Item> items;
  std::vector<std::uint64_t> lost;  // inodes whose changes the client could not keep
};
struct Received {
  std::uint64_t received = 0;
};
/// Make everything durable; the answer is a Durable.
struct Commit {};
/// The client will not come back.
struct Bye {};
/// Instead of a Hello, by whoever knows that the client of this session is gone: as if that had
/// said Bye. The server closes the connection when it is done.
struct End {
  SessionId id{};
};
using ClientFrame = std::variant<Hello, Request, Replay, Restore, Received, Commit, Bye, End>;

// From the server.

enum class Outcome : std::uint8_t {
  kNew = 0,      // a session with nothing in it
  kResumed = 1,  // as if nothing had happened: both sides send what the other one has not got
  kRebuild = 2,  // the server knows at most what is in `kept`; numbers of its frames begin again
};
/// An answer that the client may not have seen, to a request whose effect is in the log.
struct KeptReply {
  std::uint64_t answers = 0;
  std::string_view reply;  // a whole Reply frame; its numbers mean nothing
};
struct Welcome {
  Outcome outcome = Outcome::kNew;
  SessionId id{};
  std::uint64_t received = 0;  // number of the last frame of the client's that the server has got
  std::uint32_t grace_seconds = 0;
  /// False: whether unanswered requests have taken effect is not known any more; they must not be
  /// sent again.
  bool knows_unanswered = true;
  Durable began;  // of a new session: to be said with each later Hello
  Durable durable;
  std::vector<Term> terms;  // ascending
  std::vector<KeptReply> kept;
};
/// What a request changed.
struct Change {
  Mark mark;
  std::string_view redo;  // to be kept with the request until it is durable
};
/// Answers a Request or a Replay. Without a message: it has ended, and there is none (Tflush).
struct Reply {
  Numbers numbers;
  std::uint64_t answers = 0;
  Durable durable;
  std::optional<Change> change;
  std::vector<Item> items;
  std::string_view message;
};
struct Failure {
  std::string_view key;
  std::uint32_t error = 0;  // an errno of Linux
};
/// Answers a Restore: what could not be brought back. The fid of such an item answers its error.
struct Restored {
  Numbers numbers;
  std::uint64_t answers = 0;
  std::vector<Failure> failures;
};
using ServerFrame = std::variant<Welcome, Reply, Restored, Durable>;

[[nodiscard]] std::string encode(const ClientFrame& frame);
[[nodiscard]] std::string encode(const ServerFrame& frame);
/// The same, of which there are most.
[[nodiscard]] std::string encode(const Reply& frame);
/// None: malformed, or over a limit.
[[nodiscard]] std::optional<ClientFrame> decode_client_frame(std::string_view bytes);
[[nodiscard]] std::optional<ServerFrame> decode_server_frame(std::string_view bytes);

/// Where the last-received number of an encoded numbered frame is, so that a frame which is sent
/// again can say what has come since.
void patch_received(std::string& frame, std::uint64_t received);
/// The number of an encoded Reply, too: it is given when the frame leaves.
void patch_number(std::string& frame, std::uint64_t number);

}  // namespace cairn::resume
