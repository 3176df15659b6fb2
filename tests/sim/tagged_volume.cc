#include "tests/sim/tagged_volume.h"

#include <utility>

#include "fsd/runtime/await.h"

namespace cairn::sim {

Result<std::optional<std::string>> TaggedVolume::find(std::string_view key) {
  return inner_.find(key);
}
Result<void> TaggedVolume::scan(std::string_view first, std::string_view end,
                                const Visitor& visit) {
  return inner_.scan(first, end, visit);
}
Result<std::optional<std::pair<std::string, std::string>>> TaggedVolume::find_floor(
    std::string_view first, std::string_view key) {
  return inner_.find_floor(first, key);
}

Task<Result<void>> TaggedVolume::admit(std::size_t data_bytes) {
  Txn* const wanted = std::exchange(expected_, nullptr);
  if (ours_ && !names_within_) names_within_ = names();
  const Duration wait = before_admit ? before_admit() : Duration{};
  if (wait > Duration{}) co_await SleepFor(sim_.runtime().timers, wait);
  auto admitted = co_await inner_.admit(data_bytes);
  if (admitted) {
    wanted_ = wanted;
    fresh_ = true;
    admitted_at_ = sim_.history();
  }
  co_return admitted;
}

std::string TaggedVolume::names() {
  std::string all;
  (void)inner_.scan("d", "e", [&all](std::string_view key, std::string_view value) {
    all.append(key).append(value);
    return true;
  });
  return all;
}

bool TaggedVolume::end() {
  ours_ = false;
  const auto within = std::exchange(names_within_, std::nullopt);
  return !within || *within == names();
}

void TaggedVolume::on_change() {
  if (admitted_at_ != sim_.history()) {
    events_.on_violation("something changes outside of a transaction");
  }
  if (!std::exchange(fresh_, false)) return;
  const Txn txn = events_.on_begin();
  if (wanted_ != nullptr) {
    *std::exchange(wanted_, nullptr) = txn;
    ours_ = true;
  }
  inner_.put(kTag, std::to_string(txn));
}

void TaggedVolume::put(std::string_view key, std::string_view value) {
  on_change();
  inner_.put(key, value);
}
void TaggedVolume::erase(std::string_view key) {
  on_change();
  inner_.erase(key);
}
engine::DataRef TaggedVolume::append(ByteView bytes) {
  on_change();
  return inner_.append(bytes);
}
bool TaggedVolume::overwrite(engine::DataRef at, ByteView bytes) {
  on_change();
  return inner_.overwrite(at, bytes);
}
void TaggedVolume::add_reference(engine::DataRef at, std::uint64_t length) {
  on_change();
  inner_.add_reference(at, length);
}
void TaggedVolume::drop_reference(engine::DataRef at, std::uint64_t length) {
  on_change();
  inner_.drop_reference(at, length);
}

}  // namespace cairn::sim
