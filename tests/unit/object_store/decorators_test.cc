#include <gtest/gtest.h>

#include <deque>

#include "fsd/object_store/counting_store.h"
#include "fsd/object_store/limited_store.h"
#include "fsd/object_store/memory_store.h"
#include "fsd/object_store/retrying_store.h"
#include "tests/support/faulty_store.h"
#include "tests/support/sim_runtime.h"
#include "tests/unit/object_store/store_matchers.h"

namespace cairn::object_store::testing {
namespace {

using cairn::testing::FaultyStore;
using cairn::testing::SimRuntime;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

SharedBytes bytes(std::string text) { return SharedBytes::from(std::move(text)); }

/// Fails with the given codes, one per request, before it lets requests through.
class FailingStore final : public ObjectStore {
 public:
  explicit FailingStore(std::deque<StoreErrc> failures) : failures_(std::move(failures)) {}
  Task<Result<Object>> get(std::string key, ByteRange range) override {
    CO_TRY_OK(next());
    co_return co_await memory_.get(std::move(key), range);
  }
  Task<Result<std::string>> put(std::string key, SharedBytes body,
                                PutCondition condition) override {
    bodies.push_back(std::string(as_string(body.view())));
    if (apply_all) {
      const auto applied = co_await memory_.put(key, body, condition);
      CO_TRY_OK(next());
      co_return applied;
    }
    CO_TRY_OK(next());
    co_return co_await memory_.put(std::move(key), std::move(body), std::move(condition));
  }
  Task<Result<void>> remove(std::string key) override {
    CO_TRY_OK(next());
    co_return co_await memory_.remove(std::move(key));
  }
  Task<Result<ListPage>> list(std::string prefix, std::string after, std::uint32_t limit) override {
    CO_TRY_OK(next());
    co_return co_await memory_.list(std::move(prefix), std::move(after), limit);
  }
  [[nodiscard]] std::string description() const override { return "test:"; }

  bool apply_all = false;  // the answers are lost, not the requests
  std::vector<std::string> bodies;

 private:
  Result<void> next() {
    if (failures_.empty()) return {};
    const StoreErrc code = failures_.front();
    failures_.pop_front();
    return Error(code, "");
  }
  std::deque<StoreErrc> failures_;
  MemoryStore memory_;
};

TEST(RetryingStore, SendsTheSameBytesUntilItWorks) {
  SimRuntime sim(1);
  FailingStore failing({StoreErrc::kUnavailable, StoreErrc::kThrottled, StoreErrc::kConflict});
  RetryingStore store(failing, sim.runtime(), {});
  EXPECT_THAT(sim.wait([&] { return store.put("a", bytes("x"), {}); }), Succeeds());
  EXPECT_THAT(failing.bodies, ElementsAre("x", "x", "x", "x"));
  EXPECT_FALSE(store.outage());
}

TEST(RetryingStore, AnswersAreNotTriedAgain) {
  for (const StoreErrc code :
       {StoreErrc::kNotFound, StoreErrc::kPreconditionFailed, StoreErrc::kAccessDenied,
        StoreErrc::kBadRequest, StoreErrc::kBucketMissing, StoreErrc::kCancelled}) {
    SimRuntime sim(1);
    FailingStore failing({code});
    RetryingStore store(failing, sim.runtime(), {});
    const Duration begin = sim.now();
    EXPECT_THAT(sim.wait([&] { return store.get("a", {}); }), FailsWith(code));
    EXPECT_EQ(sim.now(), begin);
  }
}

TEST(RetryingStore, PassesOnThePreconditionThatItsOwnFirstTryBroke) {
  SimRuntime sim(1);
  FailingStore failing({StoreErrc::kUnavailable});
  failing.apply_all = true;
  RetryingStore store(failing, sim.runtime(), {});
  EXPECT_THAT(sim.wait([&] { return store.put("a", bytes("mine"), PutCondition::absent()); }),
              FailsWith(StoreErrc::kPreconditionFailed));
  EXPECT_EQ(text_of(sim.wait([&] { return store.get("a", {}); })), "mine");
}

TEST(RetryingStore, BacksOffToTenSecondsAndNoFurther) {
  SimRuntime sim(1);
  FailingStore failing(std::deque<StoreErrc>(100, StoreErrc::kUnavailable));
  RetryingStore store(failing, sim.runtime(), {.report = [](const std::string&) {}});
  const Duration begin = sim.now();
  EXPECT_THAT(sim.wait([&] { return store.get("a", {}); }), FailsWith(StoreErrc::kNotFound));
  // 92 delays of 5 s on average after 8 that grow.
  EXPECT_GT(sim.now() - begin, seconds(92 * 3));
  EXPECT_LT(sim.now() - begin, seconds(92 * 7 + 20));
}

TEST(RetryingStore, ASoftTimeoutGivesTheLastFailureToItsCaller) {
  SimRuntime sim(1);
  FailingStore failing(std::deque<StoreErrc>(10'000, StoreErrc::kUnavailable));
  RetryingStore store(failing, sim.runtime(), {.soft_timeout = seconds(30)});
  const Duration begin = sim.now();
  EXPECT_THAT(sim.wait([&] { return store.get("a", {}); }), FailsWith(StoreErrc::kUnavailable));
  EXPECT_EQ(sim.now() - begin, seconds(30));
  EXPECT_TRUE(store.outage());
}

TEST(RetryingStore, OnceStartedItIsPatientWithRefusedCredentials) {
  SimRuntime sim(1);
  FailingStore failing({StoreErrc::kBadCredentials, StoreErrc::kAccessDenied});
  RetryingStore store(failing, sim.runtime(), {});
  EXPECT_THAT(sim.wait([&] { return store.get("a", {}); }), FailsWith(StoreErrc::kBadCredentials));
  store.set_patient(true);
  EXPECT_THAT(sim.wait([&] { return store.get("a", {}); }), FailsWith(StoreErrc::kNotFound));
}

class RetryingStoreReports : public ::testing::Test {
 protected:
  void get() {
    sim_.in_core([this] { get_from(store_).detach(); });
  }

  SimRuntime sim_{1};
  MemoryStore memory_;
  FaultyStore faulty_{memory_, sim_.runtime(), 1, {.again_one_in = 0}};
  std::vector<std::string> said_;
  RetryingStore store_{faulty_, sim_.runtime(), {.report = [this](const std::string& text) {
                         said_.push_back(text);
                       }}};

 private:
  static Task<> get_from(ObjectStore& store) { (void)co_await store.get("a", {}); }
};

TEST_F(RetryingStoreReports, ThatTheStoreIsAwayOnceAMinuteAndThatItIsBack) {
  faulty_.set_outage(true);
  get();
  get();
  sim_.run_for(minutes(4) + seconds(30));
  ASSERT_TRUE(store_.outage());
  EXPECT_GE(store_.outage()->lasts, minutes(4));
  faulty_.set_outage(false);
  sim_.run_until_idle();
  ASSERT_EQ(said_.size(), 6U);
  EXPECT_THAT(said_[0], HasSubstr("trying again"));
  EXPECT_THAT(said_[4], HasSubstr("does not answer since"));
  EXPECT_THAT(said_[4], HasSubstr("requests wait"));
  EXPECT_THAT(said_[5], HasSubstr("answers again"));
  EXPECT_FALSE(store_.outage());
}

TEST_F(RetryingStoreReports, ASecondOutageWithinTheMinuteIfItLasts) {
  for (const int lasts : {3, 1, 30}) {
    faulty_.set_outage(true);
    get();
    sim_.run_for(seconds(lasts));
    faulty_.set_outage(false);
    sim_.run_until_idle();
  }
  ASSERT_EQ(said_.size(), 4U);
  EXPECT_THAT(said_[1], HasSubstr("answers again"));
  EXPECT_THAT(said_[2], HasSubstr("trying again"));
  EXPECT_THAT(said_[3], HasSubstr("answers again after 3"));
}

TEST(RetryingStore, AStoreThatHangsShowsBeforeAnyRequestHasFailed) {
  SimRuntime sim(1);
  MemoryStore memory;
  LimitedStore hanging(memory, sim.runtime(), {.latency = minutes(1)});
  RetryingStore store(hanging, sim.runtime(), {});
  EXPECT_FALSE(store.unanswered());
  auto get = [](ObjectStore& from, std::string key) -> Task<> {
    (void)co_await from.get(std::move(key), {});
  };
  sim.in_core([&] { get(store, "first").detach(); });
  sim.run_for(seconds(2));
  sim.in_core([&] { get(store, "second").detach(); });
  sim.run_for(seconds(1));
  ASSERT_TRUE(store.unanswered());
  EXPECT_EQ(store.unanswered()->requests, 2U);
  EXPECT_EQ(store.unanswered()->silence, seconds(3));
  EXPECT_EQ(store.unanswered()->oldest, seconds(3));
  EXPECT_EQ(store.unanswered()->oldest_name, "GET first");
  EXPECT_EQ(store.unanswered()->oldest_failures, 0);
  // The first is answered: the store is not silent, but the second waits since it was asked.
  sim.run_for(seconds(58));
  ASSERT_TRUE(store.unanswered());
  EXPECT_EQ(store.unanswered()->oldest_name, "GET second");
  EXPECT_EQ(store.unanswered()->silence, seconds(1));
  EXPECT_EQ(store.unanswered()->oldest, seconds(59));
  sim.run_until_idle();
  EXPECT_FALSE(store.unanswered());
}

TEST(RetryingStore, WhatItTriesAgainHasANameAndACount) {
  SimRuntime sim(1);
  FailingStore failing(std::deque<StoreErrc>(3, StoreErrc::kUnavailable));
  RetryingStore store(failing, sim.runtime(), {.delay_first = minutes(1)});
  auto remove = [](ObjectStore& from) -> Task<> { (void)co_await from.remove("log/a"); };
  sim.in_core([&] { remove(store).detach(); });
  ASSERT_TRUE(store.unanswered());
  EXPECT_EQ(store.unanswered()->oldest_name, "DELETE log/a");
  EXPECT_EQ(store.unanswered()->oldest_failures, 1);
  sim.run_until_idle();
  EXPECT_FALSE(store.unanswered());
}

TEST(RetryingStore, AFailureNowAndThenIsNotReportedEachTime) {
  SimRuntime sim(1);
  MemoryStore memory;
  FaultyStore faulty(memory, sim.runtime(), 1, {.drop_one_in = 10, .again_one_in = 0});
  int said = 0;
  RetryingStore store(faulty, sim.runtime(), {.report = [&](const std::string&) { ++said; }});
  const Duration begin = sim.now();
  for (int i = 0; i < 500; ++i) (void)sim.wait([&] { return store.get("a", {}); });
  const auto passed = std::chrono::duration_cast<minutes>(sim.now() - begin).count();
  EXPECT_LE(said, 2 * (passed + 1));
}

TEST(RetryingStore, StopEndsWhatWaits) {
  SimRuntime sim(1);
  FailingStore failing(std::deque<StoreErrc>(1000, StoreErrc::kUnavailable));
  RetryingStore store(failing, sim.runtime(), {});
  std::optional<bool> cancelled;
  auto get = [](ObjectStore& from, std::optional<bool>* out) -> Task<> {
    const auto got = co_await from.get("a", {});
    *out = is(got.error(), StoreErrc::kCancelled);
  };
  sim.in_core([&] { get(store, &cancelled).detach(); });
  sim.run_for(seconds(20));
  EXPECT_FALSE(cancelled);
  sim.in_core([&] { store.stop(); });
  EXPECT_EQ(cancelled, true);
  sim.run_until_idle();
}

TEST(RetryingStore, WhatGetsNoAnswerAfterStopIsCancelledAtOnce) {
  SimRuntime sim(1);
  FailingStore failing(std::deque<StoreErrc>(1, StoreErrc::kUnavailable));
  RetryingStore store(failing, sim.runtime(), {});
  sim.in_core([&] { store.stop(); });
  const auto got = sim.wait([&] { return store.get("a", {}); });
  EXPECT_TRUE(is(got.error(), StoreErrc::kCancelled));
}

TEST(RetryingStore, APutThatIsRefusedAfterStopIsCancelledButForOneThatIsTold) {
  for (const StoreErrc code : {StoreErrc::kBucketMissing, StoreErrc::kPreconditionFailed}) {
    SimRuntime sim(1);
    FailingStore failing(std::deque<StoreErrc>(2, code));
    RetryingStore store(failing, sim.runtime(), {});
    const auto put = [&] {
      return sim.wait([&] { return store.put("a", bytes("b"), PutCondition::absent()); });
    };
    EXPECT_TRUE(is(put().error(), code));
    sim.in_core([&] { store.stop(); });
    const bool told = code == StoreErrc::kPreconditionFailed;
    EXPECT_TRUE(is(put().error(), told ? code : StoreErrc::kCancelled));
  }
}

// Whoever finds his slot taken asks by whom, for as long as it takes.
TEST(RetryingStore, AGetThatIsRefusedAfterStopIsCancelledButForOneThatIsTold) {
  for (const StoreErrc code : {StoreErrc::kAccessDenied, StoreErrc::kNotFound}) {
    SimRuntime sim(1);
    FailingStore failing(std::deque<StoreErrc>(2, code));
    RetryingStore store(failing, sim.runtime(), {});
    const auto get = [&] { return sim.wait([&] { return store.get("a", {}); }); };
    EXPECT_TRUE(is(get().error(), code));
    sim.in_core([&] { store.stop(); });
    const bool told = code == StoreErrc::kNotFound;
    EXPECT_TRUE(is(get().error(), told ? code : StoreErrc::kCancelled));
  }
}

TEST(RetryingStore, OnABadDayEveryCreateOnlyPutEndsWithItsObject) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimRuntime sim(seed);
    MemoryStore memory;
    FaultyStore faulty(memory, sim.runtime(), seed, FaultyStore::Options::bad_day());
    RetryingStore store(faulty, sim.runtime(), {.report = [](const std::string&) {}});
    for (int i = 0; i < 20; ++i) {
      const std::string key = std::to_string(i);
      const auto put = sim.wait([&] { return store.put(key, bytes(key), PutCondition::absent()); });
      EXPECT_TRUE(put || is(put.error(), StoreErrc::kPreconditionFailed));
      EXPECT_EQ(text_of(sim.wait([&] { return store.get(key, {}); })), key);
    }
  }
}

TEST(CountingStore, CountsByKindAndSubtracts) {
  SimRuntime sim(1);
  MemoryStore memory;
  CountingStore store(memory);
  (void)sim.wait([&] { return store.put("a", bytes("12345"), {}); });
  const StoreCounts before = store.counts();
  (void)sim.wait([&] { return store.get("a", {.offset = 1, .length = 2}); });
  (void)sim.wait([&] { return store.get("missing", {}); });
  (void)sim.wait([&] { return store.get("bad key", {}); });
  (void)sim.wait([&] { return store.remove("a"); });
  const StoreCounts between = store.counts() - before;
  EXPECT_EQ(before.puts, (RequestCounts{.requests = 1, .failures = 0, .bytes = 5}));
  EXPECT_EQ(between.puts, RequestCounts());
  EXPECT_EQ(between.gets, (RequestCounts{.requests = 3, .failures = 1, .bytes = 2}));
  EXPECT_EQ(between.removes.requests, 1U);
  EXPECT_EQ(between.requests(), 4U);
  EXPECT_EQ(store.in_flight(), 0U);
}

TEST(LimitedStore, ASlowLinkTakesItsTime) {
  SimRuntime sim(1);
  MemoryStore memory;
  LimitedStore store(
      memory, sim.runtime(),
      {.up_bytes_per_s = 1'000'000, .down_bytes_per_s = 2'000'000, .latency = milliseconds(30)});
  Duration begin = sim.now();
  (void)sim.wait([&] { return store.put("a", bytes(std::string(500'000, 'x')), {}); });
  EXPECT_NEAR(static_cast<double>((sim.now() - begin).count()), 530e6, 1e6);
  begin = sim.now();
  (void)sim.wait([&] { return store.get("a", {}); });
  EXPECT_NEAR(static_cast<double>((sim.now() - begin).count()), 280e6, 1e6);
}

Task<> put_and_note_time(ObjectStore& store, Clock& clock, std::string key, std::size_t size,
                         Duration* ended) {
  (void)co_await store.put(key, SharedBytes::from(std::string(size, 'x')), {});
  *ended = clock.monotonic();
}

TEST(LimitedStore, ASmallPutSharesTheLinkWithALargeOne) {
  SimRuntime sim(1);
  MemoryStore memory;
  LimitedStore store(memory, sim.runtime(), {.up_bytes_per_s = 20'000'000});
  const Duration begin = sim.now();
  Duration large{};
  Duration small{};
  sim.in_core([&] {
    put_and_note_time(store, sim.runtime().clock, "large", 20'000'000, &large).detach();
    put_and_note_time(store, sim.runtime().clock, "small", 4'000, &small).detach();
  });
  sim.run_until_idle();
  EXPECT_LT(small - begin, milliseconds(20));
  EXPECT_NEAR(static_cast<double>((large - begin).count()), 1e9, 1e7);
}

TEST(LimitedStore, NoMoreThanSoManyAtATimeInTheOrderOfArrival) {
  SimRuntime sim(1);
  MemoryStore memory;
  LimitedStore store(memory, sim.runtime(), {.concurrent_max = 2, .latency = seconds(1)});
  const Duration begin = sim.now();
  std::vector<Duration> ended(5);
  sim.in_core([&] {
    for (std::size_t i = 0; i < ended.size(); ++i) {
      put_and_note_time(store, sim.runtime().clock, std::to_string(i), 1, &ended[i]).detach();
    }
  });
  EXPECT_EQ(store.running(), 2U);
  EXPECT_EQ(store.queued(), 3U);
  sim.run_until_idle();
  for (auto& moment : ended) moment -= begin;
  EXPECT_THAT(ended, ElementsAre(seconds(1), seconds(1), seconds(2), seconds(2), seconds(3)));
}

TEST(LimitedStore, ALongQueueOfRequestsThatEndAtOnceDoesNotGrowTheStack) {
  SimRuntime sim(1);
  MemoryStore memory;
  LimitedStore store(memory, sim.runtime(), {.concurrent_max = 1, .latency = milliseconds(1)});
  std::vector<Duration> ended(20'000);
  sim.in_core([&] {
    for (auto& moment : ended)
      put_and_note_time(store, sim.runtime().clock, "a", 1, &moment).detach();
  });
  sim.run_until_idle();
  EXPECT_GT(ended.back(), Duration::zero());
}

}  // namespace
}  // namespace cairn::object_store::testing
