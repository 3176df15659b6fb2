#include "fsd/engine/engine.h"

#include <gtest/gtest.h>

#include "fsd/format/keys.h"
#include "fsd/format/names.h"
#include "fsd/object_store/limited_store.h"
#include "fsd/object_store/memory_store.h"
#include "tests/support/engine_host.h"

namespace cairn::engine {
namespace {

using testing::EngineHost;
using testing::SimRuntime;

class EngineTest : public ::testing::Test {
 protected:
  SimRuntime sim_{1};
  object_store::MemoryStore bucket_;
  EngineHost host_{sim_, bucket_};

  void put(std::string key, std::string value) {
    ASSERT_TRUE(sim_.wait([&] { return host_.put(key, value); }));
  }
  void sync() {
    ASSERT_TRUE(sim_.wait([&] { return host_.engine().sync(host_.engine().open_segment()); }));
  }
  /// More than the window takes.
  static Task<Result<void>> fill(EngineHost& host) {
    for (int i = 0; i < 100; ++i) {
      CO_TRY_OK(co_await host.append("c/bulk", std::string(1U << 20, 'x')));
    }
    co_return Result<void>();
  }
  std::uint64_t log_objects() {
    std::uint64_t count = 0;
    for (const auto& [key, object] : bucket_.objects()) count += key.starts_with("log/") ? 1 : 0;
    return count;
  }
};

TEST_F(EngineTest, WhatWasSyncedIsThereAfterACrashWithAnEmptyIndex) {
  ASSERT_TRUE(host_.start());
  put("c/a", "1");
  auto at = sim_.wait([&] { return host_.append("c/b", "hello"); });
  ASSERT_TRUE(at);
  sync();
  EngineHost other(sim_, bucket_);
  ASSERT_TRUE(other.start());
  EXPECT_EQ(other.find("c/a"), "1");
  EXPECT_EQ(sim_.wait([&] { return other.read(*at, 5); }).value(), "hello");
}

TEST_F(EngineTest, AnFsyncAfterOneWriteCostsOnePut) {
  ASSERT_TRUE(host_.start());
  sim_.run_for(std::chrono::seconds(1));
  auto before = host_.counts();
  ASSERT_TRUE(sim_.wait([&] { return host_.append("c/b", "hello"); }));
  sync();
  auto spent = host_.counts() - before;
  EXPECT_EQ(spent.puts.requests, 1U);
  EXPECT_EQ(spent.requests(), 1U);
  // Another fsync with nothing new costs nothing.
  sync();
  EXPECT_EQ((host_.counts() - before).requests(), 1U);
}

TEST_F(EngineTest, ConcurrentSyncsShareCommits) {
  object_store::LimitedStore link(bucket_, sim_.runtime(),
                                  {.latency = std::chrono::milliseconds(30)});
  EngineHost host(sim_, link);
  ASSERT_TRUE(host.start());
  sim_.run_for(std::chrono::seconds(1));
  auto before = host.counts();
  std::vector<Task<Result<void>>> syncs;
  sim_.in_core([&] {
    for (int i = 0; i < 100; ++i) {
      EXPECT_TRUE(host.put("c/" + std::to_string(i), "x").take());
      syncs.push_back(host.engine().sync(host.engine().open_segment()));
    }
  });
  for (auto& task : syncs) EXPECT_TRUE(sim_.wait(std::move(task)));
  EXPECT_LE((host.counts() - before).puts.requests, kCommitsInFlightMax + 2);
}

TEST_F(EngineTest, AnIdleVolumeMakesNoRequests) {
  ASSERT_TRUE(host_.start());
  put("c/a", "1");
  sim_.run_for(std::chrono::seconds(60));
  auto before = host_.counts();
  sim_.run_for(std::chrono::minutes(10));
  EXPECT_EQ((host_.counts() - before).requests(), 0U);
}

TEST_F(EngineTest, TheCommitIntervalMakesBufferedWritesDurable) {
  ASSERT_TRUE(host_.start());
  const Seq open = host_.engine().open_segment();
  put("c/a", "1");
  sim_.run_for(std::chrono::seconds(6));
  EXPECT_GT(host_.engine().durable_end(), open);
}

TEST_F(EngineTest, ASecondWriterFencesTheFirst) {
  ASSERT_TRUE(host_.start());
  put("c/a", "1");
  sync();
  EngineHost other(sim_, bucket_);
  ASSERT_TRUE(other.start());
  put("c/a", "2");
  auto synced = sim_.wait([&] { return host_.engine().sync(host_.engine().open_segment()); });
  ASSERT_FALSE(synced);
  EXPECT_TRUE(is(synced.error(), EngineErrc::kFenced));
  ASSERT_TRUE(host_.failure());
  EXPECT_TRUE(is(*host_.failure(), EngineErrc::kFenced));
  EXPECT_EQ(other.find("c/a"), "1");
}

TEST_F(EngineTest, ScansMergeTheOverlayAndTheIndex) {
  ASSERT_TRUE(host_.start());
  for (int i = 0; i < 100; i += 2) put("c/" + std::to_string(100 + i), "old");
  sync();
  sim_.run_for(std::chrono::seconds(5));  // into the index
  for (int i = 0; i < 100; i += 3) put("c/" + std::to_string(100 + i), "new");
  sim_.in_core([&] { host_.engine().erase("c/104"); });
  std::map<std::string, std::string> seen;
  ASSERT_TRUE(host_.engine().scan("c/", "c0", [&](std::string_view key, std::string_view value) {
    EXPECT_TRUE(seen.emplace(key, value).second);
    return true;
  }));
  for (int i = 0; i < 100; ++i) {
    const std::string key = "c/" + std::to_string(100 + i);
    const bool expected = (i % 3 == 0) || (i % 2 == 0 && i != 4);
    EXPECT_EQ(seen.contains(key), expected) << key;
    if (expected) {
      EXPECT_EQ(seen[key], i % 3 == 0 ? "new" : "old");
    }
    auto floor = host_.engine().find_floor("c/", key);
    ASSERT_TRUE(floor && *floor) << key;
    auto above = seen.upper_bound(key);
    EXPECT_EQ((*floor)->first, std::prev(above)->first);
  }
}

TEST_F(EngineTest, ACheckpointBoundsRecoveryAndDeadSegmentsAreDeleted) {
  host_.options.checkpoint_segments = 20;
  ASSERT_TRUE(host_.start());
  std::optional<DataRef> last;
  for (int i = 0; i < 200; ++i) {
    auto at = sim_.wait([&] { return host_.append("c/file", "content " + std::to_string(i)); });
    ASSERT_TRUE(at);
    if (last) sim_.in_core([&] { host_.engine().drop_reference(*last, 9 + (i > 10) + (i > 100)); });
    last = *at;
    sync();
    sim_.run_for(std::chrono::seconds(10));
  }
  sim_.run_for(std::chrono::minutes(5));
  EXPECT_GE(host_.engine().stats().checkpoints, 5U);
  EXPECT_GT(host_.engine().stats().segments_deleted, 100U);
  EXPECT_LT(log_objects(), 100U);
  EngineHost other(sim_, bucket_);
  ASSERT_TRUE(other.start());
  EXPECT_LE(other.engine().stats().replayed, 60U);
  EXPECT_EQ(sim_.wait([&] { return other.read(*last, 11); }).value(), "content 199");
}

TEST_F(EngineTest, StoppingDoesNotWaitForTheGraceOfDeadSegments) {
  host_.options.checkpoint_segments = 4;
  ASSERT_TRUE(host_.start());
  for (int i = 0; i < 12; ++i) {
    put("c/a", std::to_string(i));
    sync();
    sim_.run_for(std::chrono::seconds(1));
  }
  ASSERT_GE(host_.engine().stats().checkpoints, 1U);
  const Duration before = sim_.now();
  ASSERT_TRUE(host_.stop());
  EXPECT_LT(sim_.now() - before, std::chrono::seconds(5));
}

TEST_F(EngineTest, StoppingDoesNotWaitForADiskThatIsFullByThen) {
  ASSERT_TRUE(host_.start());
  put("c/a", "1");
  sync();
  host_.index.set_full(true);
  ASSERT_TRUE(host_.stop());
  EngineHost other(sim_, bucket_);
  ASSERT_TRUE(other.start());
  EXPECT_EQ(other.find("c/a"), "1");
}

TEST_F(EngineTest, StatusCountsWhoWaitsForAStoreThatHangs) {
  ASSERT_TRUE(host_.start());
  auto at = sim_.wait([&] { return host_.append("c/cold", "hello"); });
  ASSERT_TRUE(at);
  sync();
  ASSERT_TRUE(host_.stop());
  object_store::LimitedStore link(bucket_, sim_.runtime(), {.latency = std::chrono::seconds(30)});
  EngineHost host(sim_, link);
  ASSERT_TRUE(host.start());
  std::vector<Task<Result<void>>> tasks;
  std::string bytes(5, '?');
  sim_.in_core([&] {
    EXPECT_TRUE(host.put("c/a", "1").take());
    for (int i = 0; i < 2; ++i) tasks.push_back(host.engine().sync(host.engine().open_segment()));
    tasks.push_back(host.engine().read(
        *at, MutableByteView(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size())));
    for (int i = 0; i < 3; ++i) tasks.push_back(fill(host));
  });
  sim_.run_for(std::chrono::seconds(1));
  EXPECT_EQ(host.engine().stats().syncs_waiting, 2U);
  EXPECT_EQ(host.engine().stats().reads_waiting, 1U);
  EXPECT_EQ(host.engine().stats().writers_waiting, 3U);
  for (auto& task : tasks) EXPECT_TRUE(sim_.wait(std::move(task)));
  EXPECT_EQ(bytes, "hello");
  EXPECT_EQ(host.engine().stats().syncs_waiting, 0U);
  EXPECT_EQ(host.engine().stats().reads_waiting, 0U);
  EXPECT_EQ(host.engine().stats().writers_waiting, 0U);
  ASSERT_TRUE(host.stop());
}

TEST_F(EngineTest, StatusSaysThatTheIndexWaitsForTheLocalDisk) {
  ASSERT_TRUE(host_.start());
  host_.index.set_full(true);
  put("c/a", "1");
  sync();
  sim_.run_for(std::chrono::seconds(2));
  EXPECT_TRUE(host_.engine().stats().index_disk_full);
  host_.index.set_full(false);
  sim_.run_for(std::chrono::seconds(3));
  EXPECT_FALSE(host_.engine().stats().index_disk_full);
}

TEST_F(EngineTest, AllThatManyCommitsLeaveIsDeletedAfterOneGraceTime) {
  ASSERT_TRUE(host_.start());
  for (int i = 0; i < 9000; ++i) {
    put("c/a", std::to_string(i));
    sync();
  }
  sim_.run_for(std::chrono::minutes(3));
  EXPECT_LT(log_objects(), 1000U);
}

TEST_F(EngineTest, ARestartWithItsIndexReplaysOnlyWhatIsNew) {
  ASSERT_TRUE(host_.start());
  for (int i = 0; i < 50; ++i) {
    put("c/" + std::to_string(i), "x");
    sync();
  }
  ASSERT_TRUE(host_.stop());
  ASSERT_TRUE(host_.start());
  EXPECT_EQ(host_.engine().stats().replayed, 0U);
  EXPECT_FALSE(host_.engine().stats().index_rebuilt);
  EXPECT_EQ(host_.find("c/49"), "x");
}

TEST_F(EngineTest, AMissingLogObjectIsNoticed) {
  ASSERT_TRUE(host_.start());
  const Seq first = host_.engine().open_segment();
  for (int i = 0; i < 80; ++i) {
    put("c/" + std::to_string(i), "x");
    sync();
  }
  bucket_.lose(format::log_name(Seq(first.value() + 5)));
  EngineHost other(sim_, bucket_);
  auto started = other.start();
  ASSERT_FALSE(started);
  EXPECT_TRUE(is(started.error(), EngineErrc::kLost)) << started.error().message();
}

TEST_F(EngineTest, AForeignPrefixIsRefused) {
  auto put = sim_.wait([&] { return bucket_.put("photos/cat.jpg", SharedBytes::from("x"), {}); });
  ASSERT_TRUE(put);
  auto started = host_.start();
  ASSERT_FALSE(started);
  EXPECT_TRUE(is(started.error(), EngineErrc::kNotAVolume));
  EXPECT_EQ(bucket_.objects().size(), 1U);
}

TEST_F(EngineTest, ADestroyedVolumeLeavesNothingOfOurs) {
  ASSERT_TRUE(host_.start());
  put("c/a", "1");
  ASSERT_TRUE(host_.stop());
  auto removed = sim_.wait([&] { return destroy_volume(bucket_); });
  ASSERT_TRUE(removed);
  EXPECT_TRUE(bucket_.objects().empty());
}

TEST_F(EngineTest, WhatIsLeftOfAVolumeIsNamedAsSuchAndCanBeDestroyed) {
  ASSERT_TRUE(host_.start());
  put("c/a", "1");
  ASSERT_TRUE(host_.stop());
  bucket_.lose(std::string(format::kVolumeName));
  auto foreign = sim_.wait([&] { return bucket_.put("log/cat.jpg", SharedBytes::from("x"), {}); });
  ASSERT_TRUE(foreign);
  EngineHost other(sim_, bucket_);
  auto started = other.start();
  ASSERT_FALSE(started);
  EXPECT_TRUE(is(started.error(), EngineErrc::kLost)) << started.error().message();
  auto removed = sim_.wait([&] { return destroy_volume(bucket_); });
  ASSERT_TRUE(removed);
  EXPECT_EQ(bucket_.objects().size(), 1U);
  EXPECT_FALSE(sim_.wait([&] { return destroy_volume(bucket_); }));
}

}  // namespace
}  // namespace cairn::engine
