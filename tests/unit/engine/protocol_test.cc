// What a writer and a taker make of answers that come late, or never. Most of the protocol's rules
// are guarded by tests/sim; here are two that were once broken.

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fsd/engine/engine.h"
#include "fsd/format/keys.h"
#include "fsd/format/names.h"
#include "fsd/object_store/limited_store.h"
#include "fsd/object_store/memory_store.h"
#include "fsd/runtime/await.h"
#include "tests/support/engine_host.h"

namespace cairn::engine {
namespace {

using object_store::StoreErrc;
using testing::EngineHost;
using testing::SimRuntime;

/// A connection on which a test decides what happens to single requests.
class ScriptedStore final : public object_store::ObjectStore {
 public:
  explicit ScriptedStore(ObjectStore& inner) : inner_(inner) {}

  /// What the sender hears instead of an answer; the request does not arrive.
  std::function<std::optional<StoreErrc>(const std::string& key)> fail_get;
  std::function<std::optional<StoreErrc>(const std::string& key)> fail_put;
  /// True: the request waits for release().
  std::function<bool(const std::string& key)> hold_get;
  /// Puts that failed; each can be sent again.
  std::vector<std::function<Task<Result<std::string>>()>> lost;

  [[nodiscard]] bool holds() const { return held_; }
  void release() {
    hold_get = nullptr;
    released_.notify_all();
  }

  Task<Result<object_store::Object>> get(std::string key, object_store::ByteRange range) override {
    if (hold_get && hold_get(key)) {
      held_ = true;
      co_await released_.wait();
    }
    const auto failure = fail_get ? fail_get(key) : std::nullopt;
    if (failure) co_return Error(*failure, "as the test wants it");
    auto answer = co_await inner_.get(key, range);
    co_return answer;
  }
  Task<Result<std::string>> put(std::string key, SharedBytes body,
                                object_store::PutCondition condition) override {
    const auto failure = fail_put ? fail_put(key) : std::nullopt;
    if (failure) {
      lost.push_back([this, key, body, condition] { return inner_.put(key, body, condition); });
      co_return Error(*failure, "as the test wants it");
    }
    auto answer = co_await inner_.put(key, body, condition);
    co_return answer;
  }
  Task<Result<void>> remove(std::string key) override { return inner_.remove(key); }
  Task<Result<object_store::ListPage>> list(std::string prefix, std::string start_after,
                                            std::uint32_t limit) override {
    return inner_.list(prefix, start_after, limit);
  }
  [[nodiscard]] std::string description() const override { return "scripted"; }

 private:
  ObjectStore& inner_;
  bool held_ = false;
  Condition released_;
};

class ProtocolTest : public ::testing::Test {
 protected:
  void commit(EngineHost& host, const std::string& key) {
    ASSERT_TRUE(sim_.wait([&] { return host.put(key, "value of " + key); }));
    ASSERT_TRUE(sim_.wait([&] { return host.engine().sync(host.engine().open_segment()); }));
  }
  Result<void> checkpoint(EngineHost& host) {
    sim_.run_for(std::chrono::seconds(2));  // until the index has everything
    return sim_.wait([&] { return host.engine().checkpoint(); });
  }

  SimRuntime sim_{1};
  object_store::MemoryStore bucket_;
  ScriptedStore store_{bucket_};
};

// The late one must not be taken for the one that is tried then: that would lose what had changed
// in between.
TEST_F(ProtocolTest, ACheckpointOfUnknownOutcomeDoesNotLendItsGenerationToTheNext) {
  EngineHost host(sim_, store_);
  host.options.checkpoint_segments = 1000;
  ASSERT_TRUE(host.start());
  for (int i = 0; i < 60; ++i) commit(host, "c/base" + std::to_string(i));
  ASSERT_TRUE(checkpoint(host));

  commit(host, "c/first");
  const std::string manifest(format::kManifestName);
  bool sent = false;
  store_.fail_put = [&](const std::string& key) -> std::optional<StoreErrc> {
    if (key != manifest) return std::nullopt;
    sent = true;
    return StoreErrc::kUnavailable;
  };
  store_.fail_get = [&](const std::string& key) -> std::optional<StoreErrc> {
    if (!sent || key != manifest) return std::nullopt;
    return StoreErrc::kAccessDenied;
  };
  ASSERT_FALSE(checkpoint(host));
  store_.fail_put = nullptr;
  store_.fail_get = nullptr;

  commit(host, "c/second");
  ASSERT_EQ(store_.lost.size(), 1U);
  ASSERT_TRUE(sim_.wait([&] { return store_.lost.front()(); }));
  EXPECT_FALSE(checkpoint(host)) << "it must find that the earlier one has arrived";
  EXPECT_FALSE(host.failure()) << "and go on";
  ASSERT_TRUE(checkpoint(host));

  EngineHost fresh(sim_, bucket_);
  ASSERT_TRUE(fresh.start());
  for (const char* key : {"c/base0", "c/first", "c/second"}) EXPECT_TRUE(fresh.find(key)) << key;
}

// Whoever starts it is told; there is nobody yet whose changes it would have to save.
TEST_F(ProtocolTest, AStartWhoseFirstSegmentIsRefusedFailsAtOnce) {
  for (const StoreErrc code : {StoreErrc::kBadRequest, StoreErrc::kBucketMissing}) {
    EngineHost host(sim_, store_);
    int refused = 0;
    store_.fail_put = [&](const std::string& key) -> std::optional<StoreErrc> {
      if (!key.starts_with(format::kLogPrefix) || ++refused > 3) return std::nullopt;
      return code;
    };
    const auto started = host.start();
    ASSERT_FALSE(started);
    EXPECT_TRUE(is(started.error(), code));
    EXPECT_EQ(refused, 1);
    store_.fail_put = nullptr;
    EXPECT_TRUE(host.start());
  }
}

TEST_F(ProtocolTest, AStopWritesAllThoughTheStoreIsAwayForAMoment) {
  EngineHost host(sim_, store_);
  ASSERT_TRUE(host.start());
  bool away = true;
  store_.fail_put = [&](const std::string& key) -> std::optional<StoreErrc> {
    if (!away || !key.starts_with(format::kLogPrefix)) return std::nullopt;
    return StoreErrc::kUnavailable;
  };
  // More commits than are under way at a time: some are still in the open segment.
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(sim_.wait([&] { return host.put("c/" + std::to_string(i), "value"); }));
    sim_.in_core([&] { host.engine().sync(host.engine().open_segment()).detach(); });
  }
  sim_.in_core([&] { sim_.runtime().timers.schedule(seconds(20), [&away] { away = false; }); });
  EXPECT_TRUE(host.stop());
  EngineHost fresh(sim_, bucket_);
  ASSERT_TRUE(fresh.start());
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(fresh.find("c/" + std::to_string(i))) << i;
}

TEST_F(ProtocolTest, AStartOutlivesAStoreThatIsAwayForAMoment) {
  EngineHost host(sim_, store_);
  int failed = 0;
  store_.fail_put = [&](const std::string& key) -> std::optional<StoreErrc> {
    if (!key.starts_with(format::kLogPrefix) || ++failed > 3) return std::nullopt;
    return StoreErrc::kUnavailable;
  };
  EXPECT_TRUE(host.start());
  EXPECT_EQ(failed, 4);
}

// What it read ended in an empty slot; when it looks behind the window, the writer has gone on.
TEST_F(ProtocolTest, ATakeOverDoesNotTakeTheProgressOfARunningWriterForAHole) {
  EngineHost writer(sim_, bucket_);
  writer.setup.window = 2;
  ASSERT_TRUE(writer.start());
  commit(writer, "c/before");
  const Seq end = writer.engine().open_segment();

  EngineHost taker(sim_, store_);
  const std::string behind = format::log_name(Seq(end.value() + writer.setup.window));
  int looks = 0;
  store_.hold_get = [&](const std::string& key) {
    looks += key == format::kManifestName ? 1 : 0;
    return looks == 2 && key == behind;  // claimed, read the log, looked: now for a hole
  };
  std::optional<Task<Result<OpenedLog>>> taking;
  auto volume = sim_.wait([&] { return set_up_volume(sim_.runtime(), bucket_, {}); })->volume;
  sim_.in_core([&] {
    taking.emplace(
        take_over({sim_.runtime(), store_, taker.index, volume.parameters, volume.sealer}));
  });
  while (!store_.holds()) ASSERT_TRUE(sim_.run_one());
  for (int i = 0; i < 5; ++i) commit(writer, "c/during" + std::to_string(i));
  sim_.in_core([&] { store_.release(); });
  const auto taken = sim_.wait(std::move(*taking));
  ASSERT_TRUE(taken) << taken.error().message();
  EXPECT_GT(taken->tip.next_seq, Seq(end.value() + 2 * writer.setup.window));
  EXPECT_TRUE((*taker.index.snapshot())->find("c/during4").value());
}

// Side by side with the put that fences it, a writer that slept puts others, into the gap behind
// its successor's epoch-start. When the successor has deleted there already, it looks again.
TEST_F(ProtocolTest, WhatASleeperLeavesInTheGapIsDeletedThoughTheGapHasBeenDeletedBefore) {
  object_store::LimitedStore link(bucket_, sim_.runtime(),
                                  {.latency = std::chrono::milliseconds(30)});
  EngineHost sleeper(sim_, link);
  ASSERT_TRUE(sleeper.start());
  const Seq epoch_start = sleeper.engine().open_segment();
  EngineHost successor(sim_, bucket_);
  successor.options.checkpoint_segments = 16;
  ASSERT_TRUE(successor.start());
  const Seq gap_end = successor.engine().open_segment();
  int commits = 0;
  auto commit_many = [&](int count) {
    while (count-- > 0) commit(successor, "c/" + std::to_string(commits++ % 8));
    sim_.run_for(std::chrono::minutes(3));
  };
  auto in_gap = [&] {
    std::vector<Seq> found;
    for (Seq seq = epoch_start.next(); seq < gap_end; seq = seq.next()) {
      if (bucket_.objects().contains(format::log_name(seq))) found.push_back(seq);
    }
    return found;
  };
  commit_many(20);
  ASSERT_GT(successor.engine().stats().log_start, gap_end);

  std::vector<Task<Result<void>>> syncs;
  sim_.in_core([&] {
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(sleeper.put("c/sleeper" + std::to_string(i), "x").take());
      syncs.push_back(sleeper.engine().sync(sleeper.engine().open_segment()));
    }
  });
  for (auto& sync : syncs) EXPECT_FALSE(sim_.wait(std::move(sync)));
  ASSERT_EQ(in_gap().size(), 2U);

  commit_many(400);
  EXPECT_TRUE(in_gap().empty());
  // And not in each of the rounds that follow.
  const auto before = successor.counts();
  commit_many(100);
  EXPECT_LT((successor.counts() - before).removes.requests, 140U);
  const auto idle = successor.counts();
  sim_.run_for(std::chrono::minutes(10));
  EXPECT_EQ((successor.counts() - idle).requests(), 0U);
  // Somebody who takes over from the index in the bucket knows of the gap, too.
  ASSERT_TRUE(successor.stop());
  EngineHost last(sim_, bucket_);
  ASSERT_TRUE(last.start());
  bool known = false;
  ASSERT_TRUE(last.engine().scan("g", "h", [&](std::string_view key, std::string_view) {
    known = known || Seq(format::key_u64(key, 1)) == epoch_start.next();
    return true;
  }));
  EXPECT_TRUE(known);
}

}  // namespace
}  // namespace cairn::engine
