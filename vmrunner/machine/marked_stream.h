#pragma once

#include <string>
#include <string_view>

namespace cairn::vm {

/// A stream whose end is told by a mark in it, since what carries it has none that one could see.
class MarkedStream {
 public:
  MarkedStream() = default;
  explicit MarkedStream(std::string mark) : mark_(std::move(mark)) {}

  /// What of it belongs to the stream for certain, until the next call; the rest may be the mark's
  /// beginning. Nothing is behind the mark.
  [[nodiscard]] std::string_view feed(std::string_view bytes);
  [[nodiscard]] bool has_ended() const { return ended_; }

 private:
  std::string mark_;
  std::string held_;  // what feed() returned last, and then: the beginning of a mark
  std::size_t from_ = 0;
  bool ended_ = false;
};

}  // namespace cairn::vm
