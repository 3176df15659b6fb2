// What every Index promises, for the one in LMDB and the one in memory alike.

#include <future>
#include <random>
#include <thread>

#include "fsd/index/lmdb_index.h"
#include "fsd/index/memory_index.h"
#include "tests/unit/index/index_fixture.h"

namespace cairn::index {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

enum class Kind { kLmdb, kMemory };

class IndexContract : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::kMemory) {
      index_ = std::make_unique<MemoryIndex>();
      return;
    }
    auto opened = LmdbIndex::open({.directory = directory_.index()});
    ASSERT_THAT(opened, Succeeds());
    index_ = *std::move(opened);
  }
  std::unique_ptr<Snapshot> look() {
    auto snapshot = index_->snapshot();
    EXPECT_THAT(snapshot, Succeeds());
    return *std::move(snapshot);
  }
  Result<void> apply(std::vector<Change> changes, const Stamp& from, const Stamp& to) {
    return index_->apply(changes, from, to);
  }
  Result<void> load(std::vector<Change> changes) { return index_->load(changes); }

  TestDirectory directory_;
  std::unique_ptr<Index> index_;
};

TEST_P(IndexContract, BeginsEmptyAndStandsNowhere) {
  const auto snapshot = look();
  EXPECT_EQ(snapshot->stamp(), Stamp{});
  EXPECT_THAT(contents(*snapshot), IsEmpty());
  EXPECT_EQ(snapshot->find("a").value(), std::nullopt);
  EXPECT_EQ(snapshot->find_floor("", "z").value(), std::nullopt);
}

TEST_P(IndexContract, AppliesUnsortedChangesAndMovesItsStamp) {
  ASSERT_THAT(apply({put("c", "3"), put("a", "1"), put("b", "2")}, {}, stamp_at(1)), Succeeds());
  ASSERT_THAT(apply({erase("b"), put("a", "one"), erase("never")}, stamp_at(1), stamp_at(2)),
              Succeeds());
  const auto snapshot = look();
  EXPECT_EQ(snapshot->stamp(), stamp_at(2));
  EXPECT_THAT(contents(*snapshot), ElementsAre(Pair("a", "one"), Pair("c", "3")));
  EXPECT_EQ(snapshot->find("a").value(), "one");
  EXPECT_EQ(snapshot->find("b").value(), std::nullopt);
}

TEST_P(IndexContract, TheLastChangeOfAKeyWins) {
  ASSERT_THAT(apply({put("a", "1"), put("b", "1"), erase("a"), put("b", "2")}, {}, stamp_at(1)),
              Succeeds());
  EXPECT_THAT(contents(*look()), ElementsAre(Pair("b", "2")));
}

TEST_P(IndexContract, AnotherPositionThanTheStoredOneIsRefused) {
  ASSERT_THAT(apply({put("a", "1")}, {}, stamp_at(1)), Succeeds());
  EXPECT_THAT(apply({put("a", "2")}, {}, stamp_at(2)), FailsWith(IndexErrc::kMoved));
  EXPECT_THAT(apply({put("a", "2")}, stamp_at(2), stamp_at(3)), FailsWith(IndexErrc::kMoved));
  EXPECT_THAT(apply({put("a", "2")}, {"other", "1"}, stamp_at(3)), FailsWith(IndexErrc::kMoved));
  const auto snapshot = look();
  EXPECT_EQ(snapshot->stamp(), stamp_at(1));
  EXPECT_EQ(snapshot->find("a").value(), "1");
}

TEST_P(IndexContract, RefusesKeysThatAreEmptyOrTooLongAndChangesNothing) {
  const std::string longest(kKeyBytesMax, 'k');
  const std::string too_long(kKeyBytesMax + 1, 'k');
  for (std::string_view bad : {std::string_view(too_long), std::string_view("")}) {
    const auto result = apply({put("a", "1"), put(bad, "2")}, {}, stamp_at(1));
    ASSERT_FALSE(result);
    EXPECT_EQ(to_errno(result.error()), EINVAL);
  }
  ASSERT_THAT(apply({put(longest, "1")}, {}, stamp_at(1)), Succeeds());
  const auto snapshot = look();
  EXPECT_THAT(contents(*snapshot), ElementsAre(Pair(longest, "1")));
  EXPECT_EQ(snapshot->find(longest).value(), "1");
  EXPECT_EQ(snapshot->find(too_long).value(), std::nullopt);
  EXPECT_EQ(snapshot->find("").value(), std::nullopt);
  EXPECT_EQ(snapshot->find_floor("", too_long).value()->first, longest);
}

TEST_P(IndexContract, ValuesMayBeEmptyLargeOrBinary) {
  const std::string large(1 << 20, '\xff');
  const std::string key("k\0\xff", 3);
  ASSERT_THAT(apply({put("e", ""), put("l", large), put(key, {"\0", 1})}, {}, stamp_at(1)),
              Succeeds());
  const auto snapshot = look();
  EXPECT_EQ(snapshot->find("e").value(), "");
  EXPECT_EQ(snapshot->find("l").value(), large);
  EXPECT_EQ(snapshot->find(key).value(), std::string_view("\0", 1));
}

TEST_P(IndexContract, ScansAHalfOpenRangeUntilTheVisitorHasEnough) {
  ASSERT_THAT(apply({put("a", "1"), put("b", "2"), put("ba", "3"), put("c", "4")}, {}, stamp_at(1)),
              Succeeds());
  const auto snapshot = look();
  EXPECT_THAT(contents(*snapshot, "b", "c"), ElementsAre(Pair("b", "2"), Pair("ba", "3")));
  EXPECT_THAT(contents(*snapshot, "aa", "b"), IsEmpty());
  EXPECT_THAT(contents(*snapshot, "bb"), ElementsAre(Pair("c", "4")));
  EXPECT_THAT(contents(*snapshot, "d"), IsEmpty());
  EXPECT_THAT(contents(*snapshot, "c", "a"), IsEmpty());
  int seen = 0;
  ASSERT_THAT(snapshot->scan("", "", [&](auto, auto) { return ++seen < 2; }), Succeeds());
  EXPECT_EQ(seen, 2);
}

TEST_P(IndexContract, AVisitorMayLookUpAndScanToo) {
  ASSERT_THAT(apply({put("a", "b"), put("b", "c"), put("c", "a")}, {}, stamp_at(1)), Succeeds());
  const auto snapshot = look();
  std::string seen;
  const auto outer = [&](std::string_view key, std::string_view value) {
    seen += key;
    seen += snapshot->find(value).value().value_or("?");
    EXPECT_EQ(snapshot->find_floor("", "b1").value()->first, "b");
    EXPECT_EQ(contents(*snapshot).size(), 3U);
    return true;
  };
  ASSERT_THAT(snapshot->scan("", "", outer), Succeeds());
  EXPECT_EQ(seen, "acbacb");
}

TEST_P(IndexContract, FloorIsTheGreatestKeyInTheRange) {
  ASSERT_THAT(apply({put("b", "1"), put("d", "2"), put("f", "3")}, {}, stamp_at(1)), Succeeds());
  const auto snapshot = look();
  const auto floor = [&](std::string_view first, std::string_view key) {
    const auto found = snapshot->find_floor(first, key).value();
    return found ? std::string(found->first) + std::string(found->second) : "none";
  };
  struct Case {
    const char* first;
    const char* key;
    const char* expected;
  };
  for (const Case& c : {Case{"", "a", "none"},
                        {"", "b", "b1"},
                        {"", "c", "b1"},
                        {"b", "c", "b1"},
                        {"c", "c", "none"},
                        {"c", "d", "d2"},
                        {"c", "e", "d2"},
                        {"", "z", "f3"},
                        {"g", "z", "none"},
                        {"", "", "none"},
                        {"f", "b", "none"}}) {
    EXPECT_EQ(floor(c.first, c.key), c.expected) << c.first << " to " << c.key;
  }
}

TEST_P(IndexContract, ASnapshotDoesNotChangeUntilItIsRenewed) {
  ASSERT_THAT(apply({put("a", "1")}, {}, stamp_at(1)), Succeeds());
  const auto snapshot = look();
  const std::string_view value = snapshot->find("a").value().value();
  ASSERT_THAT(apply({put("a", "2"), put("b", "2")}, stamp_at(1), stamp_at(2)), Succeeds());
  EXPECT_EQ(value, "1");
  EXPECT_THAT(contents(*snapshot), ElementsAre(Pair("a", "1")));
  EXPECT_EQ(snapshot->stamp(), stamp_at(1));
  ASSERT_THAT(snapshot->renew(), Succeeds());
  EXPECT_THAT(contents(*snapshot), ElementsAre(Pair("a", "2"), Pair("b", "2")));
  EXPECT_EQ(snapshot->find("a").value(), "2");
  EXPECT_EQ(snapshot->stamp(), stamp_at(2));
  ASSERT_THAT(snapshot->renew(), Succeeds());
  EXPECT_EQ(snapshot->stamp(), stamp_at(2));
}

TEST_P(IndexContract, ASnapshotMayBeMadeUsedAndDroppedOnDifferentThreads) {
  ASSERT_THAT(apply({put("a", "1")}, {}, stamp_at(1)), Succeeds());
  auto snapshot = std::async(std::launch::async, [&] { return look(); }).get();
  std::async(std::launch::async, [&] { EXPECT_EQ(snapshot->find("a").value(), "1"); }).get();
  std::async(std::launch::async, [&] { EXPECT_THAT(snapshot->renew(), Succeeds()); }).get();
  std::async(std::launch::async, [&] { snapshot.reset(); }).get();
}

TEST_P(IndexContract, ReadersOnOtherThreadsSeeWholeCommitsWhileOneWrites) {
  constexpr int kCommits = 50;
  ASSERT_THAT(apply({}, {}, stamp_at(0)), Succeeds());
  const auto read_along = [&] {
    const auto snapshot = look();
    for (int last = 0; last < kCommits;) {
      ASSERT_THAT(snapshot->renew(), Succeeds());
      last = std::stoi(snapshot->stamp().position);
      for (const auto& [key, value] : contents(*snapshot)) ASSERT_EQ(value, std::to_string(last));
    }
  };
  std::thread one(read_along);
  std::thread two(read_along);
  for (int i = 1; i <= kCommits; ++i) {
    const std::string value = std::to_string(i);
    std::vector<std::string> keys;
    for (int k = 0; k < 100; ++k) keys.push_back("key" + std::to_string(k));
    std::vector<Change> changes;
    for (const auto& key : keys) changes.push_back(put(key, value));
    ASSERT_THAT(apply(changes, stamp_at(i - 1), stamp_at(i)), Succeeds());
  }
  one.join();
  two.join();
}

TEST_P(IndexContract, ClearingThrowsEverythingAwayAlsoUnderASnapshot) {
  ASSERT_THAT(apply({put("a", "1")}, {}, stamp_at(1)), Succeeds());
  for (const bool under_a_snapshot : {true, false}) {
    auto snapshot = look();
    if (!under_a_snapshot) snapshot.reset();
    ASSERT_THAT(index_->clear(), Succeeds());
    if (under_a_snapshot) {
      EXPECT_EQ(snapshot->find("a").value(), "1");
    }
    EXPECT_THAT(contents(*look()), IsEmpty());
    EXPECT_EQ(look()->stamp(), Stamp{});
    ASSERT_THAT(load({put("a", "1")}), Succeeds());
    ASSERT_THAT(index_->finish_load(stamp_at(9)), Succeeds());
    EXPECT_EQ(look()->stamp(), stamp_at(9));
  }
}

TEST_P(IndexContract, LoadsInAnyOrderAndStandsNowhereUntilTheEnd) {
  ASSERT_THAT(index_->clear(), Succeeds());
  ASSERT_THAT(load({put("b", "1"), put("d", "1")}), Succeeds());
  ASSERT_THAT(load({put("e", "2"), put("f", "2")}), Succeeds());
  EXPECT_EQ(look()->stamp(), Stamp{});
  // Deltas after the base: overlapping, descending, deleting.
  ASSERT_THAT(load({put("g", "3"), put("a", "3"), erase("b"), put("d", "3"), erase("none")}),
              Succeeds());
  ASSERT_THAT(load({}), Succeeds());
  ASSERT_THAT(index_->finish_load(stamp_at(7)), Succeeds());
  EXPECT_THAT(contents(*look()), ElementsAre(Pair("a", "3"), Pair("d", "3"), Pair("e", "2"),
                                             Pair("f", "2"), Pair("g", "3")));
  ASSERT_THAT(apply({put("h", "4")}, stamp_at(7), stamp_at(8)), Succeeds());
  EXPECT_EQ(look()->find("h").value(), "4");
}

TEST_P(IndexContract, AgreesWithAMapOverALongRandomHistory) {
  std::mt19937 random(7);
  std::map<std::string, std::string> model;
  const auto snapshot = look();
  for (int round = 0; round < 60; ++round) {
    Contents batch;
    for (int i = 0; i < 200; ++i) {
      batch.emplace_back("k" + std::to_string(random() % 3000), std::string(random() % 40, 'v'));
    }
    std::vector<Change> changes;
    for (const auto& [key, value] : batch) {
      const bool removes = random() % (round < 30 ? 4 : 2) == 0;
      changes.push_back(removes ? erase(key) : put(key, value));
      if (removes) {
        model.erase(key);
      } else {
        model[key] = value;
      }
    }
    ASSERT_THAT(index_->apply(changes, snapshot->stamp(), stamp_at(round)), Succeeds());
    ASSERT_THAT(snapshot->renew(), Succeeds());
    ASSERT_EQ(contents(*snapshot), Contents(model.begin(), model.end()));
    for (int i = 0; i < 50; ++i) {
      const std::string key = "k" + std::to_string(random() % 3000);
      const auto floor = snapshot->find_floor("k1", key).value();
      auto expected = model.upper_bound(key);
      const bool some = expected != model.begin() && (--expected)->first >= "k1";
      ASSERT_EQ(floor.has_value(), some) << key;
      if (some) {
        EXPECT_EQ(floor->first, expected->first);
      }
    }
  }
}

TEST_P(IndexContract, TellsItsSize) {
  const std::string large(1 << 20, 'x');
  ASSERT_THAT(apply({put("a", large)}, {}, stamp_at(1)), Succeeds());
  EXPECT_GE(index_->disk_bytes(), large.size());
  EXPECT_LE(index_->disk_bytes(), large.size() * 2);
}

INSTANTIATE_TEST_SUITE_P(All, IndexContract, testing::Values(Kind::kLmdb, Kind::kMemory),
                         [](const auto& info) {
                           return info.param == Kind::kLmdb ? "Lmdb" : "Memory";
                         });

}  // namespace
}  // namespace cairn::index
