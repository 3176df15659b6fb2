#pragma once

#include <map>
#include <vector>

#include "fsd/base/clock.h"
#include "fsd/format/session_record.h"
#include "protocol/resume/frames.h"

namespace cairn::p9 {

/// What an earlier daemon left of its clients' sessions, until they come back or are waited for no
/// more. How long daemons have waited for a client is in its session's record: so others get their
/// locks in the end, however often daemons crash meanwhile.
/// Threads: core only.
class LeftSessions {
 public:
  using Id = resume::SessionId;

  /// Takes the records; those whose clients have been waited for as long as `grace` are returned.
  [[nodiscard]] std::vector<Id> load(std::vector<format::SessionRecord> records, Duration grace);
  [[nodiscard]] bool empty() const { return records_.empty(); }
  [[nodiscard]] std::size_t size() const { return records_.size(); }
  [[nodiscard]] bool contains(const Id& id) const { return records_.contains(id); }
  /// Null: none.
  [[nodiscard]] const format::SessionRecord* find(const Id& id) const;
  [[nodiscard]] bool any_has_locks() const;
  /// As they are now, and are to be stored after add_waited().
  [[nodiscard]] const std::map<Id, format::SessionRecord>& all() const { return records_; }
  void add_waited(Duration waited);
  /// True: it was there, and was the last one.
  bool forget(const Id& id);
  void clear() { records_.clear(); }

  /// SessionRecord::state. `waited`: for its client, since it was last here.
  [[nodiscard]] static std::string state(bool has_locks, Duration waited = {});
  [[nodiscard]] static bool has_locks(const format::SessionRecord& record);

 private:
  std::map<Id, format::SessionRecord> records_;
};

}  // namespace cairn::p9
