#pragma once

#include <map>
#include <vector>

#include "fsd/format/session_record.h"
#include "protocol/resume/frames.h"

namespace cairn::p9 {

/// What an earlier daemon left of its clients' sessions, until they come back or are waited for no
/// more. How many daemons have waited for a client is in the session's record: so whatever becomes
/// of the daemons, others get their locks in the end.
/// Threads: core only.
class LeftSessions {
 public:
  using Id = resume::SessionId;

  /// Takes the records; those whose clients have been waited for often enough are returned.
  [[nodiscard]] std::vector<Id> load(std::vector<format::SessionRecord> records);
  [[nodiscard]] bool empty() const { return records_.empty(); }
  [[nodiscard]] std::size_t size() const { return records_.size(); }
  [[nodiscard]] bool contains(const Id& id) const { return records_.contains(id); }
  /// Null: none.
  [[nodiscard]] const format::SessionRecord* find(const Id& id) const;
  [[nodiscard]] bool any_has_locks() const;
  /// As they are now, and are to be stored.
  [[nodiscard]] const std::map<Id, format::SessionRecord>& all() const { return records_; }
  /// True: it was there, and was the last one.
  bool forget(const Id& id);
  void clear() { records_.clear(); }

  /// SessionRecord::state.
  [[nodiscard]] static std::string state(bool has_locks) { return has_locks ? "L" : ""; }
  [[nodiscard]] static bool has_locks(const format::SessionRecord& record);

  /// As many daemons wait for a client that does not come.
  static constexpr std::ptrdiff_t kWaitsMax = 3;

 private:
  std::map<Id, format::SessionRecord> records_;
};

}  // namespace cairn::p9
