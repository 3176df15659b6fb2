#include "fsd/engine/metadata.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "fsd/index/memory_index.h"

namespace cairn::engine {
namespace {

/// Metadata whose older half lies in an index, and the same as a plain map.
class MetadataTest : public ::testing::Test {
 protected:
  void put_into_index(const std::map<std::string, std::string>& entries) {
    std::vector<index::Change> changes;
    for (const auto& [key, value] : entries) changes.push_back({.key = key, .value = value});
    ASSERT_TRUE(index_.apply(changes, {}, {.volume = "v", .position = "1"}));
    metadata_.set_snapshot(std::move(*index_.snapshot()));
    model_ = entries;
  }
  void put(const std::string& key, const std::string& value) {
    metadata_.overlay().set(key, value, Seq(1));
    model_[key] = value;
  }
  void erase(const std::string& key) {
    metadata_.overlay().set(key, std::nullopt, Seq(1));
    model_.erase(key);
  }
  /// The key that find_floor finds; "" for none.
  std::string floor(const std::string& first, const std::string& key) {
    auto found = metadata_.find_floor(first, key);
    EXPECT_TRUE(found);
    return found && *found ? (*found)->first : "";
  }
  std::string floor_in_model(const std::string& first, const std::string& key) const {
    auto above = model_.upper_bound(key);
    if (above == model_.begin() || std::prev(above)->first < first) return "";
    return std::prev(above)->first;
  }

  index::MemoryIndex index_;
  Metadata metadata_;
  std::map<std::string, std::string> model_;
};

TEST_F(MetadataTest, FindsTheFloorBelowADeletedKeyWhateverBytesItsNeighbourHas) {
  const std::string long_run = "a" + std::string(200, '\xff');
  put_into_index({{long_run, "1"}, {"b", "2"}});
  erase("b");
  EXPECT_EQ(floor("a", "b"), long_run);
}

TEST_F(MetadataTest, FindsTheSameFloorsAsAPlainMap) {
  std::mt19937_64 random(1);
  constexpr std::string_view kBytes(
      "\x00\x01"
      "a\xfe\xff",
      5);
  const auto any_key = [&] {
    std::string key;
    for (auto left = 1 + random() % 4; left > 0; --left) key += kBytes[random() % kBytes.size()];
    return key;
  };
  std::map<std::string, std::string> entries;
  for (int i = 0; i < 200; ++i) entries.emplace(any_key(), "old");
  put_into_index(entries);
  for (int i = 0; i < 150; ++i) random() % 3 == 0 ? put(any_key(), "new") : erase(any_key());
  for (int i = 0; i < 2000; ++i) {
    const std::string first = any_key();
    const std::string key = any_key();
    ASSERT_EQ(floor(first, key), floor_in_model(first, key)) << i;
  }
}

}  // namespace
}  // namespace cairn::engine
