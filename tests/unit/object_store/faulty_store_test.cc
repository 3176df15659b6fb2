#include "tests/support/faulty_store.h"

#include <gtest/gtest.h>

#include "fsd/object_store/memory_store.h"
#include "tests/support/sim_runtime.h"
#include "tests/unit/object_store/store_matchers.h"

namespace cairn::object_store::testing {
namespace {

using cairn::testing::FaultyStore;
using cairn::testing::SimRuntime;

SharedBytes bytes(std::string text) { return SharedBytes::from(std::move(text)); }

Task<> put_and_note(ObjectStore& store, std::string key, PutCondition condition,
                    std::string* outcome) {
  const auto put = co_await store.put(key, SharedBytes::from(key), condition);
  *outcome = put ? "put" : put.error().message();
}

TEST(FaultyStore, WithoutFaultsItOnlyTakesTime) {
  SimRuntime sim(1);
  MemoryStore memory;
  FaultyStore store(memory, sim.runtime(), 1, {});
  const Duration begin = sim.now();
  EXPECT_THAT(sim.wait([&] { return store.put("a", bytes("x"), {}); }), Succeeds());
  EXPECT_GE(sim.now() - begin, std::chrono::milliseconds(2));
  EXPECT_EQ(text_of(sim.wait([&] { return store.get("a", {}); })), "x");
  EXPECT_THAT(sim.wait([&] { return store.remove("a"); }), Succeeds());
  EXPECT_TRUE(memory.objects().empty());
  EXPECT_EQ(store.faults(), 0U);
}

TEST(FaultyStore, ALostAnswerMeansThatThePutWasAppliedAllTheSame) {
  SimRuntime sim(1);
  MemoryStore memory;
  FaultyStore store(memory, sim.runtime(), 1, {.lose_answer_one_in = 1, .again_one_in = 0});
  EXPECT_THAT(sim.wait([&] { return store.put("a", bytes("x"), PutCondition::absent()); }),
              FailsWith(StoreErrc::kUnavailable));
  EXPECT_TRUE(memory.objects().contains("a"));
}

TEST(FaultyStore, ADroppedPutMayTakeEffectLater) {
  int never = 0;
  int later = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SimRuntime sim(seed);
    MemoryStore memory;
    FaultyStore store(memory, sim.runtime(), seed, {.drop_one_in = 1});
    EXPECT_THAT(sim.wait([&] { return store.put("a", bytes("x"), {}); }),
                FailsWith(StoreErrc::kUnavailable));
    EXPECT_FALSE(memory.objects().contains("a"));
    sim.run_until_idle();
    ++(memory.objects().contains("a") ? later : never);
  }
  EXPECT_GT(never, 5);
  EXPECT_GT(later, 5);
}

TEST(FaultyStore, AnUnconditionalPutWhoseAnswerWasLostMayOverwriteANewerOne) {
  int undone = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SimRuntime sim(seed);
    MemoryStore memory;
    FaultyStore store(memory, sim.runtime(), seed, {.lose_answer_one_in = 1});
    EXPECT_THAT(sim.wait([&] { return store.put("a", bytes("old"), {}); }),
                FailsWith(StoreErrc::kUnavailable));
    store.set_options({});
    EXPECT_THAT(sim.wait([&] { return store.put("a", bytes("new"), {}); }), Succeeds());
    sim.run_until_idle();
    if (as_string(memory.objects().at("a").body.view()) == "old") ++undone;
  }
  EXPECT_GT(undone, 5);
}

TEST(FaultyStore, WhatWasAnsweredIsNeverAppliedAgain) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SimRuntime sim(seed);
    MemoryStore memory;
    FaultyStore store(memory, sim.runtime(), seed, FaultyStore::Options::bad_day());
    const auto put = sim.wait([&] { return store.put("a", bytes("x"), {}); });
    if (!put) continue;
    memory.lose("a");
    sim.run_until_idle();
    EXPECT_TRUE(memory.objects().empty()) << seed;
  }
}

TEST(FaultyStore, InAnOutageNothingArrivesAndItEnds) {
  SimRuntime sim(1);
  MemoryStore memory;
  FaultyStore store(memory, sim.runtime(), 1, {.again_one_in = 0});
  store.set_outage(true);
  EXPECT_THAT(sim.wait([&] { return store.put("a", bytes("x"), {}); }),
              FailsWith(StoreErrc::kUnavailable));
  EXPECT_THAT(sim.wait([&] { return store.list("", "", 10); }), FailsWith(StoreErrc::kUnavailable));
  EXPECT_TRUE(memory.objects().empty());
  store.set_outage(false);
  EXPECT_THAT(sim.wait([&] { return store.put("a", bytes("x"), {}); }), Succeeds());
}

TEST(FaultyStore, ADisconnectCancelsWhatIsOutstandingAndRefusesTheRest) {
  SimRuntime sim(1);
  MemoryStore memory;
  FaultyStore store(memory, sim.runtime(), 1, {});
  std::vector<std::string> outcomes(10);
  sim.in_core([&] {
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      put_and_note(store, "key" + std::to_string(i), {}, &outcomes[i]).detach();
    }
  });
  EXPECT_EQ(store.outstanding(), outcomes.size());
  sim.in_core([&] { store.disconnect(); });
  EXPECT_EQ(store.outstanding(), 0U);
  for (const auto& outcome : outcomes) EXPECT_THAT(outcome, ::testing::HasSubstr("crashed"));
  EXPECT_THAT(sim.wait([&] { return store.get("a", {}); }), FailsWith(StoreErrc::kCancelled));
}

TEST(FaultyStore, AfterADisconnectSomeOfWhatWasSentStillArrives) {
  SimRuntime sim(1);
  MemoryStore memory;
  std::vector<std::string> outcomes(100);
  {
    FaultyStore store(memory, sim.runtime(), 1, {});
    sim.in_core([&] {
      for (std::size_t i = 0; i < outcomes.size(); ++i) {
        put_and_note(store, "key" + std::to_string(i), PutCondition::absent(), &outcomes[i])
            .detach();
      }
      store.disconnect();
    });
    sim.run_ready();
  }
  EXPECT_TRUE(memory.objects().empty());
  sim.run_until_idle();
  EXPECT_GT(memory.objects().size(), 20U);
  EXPECT_LT(memory.objects().size(), 100U);
}

std::uint64_t history_of(std::uint64_t seed) {
  SimRuntime sim(seed);
  MemoryStore memory;
  FaultyStore store(memory, sim.runtime(), seed, FaultyStore::Options::bad_day());
  std::vector<std::string> outcomes(200);
  sim.in_core([&] {
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      put_and_note(store, "key" + std::to_string(i % 50), PutCondition::absent(), &outcomes[i])
          .detach();
    }
  });
  sim.run_until_idle();
  for (const auto& outcome : outcomes) sim.note(std::hash<std::string>()(outcome));
  sim.note(store.faults());
  EXPECT_GT(store.faults(), 0U);
  return sim.history();
}

TEST(FaultyStore, OneSeedIsOneHistory) {
  EXPECT_EQ(history_of(3), history_of(3));
  EXPECT_NE(history_of(3), history_of(4));
}

}  // namespace
}  // namespace cairn::object_store::testing
