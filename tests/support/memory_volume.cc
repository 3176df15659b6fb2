#include "tests/support/memory_volume.h"

#include "fsd/base/check.h"

namespace cairn::testing {

Result<std::optional<std::string>> MemoryVolume::find(std::string_view key) {
  auto found = keys_.find(key);
  if (found == keys_.end()) return std::optional<std::string>();
  return std::optional<std::string>(found->second);
}

Result<void> MemoryVolume::scan(std::string_view first, std::string_view end,
                                const Visitor& visit) {
  for (auto at = keys_.lower_bound(first); at != keys_.end() && at->first < end; ++at) {
    if (!visit(at->first, at->second)) break;
  }
  return {};
}

Result<std::optional<std::pair<std::string, std::string>>> MemoryVolume::find_floor(
    std::string_view first, std::string_view key) {
  using Found = std::optional<std::pair<std::string, std::string>>;
  auto at = keys_.upper_bound(key);
  if (at == keys_.begin()) return Found();
  --at;
  if (at->first < first) return Found();
  return Found(std::pair(at->first, at->second));
}

Task<Result<void>> MemoryVolume::admit(std::size_t data_bytes) {
  ++admits_;
  CHECK(data_bytes <= engine::kAdmitBytesMax);
  if (read_only_) co_return Error(engine::EngineErrc::kReadOnly, "");
  co_return Result<void>();
}

void MemoryVolume::put(std::string_view key, std::string_view value) {
  keys_.insert_or_assign(std::string(key), std::string(value));
}
void MemoryVolume::erase(std::string_view key) {
  auto found = keys_.find(key);
  if (found != keys_.end()) keys_.erase(found);
}

engine::DataRef MemoryVolume::append(ByteView bytes) {
  Segment& segment = segments_[open_];
  const engine::DataRef at{open_, segment.bytes.size()};
  segment.bytes.append(as_string(bytes));
  segment.references += static_cast<std::int64_t>(bytes.size());
  return at;
}

bool MemoryVolume::overwrite(engine::DataRef at, ByteView bytes) {
  if (at.segment != open_) return false;
  std::string& data = segments_[open_].bytes;
  CHECK(at.offset + bytes.size() <= data.size());
  data.replace(at.offset, bytes.size(), as_string(bytes));
  return true;
}

void MemoryVolume::add_reference(engine::DataRef at, std::uint64_t length) {
  CHECK(at.offset + length <= segments_.at(at.segment).bytes.size());
  segments_.at(at.segment).references += static_cast<std::int64_t>(length);
}
void MemoryVolume::drop_reference(engine::DataRef at, std::uint64_t length) {
  Segment& segment = segments_.at(at.segment);
  segment.references -= static_cast<std::int64_t>(length);
  CHECK(segment.references >= 0);
}

Task<Result<void>> MemoryVolume::sync(Seq upto) {
  while (syncs_held_) co_await syncs_go_on_.wait();
  if (upto < open_) co_return Result<void>();
  ++syncs_;
  if (observer_ != nullptr) observer_->before_seal();
  durable_keys_ = keys_;
  durable_segments_ = segments_;
  open_ = open_.next();
  if (observer_ != nullptr) observer_->on_durable();
  co_return Result<void>();
}

Task<Result<void>> MemoryVolume::read(engine::DataRef from, MutableByteView into,
                                      const CancelFlag*) {
  if (damaged_) co_return Error(engine::EngineErrc::kDamaged, "");
  const Segment& segment = segments_.at(from.segment);
  CHECK(segment.references > 0);
  CHECK(from.offset + into.size() <= segment.bytes.size());
  std::memcpy(into.data(), segment.bytes.data() + from.offset, into.size());
  co_return Result<void>();
}

std::int64_t MemoryVolume::referenced_bytes() const {
  std::int64_t total = 0;
  for (const auto& [seq, segment] : segments_) total += segment.references;
  return total;
}

void MemoryVolume::wipe() {
  durable_keys_.clear();
  durable_segments_.clear();
  crash();
}

void MemoryVolume::crash() {
  keys_ = durable_keys_;
  segments_ = durable_segments_;
  log_end_ = open_;
  open_ = open_.next();
  ++epoch_;
}

}  // namespace cairn::testing
