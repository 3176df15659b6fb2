#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fsd/engine/engine.h"
#include "fsd/object_store/memory_store.h"
#include "tests/support/bad_link.h"
#include "tests/support/engine_host.h"

// What is damaged on its way, or in the bucket, when a daemon starts.

namespace cairn::engine {
namespace {

using ::testing::AllOf;
using testing::BadLink;
using testing::EngineHost;
using ::testing::HasSubstr;

class Damage : public ::testing::Test {
 protected:
  /// A volume with a checkpoint and some log after it.
  void SetUp() override {
    EngineHost host(sim_, bucket_);
    host.options.checkpoint_segments = 4;
    ASSERT_TRUE(host.start());
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(sim_.wait([&] { return host.put("c/" + std::to_string(i), "x"); }));
      ASSERT_TRUE(sim_.wait([&] { return host.engine().sync(host.engine().open_segment()); }));
    }
    sim_.run_for(std::chrono::seconds(10));
    ASSERT_GE(host.engine().stats().checkpoints, 1U);
    host.options.checkpoint_segments = 1000;
    ASSERT_TRUE(sim_.wait([&] { return host.put("c/last", "x"); }));
    ASSERT_TRUE(host.stop());
  }
  [[nodiscard]] std::string first_key(std::string_view prefix) const {
    for (const auto& [key, object] : bucket_.objects()) {
      if (key.starts_with(prefix)) return key;
    }
    return {};
  }

  testing::SimRuntime sim_{1};
  object_store::MemoryStore bucket_;
  BadLink link_{bucket_};
};

TEST_F(Damage, WhatArrivesDamagedOnceIsAskedForOnceMore) {
  for (const char* prefix : {"meta/", "log/", "manifest"}) {
    link_.bad_prefix = prefix;
    link_.bad_gets = 1;
    EngineHost other(sim_, link_);
    const auto started = other.start();
    ASSERT_TRUE(started) << prefix << ": " << started.error().message();
    EXPECT_EQ(link_.bad_gets, 0) << prefix;
    EXPECT_EQ(other.find("c/3"), "x");
    EXPECT_EQ(other.find("c/last"), "x");
  }
}

TEST_F(Damage, ATableThatIsDamagedInTheBucketIsNamed) {
  const std::string table = first_key("meta/");
  ASSERT_NE(table, "");
  bucket_.damage(table, bucket_.objects().at(table).body.size() / 2);
  EngineHost other(sim_, bucket_);
  const auto started = other.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(
      started.error().message(),
      AllOf(HasSubstr("a checkpoint table is damaged: bring this object back"), HasSubstr(table)));
}

TEST_F(Damage, WithItsLocalIndexAHostStartsWithoutTheTables) {
  EngineHost host(sim_, bucket_);
  ASSERT_TRUE(host.start());
  ASSERT_TRUE(host.stop());
  const std::string table = first_key("meta/");
  bucket_.damage(table, bucket_.objects().at(table).body.size() / 2);
  ASSERT_TRUE(host.start());
  EXPECT_EQ(host.find("c/3"), "x");
}

}  // namespace
}  // namespace cairn::engine
