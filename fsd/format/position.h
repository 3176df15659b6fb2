#pragma once

#include <string>
#include <string_view>

#include "fsd/base/id.h"
#include "fsd/base/result.h"
#include "fsd/format/identity.h"

namespace cairn::format {

/// A place between two segments of the log: everything up to and with segment `last` (written in
/// `epoch`) lies before it, and the log goes on at `next_seq`. Never a last number "plus one",
/// since a gap follows an epoch-start.
struct Position {
  Seq next_seq;
  Epoch epoch;
  SegmentId last;
  bool operator==(const Position&) const = default;
};

[[nodiscard]] std::string encode(const Position& position);
/// Fails with: FormatErrc.
[[nodiscard]] Result<Position> decode_position(std::string_view bytes);

}  // namespace cairn::format
