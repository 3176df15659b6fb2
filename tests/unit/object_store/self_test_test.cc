#include "fsd/object_store/self_test.h"

#include <gtest/gtest.h>

#include "fsd/object_store/counting_store.h"
#include "fsd/object_store/memory_store.h"
#include "fsd/object_store/retrying_store.h"
#include "tests/support/faulty_store.h"
#include "tests/support/sim_runtime.h"
#include "tests/unit/object_store/store_matchers.h"

namespace cairn::object_store::testing {
namespace {

using cairn::testing::FaultyStore;
using cairn::testing::SimRuntime;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A provider with faults of its own.
struct Faults {
  bool wants_bare_etags = false;   // If-Match with quotes fails, as in Ceph
  bool ignores_absent = false;     // overwrites
  bool ignores_etag = false;       // overwrites
  bool refuses_etag = false;       // no If-Match at all
  bool creates_with_etag = false;  // If-Match on a missing object succeeds, as in MinIO
  bool denies_missing = false;     // no ListBucket permission
  bool denies_put = false;
  bool denies_remove = false;
  bool ignores_range = false;
  bool remove_is_late = false;
  bool lists_badly = false;
};

class OddStore final : public ObjectStore {
 public:
  explicit OddStore(Faults faults) : faults_(faults) {}

  Task<Result<Object>> get(std::string key, ByteRange range) override {
    if (faults_.ignores_range) range = {};
    Result<Object> got = co_await memory.get(std::move(key), range);
    if (!got && faults_.denies_missing) co_return Error(StoreErrc::kAccessDenied, "");
    co_return got;
  }
  Task<Result<std::string>> put(std::string key, SharedBytes body,
                                PutCondition condition) override {
    if (faults_.denies_put) co_return Error(StoreErrc::kAccessDenied, "");
    if (faults_.ignores_absent) condition.only_if_absent = false;
    if (condition.if_etag) {
      const bool exists = memory.objects().contains(key);
      if (faults_.refuses_etag) co_return Error(StoreErrc::kBadRequest, "");
      if (faults_.wants_bare_etags && !bare) co_return Error(StoreErrc::kPreconditionFailed, "");
      if (faults_.ignores_etag && exists) condition.if_etag.reset();
      if (faults_.creates_with_etag && !exists) condition.if_etag.reset();
    }
    co_return co_await memory.put(std::move(key), std::move(body), std::move(condition));
  }
  Task<Result<void>> remove(std::string key) override {
    if (faults_.denies_remove) co_return Error(StoreErrc::kAccessDenied, "");
    if (faults_.remove_is_late && removes_++ == 0) co_return Result<void>();
    co_return co_await memory.remove(std::move(key));
  }
  Task<Result<ListPage>> list(std::string prefix, std::string after, std::uint32_t limit) override {
    if (faults_.lists_badly) after.clear();
    co_return co_await memory.list(std::move(prefix), std::move(after), limit);
  }
  [[nodiscard]] std::string description() const override { return "odd:"; }

  MemoryStore memory;
  bool bare = false;

 private:
  Faults faults_;
  int removes_ = 0;
};

SelfTestReport report_on(Faults faults, OddStore** used = nullptr) {
  static std::unique_ptr<OddStore> store;
  SimRuntime sim(1);
  store = std::make_unique<OddStore>(faults);
  if (used != nullptr) *used = store.get();
  auto report = sim.wait([&] {
    return self_test(*store, sim.runtime().random, [](bool bare) { store->bare = bare; });
  });
  EXPECT_THAT(report, Succeeds());
  EXPECT_EQ(store->memory.objects().empty(), !faults.denies_remove);
  return report ? *report : SelfTestReport();
}

TEST(SelfTest, AGoodStoreHasNoProblemsAndIsLeftEmpty) {
  const SelfTestReport report = report_on({});
  EXPECT_TRUE(report.usable());
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_THAT(report.remarks, IsEmpty());
  EXPECT_FALSE(report.bare_etags);
}

TEST(SelfTest, LearnsThatEtagsGoWithoutQuotes) {
  OddStore* store = nullptr;
  const SelfTestReport report = report_on({.wants_bare_etags = true}, &store);
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_TRUE(report.bare_etags);
  EXPECT_TRUE(store->bare);
}

TEST(SelfTest, OneSentenceForEachThingThatIsMissing) {
  struct Case {
    Faults faults;
    const char* says;
  };
  const std::vector<Case> cases = {
      {{.ignores_absent = true}, "ignores If-None-Match"},
      {{.ignores_etag = true}, "ignores If-Match"},
      {{.refuses_etag = true}, "refuses a put with If-Match and the right etag"},
      {{.denies_missing = true}, "ListBucket permission is required"},
      {{.denies_put = true}, "grant s3:PutObject"},
      {{.denies_remove = true}, "grant s3:DeleteObject"},
      {{.ignores_range = true}, "ranged gets"},
      {{.remove_is_late = true}, "still there right after it was deleted"},
      {{.lists_badly = true}, "not in order"},
  };
  for (const auto& [faults, says] : cases) {
    const SelfTestReport report = report_on(faults);
    EXPECT_THAT(report.problems, ElementsAre(HasSubstr(says)));
    EXPECT_FALSE(report.usable()) << says;
  }
}

TEST(SelfTest, AStoreThatCreatesUnderIfMatchIsUsableWithARemark) {
  const SelfTestReport report = report_on({.creates_with_etag = true});
  EXPECT_TRUE(report.usable());
  EXPECT_THAT(report.remarks,
              ElementsAre(HasSubstr("If-Match succeed on an object that does not")));
}

TEST(SelfTest, AStoreThatDoesNotAnswerIsAFailureAndNoFinding) {
  SimRuntime sim(1);
  MemoryStore memory;
  FaultyStore faulty(memory, sim.runtime(), 1, {.again_one_in = 0});
  faulty.set_outage(true);
  CountingStore counting(faulty);
  EXPECT_THAT(sim.wait([&] { return self_test(counting, sim.runtime().random, {}); }),
              FailsWith(StoreErrc::kUnavailable));
  EXPECT_LE(counting.counts().requests(), 4U);
}

TEST(SelfTest, AFlakyNetworkUnderRetriesIsNotBlamedOnTheStore) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimRuntime sim(seed);
    MemoryStore memory;
    FaultyStore faulty(memory, sim.runtime(), seed,
                       {.drop_one_in = 10, .lose_answer_one_in = 10, .again_one_in = 0});
    RetryingStore store(faulty, sim.runtime(), {.report = [](const std::string&) {}});
    const auto report = sim.wait([&] { return self_test(store, sim.runtime().random, {}); });
    ASSERT_THAT(report, Succeeds());
    EXPECT_THAT(report->problems, IsEmpty()) << seed;
  }
}

TEST(SelfTest, MakesFewRequests) {
  SimRuntime sim(1);
  MemoryStore memory;
  CountingStore counting(memory);
  EXPECT_THAT(sim.wait([&] { return self_test(counting, sim.runtime().random, {}); }), Succeeds());
  EXPECT_LE(counting.counts().requests(), 30U);
}

}  // namespace
}  // namespace cairn::object_store::testing
