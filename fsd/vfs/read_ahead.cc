#include "fsd/vfs/read_ahead.h"

#include <algorithm>

// A read that begins where an earlier one ended continues its stream; any other begins a new one
// and asks for nothing, but for one at the start of the file, which most programs that begin there
// go on from. A stream keeps a window in front of its reader. The first one is four times what is
// read at once: 128 KiB for a program that looks into a file, 1 MiB for one that copies it, whose
// pieces the kernel makes large. While the window grows it asks again only when less than half of
// it is left, and each ask makes it eight times as large: a program that reads a little and stops
// has cost little, and one that goes on has all that memory is for (32 MiB, which fill a link of
// 500 MB/s and 60 ms) under way after three of the store's answers, which far away are what a file
// of some megabytes takes. A window that is as large as it may be is kept full, in pieces of an
// eighth: one as large as a GET.
//
// The kernel splits large reads and sends the parts from several threads, so a stream that has
// proven itself is continued by whatever falls near its next byte too, out of order or again.
// Nearness is bounded by what the kernel has under way at once, and by the window, so that random
// reads close to each other do not look like a stream.
//
// Several streams per handle: a database's scans of one file, or a copy by several threads. The one
// whose last read lies furthest back gives its place to a new one.

namespace cairn::vfs {
namespace {

constexpr std::uint64_t kSlackMax = 1U << 20;
constexpr std::uint64_t kGrowth = 8;
constexpr std::uint64_t kFirstReads = 4;
constexpr std::uint64_t kFirstMax = 1U << 20;
constexpr std::uint64_t kPieces = 8;  // of a window, at least; but no piece is tiny

std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

}  // namespace

std::optional<ReadAhead::Ask> ReadAhead::on_read(std::uint64_t offset, std::uint64_t length,
                                                 std::uint64_t file_size, std::uint64_t ahead_max) {
  if (length == 0 || offset >= file_size) return std::nullopt;
  const std::uint64_t end = std::min(saturating_add(offset, length), file_size);
  ++reads_;
  Stream* stream = find(offset);
  const bool goes_on = stream != nullptr;
  if (!goes_on) stream = &begin(offset);
  stream->last_read = reads_;
  stream->next = std::max(stream->next, end);
  stream->ahead_end = std::max(stream->ahead_end, end);
  if (!goes_on && offset != 0) return std::nullopt;
  const std::uint64_t window_max = std::max(std::min(window_max_, ahead_max), kWindowMin);
  return advance(*stream, length, file_size, window_max);
}

void ReadAhead::on_refused(const Ask& ask, std::uint64_t taken) {
  for (Stream& stream : streams_) {
    if (stream.ahead_end != ask.offset + ask.length) continue;
    stream.ahead_end = std::max(stream.next, ask.offset + taken);
  }
}

ReadAhead::Stream* ReadAhead::find(std::uint64_t offset) {
  Stream* near = nullptr;
  for (Stream& stream : streams_) {
    if (stream.last_read == 0) continue;
    if (stream.next == offset) return &stream;
    const std::uint64_t slack = stream.window > kWindowMin ? std::min(stream.window, kSlackMax) : 0;
    const std::uint64_t distance =
        offset > stream.next ? offset - stream.next : stream.next - offset;
    if (distance <= slack) near = &stream;
  }
  return near;
}

ReadAhead::Stream& ReadAhead::begin(std::uint64_t offset) {
  Stream& stream = *std::ranges::min_element(streams_, {}, &Stream::last_read);
  stream = {.next = offset, .ahead_end = offset, .window = 0, .last_read = 0};
  return stream;
}

std::optional<ReadAhead::Ask> ReadAhead::advance(Stream& stream, std::uint64_t length,
                                                 std::uint64_t file_size,
                                                 std::uint64_t window_max) {
  if (stream.ahead_end >= file_size) return std::nullopt;
  const std::uint64_t left = stream.ahead_end - stream.next;
  if (stream.window < window_max) {
    if (stream.window > 0 && left >= stream.window / 2) return std::nullopt;
    // Whoever reads in large pieces has at least the next one under way.
    const std::uint64_t first =
        std::clamp(kFirstReads * std::min(length, kFirstMax), kWindowMin, kFirstMax);
    stream.window = std::max({stream.window * kGrowth, first, length});
  }
  stream.window = std::min(stream.window, window_max);
  const std::uint64_t missing = stream.window - std::min(stream.window, left);
  const std::uint64_t piece =
      std::max(stream.window / kPieces, std::min(stream.window / 2, kWindowMin));
  const std::uint64_t end =
      std::min(saturating_add(stream.ahead_end, missing - missing % piece), file_size);
  if (end == stream.ahead_end) return std::nullopt;
  const Ask ask{.offset = stream.ahead_end, .length = end - stream.ahead_end};
  stream.ahead_end = end;
  return ask;
}

}  // namespace cairn::vfs
