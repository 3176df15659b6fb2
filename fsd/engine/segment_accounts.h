#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string_view>

#include "fsd/base/id.h"
#include "fsd/base/result.h"
#include "fsd/engine/metadata.h"

namespace cairn::engine {

/// How many bytes of each segment are referenced. Changes are collected while a segment is open
/// and written into its own batch when it is sealed, so that the records are exact at every moment
/// of the log. A segment whose last reference goes gets a `doomed` record.
/// Threads: core only.
class SegmentAccounts {
 public:
  using Put = std::function<void(std::string_view key, std::string_view value)>;

  void add(Seq segment, std::int64_t bytes) { deltas_[segment] += bytes; }
  /// Writes the records that changed, and the open segment's own: it holds `written` bytes.
  /// Fails with: kDamaged when the index cannot be read.
  Result<void> flush(Metadata& metadata, Seq open, std::uint64_t written, const Put& put);

 private:
  std::map<Seq, std::int64_t> deltas_;
};

}  // namespace cairn::engine
