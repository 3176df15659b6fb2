#include "tests/unit/object_store/contract.h"

#include "fsd/object_store/memory_store.h"

namespace cairn::object_store::testing {
namespace {

class MemoryUnderTest final : public SimStoreUnderTest {
 public:
  ObjectStore& store() override { return memory_; }

 private:
  MemoryStore memory_;
};

std::unique_ptr<StoreUnderTest> make_memory() { return std::make_unique<MemoryUnderTest>(); }

INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, ::testing::Values(&make_memory));

}  // namespace
}  // namespace cairn::object_store::testing
