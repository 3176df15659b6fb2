#include "tests/unit/object_store/contract.h"

#include "fsd/object_store/counting_store.h"
#include "fsd/object_store/file_store.h"
#include "fsd/object_store/limited_store.h"
#include "fsd/object_store/memory_store.h"
#include "fsd/object_store/retrying_store.h"
#include "tests/support/temporary_directory.h"

namespace cairn::object_store::testing {
namespace {

class MemoryUnderTest final : public SimStoreUnderTest {
 public:
  ObjectStore& store() override { return memory_; }

 private:
  MemoryStore memory_;
};

/// The decorators as a daemon stacks them: they must not change what a store means.
class DecoratedUnderTest final : public SimStoreUnderTest {
 public:
  ObjectStore& store() override { return retrying_; }

 private:
  MemoryStore memory_;
  CountingStore counting_{memory_};
  LimitedStore limited_{counting_,
                        sim().runtime(),
                        {.concurrent_max = 3,
                         .up_bytes_per_s = 20'000'000,
                         .down_bytes_per_s = 20'000'000,
                         .latency = std::chrono::milliseconds(20)}};
  RetryingStore retrying_{limited_, sim().runtime(), {}};
};

template <bool kFancy>
class FileUnderTest final : public RealStoreUnderTest {
 public:
  FileUnderTest() {
    auto opened = FileStore::open(core(), real().runtime().pool,
                                  std::filesystem::path(directory_.path()) / "store",
                                  {.anonymous_files = kFancy, .attributes = kFancy});
    CHECK(opened.has_value());
    file_ = std::move(*opened);
  }
  ~FileUnderTest() override { real().stop(); }
  ObjectStore& store() override { return *file_; }

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<FileStore> file_;
};

template <class T>
std::unique_ptr<StoreUnderTest> make() {
  return std::make_unique<T>();
}

INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, ::testing::Values(&make<MemoryUnderTest>));
INSTANTIATE_TEST_SUITE_P(Decorated, StoreContract, ::testing::Values(&make<DecoratedUnderTest>));
INSTANTIATE_TEST_SUITE_P(File, StoreContract, ::testing::Values(&make<FileUnderTest<true>>));
INSTANTIATE_TEST_SUITE_P(FileOnAPlainFilesystem, StoreContract,
                         ::testing::Values(&make<FileUnderTest<false>>));

}  // namespace
}  // namespace cairn::object_store::testing
