#pragma once

// The contract of an ObjectStore, as tests that run on every implementation.
//
// A program includes this header in one file and names its stores:
//   INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, ::testing::Values(&make_memory_store));
// where make_memory_store() returns a std::unique_ptr<StoreUnderTest> that is empty.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fsd/object_store/object_store.h"
#include "tests/unit/object_store/store_matchers.h"
#include "tests/unit/object_store/store_under_test.h"

namespace cairn::object_store::testing {

using StoreFactory = std::unique_ptr<StoreUnderTest> (*)();

class StoreContract : public ::testing::TestWithParam<StoreFactory> {
 protected:
  std::unique_ptr<StoreUnderTest> owner_ = GetParam()();
  StoreUnderTest& store_ = *owner_;
};

TEST_P(StoreContract, WhatWasPutIsGot) {
  const auto etag = store_.put("dir/object", "some bytes");
  ASSERT_THAT(etag, Succeeds());
  const auto object = store_.get("dir/object");
  EXPECT_EQ(text_of(object), "some bytes");
  EXPECT_EQ(object->size, 10U);
  EXPECT_EQ(object->etag, *etag);
}

TEST_P(StoreContract, BytesOfAllValuesSurvive) {
  std::string all;
  for (int i = 0; i < 1024; ++i) all += static_cast<char>(i);
  ASSERT_THAT(store_.put("binary", all), Succeeds());
  EXPECT_EQ(text_of(store_.get("binary")), all);
}

TEST_P(StoreContract, AMissingObjectIsNotFound) {
  EXPECT_THAT(store_.get("missing"), FailsWith(StoreErrc::kNotFound));
  EXPECT_THAT(store_.get("missing", {.offset = 5, .length = 7}), FailsWith(StoreErrc::kNotFound));
}

TEST_P(StoreContract, ABeginningOfAKeyIsNoObject) {
  ASSERT_THAT(store_.put("one/two/three", "x"), Succeeds());
  EXPECT_THAT(store_.get("one/two"), FailsWith(StoreErrc::kNotFound));
  EXPECT_THAT(store_.get("one/two/three/four"), FailsWith(StoreErrc::kNotFound));
}

TEST_P(StoreContract, RangesAtTheEdges) {
  ASSERT_THAT(store_.put("ranged", "0123456789"), Succeeds());
  struct Case {
    ByteRange range;
    std::string expected;
  };
  const std::vector<Case> cases = {
      {{.offset = 0, .length = 1}, "0"},
      {{.offset = 0, .length = 10}, "0123456789"},
      {{.offset = 0, .length = 11}, "0123456789"},
      {{.offset = 9, .length = 1}, "9"},
      {{.offset = 9, .length = 100}, "9"},
      {{.offset = 3, .length = 4}, "3456"},
      {{.offset = 4}, "456789"},
      {{.offset = 10, .length = 1}, ""},
      {{.offset = 10}, ""},
      {{.offset = 1000, .length = 5}, ""},
  };
  for (const auto& [range, expected] : cases) {
    const auto object = store_.get("ranged", range);
    EXPECT_EQ(text_of(object), expected) << range.offset << "+" << range.length;
    ASSERT_THAT(object, Succeeds());
    EXPECT_EQ(object->size, 10U) << range.offset << "+" << range.length;
  }
}

TEST_P(StoreContract, AnEmptyObjectIsAnObject) {
  ASSERT_THAT(store_.put("empty", ""), Succeeds());
  const auto object = store_.get("empty");
  EXPECT_EQ(text_of(object), "");
  EXPECT_EQ(object->size, 0U);
  EXPECT_EQ(text_of(store_.get("empty", {.offset = 0, .length = 10})), "");
  EXPECT_EQ(keys_of(store_.list("empty")), std::vector<std::string>{"empty"});
}

TEST_P(StoreContract, SixteenMebibytesInOnePiece) {
  std::string large(16U << 20U, '\0');
  for (std::size_t i = 0; i < large.size(); ++i)
    large[i] = static_cast<char>((i * 2654435761U) >> 24U);
  ASSERT_THAT(store_.put("large", large), Succeeds());
  EXPECT_TRUE(text_of(store_.get("large")) == large);
  const ByteRange range{.offset = 7'000'001, .length = 1'000'003};
  EXPECT_TRUE(text_of(store_.get("large", range)) == large.substr(range.offset, range.length));
}

TEST_P(StoreContract, AnUnconditionalPutReplaces) {
  const auto first = store_.put("replaced", "first, and longer");
  const auto second = store_.put("replaced", "second");
  ASSERT_THAT(second, Succeeds());
  EXPECT_NE(*first, *second);
  const auto object = store_.get("replaced");
  EXPECT_EQ(text_of(object), "second");
  EXPECT_EQ(object->etag, *second);
  EXPECT_EQ(object->size, 6U);
}

TEST_P(StoreContract, AnEtagStaysWhileTheContentStays) {
  const auto etag = store_.put("stable", "content");
  ASSERT_THAT(etag, Succeeds());
  EXPECT_EQ(store_.get("stable")->etag, *etag);
  EXPECT_EQ(store_.get("stable", {.offset = 2, .length = 2})->etag, *etag);
  ASSERT_THAT(store_.put("another", "other content"), Succeeds());
  EXPECT_EQ(store_.get("stable")->etag, *etag);
}

TEST_P(StoreContract, CreateOnlyPutsOnce) {
  ASSERT_THAT(store_.put("dir/once", "first", PutCondition::absent()), Succeeds());
  EXPECT_THAT(store_.put("dir/once", "second", PutCondition::absent()),
              FailsWith(StoreErrc::kPreconditionFailed));
  EXPECT_EQ(text_of(store_.get("dir/once")), "first");
  ASSERT_THAT(store_.remove("dir/once"), Succeeds());
  EXPECT_THAT(store_.put("dir/once", "third", PutCondition::absent()), Succeeds());
}

TEST_P(StoreContract, CompareAndSwapDemandsTheLatestEtag) {
  const auto first = store_.put("swapped", "1");
  ASSERT_THAT(first, Succeeds());
  const auto second = store_.put("swapped", "2", PutCondition::etag(*first));
  ASSERT_THAT(second, Succeeds());
  EXPECT_THAT(store_.put("swapped", "3", PutCondition::etag(*first)),
              FailsWith(StoreErrc::kPreconditionFailed));
  EXPECT_EQ(text_of(store_.get("swapped")), "2");
  const auto fourth = store_.put("swapped", "4", PutCondition::etag(store_.get("swapped")->etag));
  EXPECT_THAT(fourth, Succeeds());
  EXPECT_EQ(text_of(store_.get("swapped")), "4");
}

TEST_P(StoreContract, CompareAndSwapDoesNotCreate) {
  const auto etag = store_.put("gone", "1");
  ASSERT_THAT(etag, Succeeds());
  ASSERT_THAT(store_.remove("gone"), Succeeds());
  EXPECT_THAT(store_.put("gone", "2", PutCondition::etag(*etag)),
              FailsWith(StoreErrc::kPreconditionFailed));
  EXPECT_THAT(store_.get("gone"), FailsWith(StoreErrc::kNotFound));
}

TEST_P(StoreContract, RemoveIsIdempotent) {
  ASSERT_THAT(store_.put("dir/removed", "x"), Succeeds());
  EXPECT_THAT(store_.remove("dir/removed"), Succeeds());
  EXPECT_THAT(store_.get("dir/removed"), FailsWith(StoreErrc::kNotFound));
  EXPECT_THAT(store_.remove("dir/removed"), Succeeds());
  EXPECT_THAT(store_.remove("never/was"), Succeeds());
  EXPECT_EQ(keys_of(store_.list("")), std::vector<std::string>{});
}

TEST_P(StoreContract, ListsInTheOrderOfBytes) {
  // '-' and '.' sort before '/', digits after it: a directory is not where its name alone sorts.
  const std::vector<std::string> sorted = {"a-b", "a.b",  "a/b", "a/b-c",    "a/b.c",   "a/b0",
                                           "a0",  "aB/c", "b",   "log/0a/1", "log/0b/1"};
  for (auto key = sorted.rbegin(); key != sorted.rend(); ++key) {
    ASSERT_THAT(store_.put(*key, *key), Succeeds());
  }
  const auto page = store_.list("");
  EXPECT_EQ(keys_of(page), sorted);
  ASSERT_THAT(page, Succeeds());
  EXPECT_FALSE(page->more);
  for (const auto& object : page->objects) EXPECT_EQ(object.size, object.key.size());
}

TEST_P(StoreContract, ListsByAPrefixThatMayEndAnywhere) {
  for (const char* key : {"log/0a/1", "log/0a/2", "log/0b/1", "logs", "manifest"}) {
    ASSERT_THAT(store_.put(key, "x"), Succeeds());
  }
  using Keys = std::vector<std::string>;
  EXPECT_EQ(keys_of(store_.list("log/0a/")), (Keys{"log/0a/1", "log/0a/2"}));
  EXPECT_EQ(keys_of(store_.list("log/0")), (Keys{"log/0a/1", "log/0a/2", "log/0b/1"}));
  EXPECT_EQ(keys_of(store_.list("log")), (Keys{"log/0a/1", "log/0a/2", "log/0b/1", "logs"}));
  EXPECT_EQ(keys_of(store_.list("log/0a/2")), Keys{"log/0a/2"});
  EXPECT_EQ(keys_of(store_.list("nothing/")), Keys{});
  EXPECT_EQ(keys_of(store_.list("m")), Keys{"manifest"});
}

TEST_P(StoreContract, ListsPageByPage) {
  std::vector<std::string> all;
  for (char dir = 'a'; dir < 'd'; ++dir) {
    for (char name = '0'; name < '7'; ++name) {
      all.push_back(std::string("pages/") + dir + '/' + name);
      ASSERT_THAT(store_.put(all.back(), "x"), Succeeds());
    }
  }
  std::vector<std::string> listed;
  std::string after;
  for (bool more = true; more;) {
    const auto page = store_.list("pages/", after, 5);
    ASSERT_THAT(page, Succeeds());
    ASSERT_FALSE(page->objects.empty());
    EXPECT_LE(page->objects.size(), 5U);
    for (const auto& key : keys_of(page)) listed.push_back(key);
    after = listed.back();
    more = page->more;
    ASSERT_LE(listed.size(), all.size());
  }
  EXPECT_EQ(listed, all);
}

TEST_P(StoreContract, AListStartsAfterAKeyThatNeedNotExist) {
  using Keys = std::vector<std::string>;
  for (const char* key : {"s/a", "s/b/1", "s/c"}) ASSERT_THAT(store_.put(key, "x"), Succeeds());
  EXPECT_EQ(keys_of(store_.list("s/", "s/a")), (Keys{"s/b/1", "s/c"}));
  EXPECT_EQ(keys_of(store_.list("s/", "s/aa")), (Keys{"s/b/1", "s/c"}));
  EXPECT_EQ(keys_of(store_.list("s/", "s/b/1")), Keys{"s/c"});
  EXPECT_EQ(keys_of(store_.list("s/", "a")), (Keys{"s/a", "s/b/1", "s/c"}));
  EXPECT_EQ(keys_of(store_.list("s/", "s/c")), Keys{});
  EXPECT_EQ(keys_of(store_.list("s/", "t")), Keys{});
}

TEST_P(StoreContract, RefusesBadKeys) {
  const std::string long_key(513, 'k');
  for (const std::string& key :
       {std::string(), std::string("/a"), std::string("a/"), std::string("a//b"),
        std::string("a/../b"), std::string("./a"), std::string("a b"), std::string("a~"),
        std::string("a\0b", 3), std::string("\xc3\xa4"), long_key}) {
    EXPECT_THAT(store_.put(key, "x"), FailsWith(StoreErrc::kBadRequest)) << key;
    EXPECT_THAT(store_.get(key), FailsWith(StoreErrc::kBadRequest)) << key;
    EXPECT_THAT(store_.remove(key), FailsWith(StoreErrc::kBadRequest)) << key;
  }
}

TEST_P(StoreContract, TheLongestKeyWorks) {
  std::string key;
  while (key.size() < 510) key += "0123456789/";
  key.resize(511, 'x');
  key += 'y';
  ASSERT_THAT(store_.put(key, "long"), Succeeds());
  EXPECT_EQ(text_of(store_.get(key)), "long");
  EXPECT_EQ(keys_of(store_.list(key.substr(0, 100))), std::vector<std::string>{key});
}

TEST_P(StoreContract, RefusesBadRequests) {
  PutCondition both = PutCondition::absent();
  both.if_etag = "e";
  EXPECT_THAT(store_.put("both", "x", both), FailsWith(StoreErrc::kBadRequest));
  EXPECT_THAT(store_.list("", "", 0), FailsWith(StoreErrc::kBadRequest));
  EXPECT_THAT(store_.list("", "", 1001), FailsWith(StoreErrc::kBadRequest));
  EXPECT_THAT(store_.list("a b"), FailsWith(StoreErrc::kBadRequest));
}

/// Puts `count` different bodies under one key at once; the bodies of those that succeeded.
inline Task<std::vector<std::string>> race(ObjectStore& store, std::string key,
                                           PutCondition condition, int count) {
  std::vector<Task<Result<std::string>>> racers;
  for (int i = 0; i < count; ++i) {
    racers.push_back(store.put(key, SharedBytes::from("racer " + std::to_string(i)), condition));
  }
  std::vector<std::string> winners;
  for (int i = 0; i < count; ++i) {
    const auto outcome = co_await std::move(racers[static_cast<std::size_t>(i)]);
    if (outcome) {
      winners.push_back("racer " + std::to_string(i));
    } else {
      // A store may answer the loser of a race with 409 or 500: that says nothing.
      EXPECT_TRUE(is(outcome.error(), StoreErrc::kPreconditionFailed) ||
                  is(outcome.error(), StoreErrc::kConflict) ||
                  is(outcome.error(), StoreErrc::kUnavailable))
          << outcome.error().message();
    }
  }
  co_return winners;
}

TEST_P(StoreContract, OfTwentyCreateOnlyPutsExactlyOneWins) {
  for (int round = 0; round < 5; ++round) {
    const std::string key = "races/" + std::to_string(round);
    const auto winners =
        store_.wait([&] { return race(store_.store(), key, PutCondition::absent(), 20); });
    ASSERT_EQ(winners.size(), 1U);
    EXPECT_EQ(text_of(store_.get(key)), winners.front());
  }
}

TEST_P(StoreContract, OfTwentySwapsFromOneEtagAtMostOneWins) {
  for (int round = 0; round < 5; ++round) {
    const auto etag = store_.put("raced", "round " + std::to_string(round));
    ASSERT_THAT(etag, Succeeds());
    const auto winners =
        store_.wait([&] { return race(store_.store(), "raced", PutCondition::etag(*etag), 20); });
    ASSERT_LE(winners.size(), 1U);
    if (winners.empty()) continue;
    EXPECT_EQ(text_of(store_.get("raced")), winners.front());
  }
}

}  // namespace cairn::object_store::testing
