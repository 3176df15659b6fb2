#include "fsd/engine/segment_accounts.h"

#include "fsd/base/log.h"
#include "fsd/format/keys.h"
#include "fsd/format/segment_record.h"

namespace cairn::engine {

Result<void> SegmentAccounts::flush(Metadata& metadata, Seq open, std::uint64_t written,
                                    const Put& put) {
  deltas_.try_emplace(open, 0);
  for (const auto& [segment, delta] : deltas_) {
    format::SegmentRecord record;
    if (segment == open) {
      record.written = written;
    } else {
      TRY(auto stored, metadata.find(format::segment_key(segment)));
      if (!stored) {
        log::error("segment {} has no record, though a file refers to it", segment.value());
        continue;
      }
      TRY(record, format::decode_segment_record(*stored));
    }
    if (delta < 0 && record.live < static_cast<std::uint64_t>(-delta)) {
      log::error("segment {} has fewer live bytes than files gave up", segment.value());
      continue;  // never deleted: a leak is better than a loss
    }
    record.live += static_cast<std::uint64_t>(delta);
    const bool dies = record.live == 0 && record.death == Seq();
    if (dies) {
      record.death = open;
      put(format::doomed_key(open, segment), "");
    }
    // A segment without file bytes is known by its doomed record alone.
    if (record.written > 0) put(format::segment_key(segment), format::encode(record));
  }
  deltas_.clear();
  return {};
}

}  // namespace cairn::engine
