#include "fsd/frontends/ninep/left_sessions.h"

#include <algorithm>

#include "protocol/wire/decoder.h"
#include "protocol/wire/encoder.h"

namespace cairn::p9 {
namespace {

constexpr char kLocks = 'L';
constexpr char kWaited = 'W';  // and milliseconds, u64

/// The state without locks: what comes behind them.
std::string_view rest_of(const format::SessionRecord& record) {
  std::string_view state = record.state;
  if (LeftSessions::has_locks(record)) state.remove_prefix(1);
  return state;
}

Duration waited_for(const format::SessionRecord& record) {
  wire::Decoder in(rest_of(record));
  if (in.u8() != kWaited) return {};
  const std::uint64_t waited = in.u64();
  if (!in.finished() || waited > INT32_MAX) return {};
  return std::chrono::milliseconds(waited);
}

}  // namespace

std::string LeftSessions::state(bool has_locks, Duration waited) {
  wire::Encoder out;
  if (has_locks) out.u8(kLocks);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(waited).count();
  if (ms > 0) out.u8(kWaited).u64(static_cast<std::uint64_t>(ms));
  return std::move(out).take();
}

bool LeftSessions::has_locks(const format::SessionRecord& record) {
  return record.state.starts_with(kLocks);
}

std::vector<LeftSessions::Id> LeftSessions::load(std::vector<format::SessionRecord> records,
                                                 Duration grace) {
  std::vector<Id> given_up;
  for (format::SessionRecord& record : records) {
    const Id id = record.id;
    if (waited_for(record) >= grace) {
      given_up.push_back(id);
    } else {
      records_.emplace(id, std::move(record));
    }
  }
  return given_up;
}

const format::SessionRecord* LeftSessions::find(const Id& id) const {
  const auto found = records_.find(id);
  return found == records_.end() ? nullptr : &found->second;
}

bool LeftSessions::any_has_locks() const {
  return std::ranges::any_of(records_, [](const auto& one) { return has_locks(one.second); });
}

void LeftSessions::add_waited(Duration waited) {
  for (auto& [id, record] : records_) {
    record.state = state(has_locks(record), waited_for(record) + waited);
  }
}

bool LeftSessions::forget(const Id& id) { return records_.erase(id) > 0 && records_.empty(); }

}  // namespace cairn::p9
