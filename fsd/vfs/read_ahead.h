#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace cairn::vfs {

/// Watches the reads of one open file and says what to fetch before it is asked for. Pure: whoever
/// owns it hands the asks on to the engine. How it decides: read_ahead.cc.
/// Lifetime: as long as its handle.   Threads: core only.   Fails: never.
class ReadAhead {
 public:
  static constexpr std::uint64_t kWindowMin = 128U << 10;
  static constexpr std::uint64_t kWindowMax = 32U << 20;

  struct Ask {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    bool operator==(const Ask&) const = default;
  };

  /// `window_max` at least kWindowMin.
  explicit ReadAhead(std::uint64_t window_max = kWindowMax) : window_max_(window_max) {}

  /// A read of `length` bytes (as asked for) at `offset`, of a file of `file_size` bytes. The range
  /// to fetch, past what earlier calls named and before the end of the file; mostly nothing. It
  /// ends no more than `ahead_max` after the read, as long as that is not less than kWindowMin.
  [[nodiscard]] std::optional<Ask> on_read(std::uint64_t offset, std::uint64_t length,
                                           std::uint64_t file_size,
                                           std::uint64_t ahead_max = UINT64_MAX);

  /// Of what on_read() has just said only the first `taken` bytes could be asked for. The rest
  /// comes again with a later read.
  void on_refused(const Ask& ask, std::uint64_t taken);

 private:
  struct Stream {
    std::uint64_t next = 0;       // where its next read begins
    std::uint64_t ahead_end = 0;  // all before it has been asked for
    std::uint64_t window = 0;     // how far ahead it wants to be; 0 until it is one
    std::uint64_t last_read = 0;  // in reads of the file; 0 if unused
  };
  static constexpr std::size_t kStreams = 4;

  [[nodiscard]] Stream* find(std::uint64_t offset);
  [[nodiscard]] Stream& begin(std::uint64_t offset);
  [[nodiscard]] std::optional<Ask> advance(Stream& stream, std::uint64_t length,
                                           std::uint64_t file_size, std::uint64_t window_max);

  std::uint64_t window_max_;
  std::uint64_t reads_ = 0;
  std::array<Stream, kStreams> streams_{};
};

}  // namespace cairn::vfs
