#include "vmrunner/machine/virtqueue.h"

#include <gtest/gtest.h>

#include <cstring>

namespace cairn::vm {
namespace {

constexpr std::uint64_t kDescriptors = 0x1000, kAvailable = 0x2000, kUsed = 0x3000;
constexpr std::uint64_t kTable = 0x4000, kData = 0x8000, kMemoryBytes = 1U << 20;
constexpr std::uint32_t kSize = 8;
constexpr std::uint16_t kNext = 1, kWritable = 2, kIndirect = 4;

struct Descriptor {
  std::uint64_t address = 0;
  std::uint32_t size = 0;
  std::uint16_t flags = 0, next = 0;
};

/// The guest's driver, as far as it writes into memory.
class VirtqueueTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = GuestMemory::make(kMemoryBytes);
    ASSERT_TRUE(made);
    memory = std::move(*made);
    auto opened = Virtqueue::open(
        memory,
        {.size = kSize, .descriptors = kDescriptors, .available = kAvailable, .used = kUsed}, 0);
    ASSERT_TRUE(opened);
    queue.emplace(*opened);
  }
  template <class T>
  void put(std::uint64_t address, const T& value) {
    std::memcpy(memory.find(address, sizeof value), &value, sizeof value);
  }
  template <class T>
  T get(std::uint64_t address) {
    T value;
    std::memcpy(&value, memory.find(address, sizeof value), sizeof value);
    return value;
  }
  void text(std::uint64_t address, std::string_view bytes) {
    ASSERT_TRUE(memory.write(address, bytes));
  }
  void describe(std::uint64_t table, std::uint16_t index, const Descriptor& one) {
    put(table + index * sizeof one, one);
  }
  void publish(std::uint16_t head) {
    put(kAvailable + 4 + 2 * (published % kSize), head);
    put(kAvailable + 2, ++published);
  }

  GuestMemory memory;
  std::optional<Virtqueue> queue;
  std::uint16_t published = 0;
};

TEST_F(VirtqueueTest, ARequestIsReadFromItsPiecesAndAnsweredInOthers) {
  text(kData, "hello, ");
  text(kData + 100, "world");
  describe(kDescriptors, 3, {kData, 7, kNext, 1});
  describe(kDescriptors, 1, {kData + 100, 5, kNext, 5});
  describe(kDescriptors, 5, {kData + 200, 4, kNext | kWritable, 0});
  describe(kDescriptors, 0, {kData + 300, 10, kWritable, 0});
  EXPECT_FALSE(*queue->take());
  publish(3);
  const auto chain = queue->take();
  ASSERT_TRUE(chain && *chain);
  EXPECT_EQ((*chain)->head, 3);
  EXPECT_EQ((*chain)->read(100), "hello, world");
  EXPECT_EQ((*chain)->read(9), "hello, wo");
  EXPECT_EQ((*chain)->room(), 14U);
  EXPECT_EQ((*chain)->write("answered"), 8U);
  EXPECT_EQ(std::string(reinterpret_cast<char*>(memory.find(kData + 200, 4)), 4), "answ");
  EXPECT_EQ(std::string(reinterpret_cast<char*>(memory.find(kData + 300, 4)), 4), "ered");
  EXPECT_EQ((*chain)->write("much more than there is room for"), 14U);
  EXPECT_FALSE(*queue->take());
  EXPECT_EQ(queue->next(), 1);

  EXPECT_TRUE(queue->give_back(3, 8));
  EXPECT_EQ(get<std::uint16_t>(kUsed + 2), 1);
  EXPECT_EQ(get<std::uint32_t>(kUsed + 4), 3U);
  EXPECT_EQ(get<std::uint32_t>(kUsed + 8), 8U);
  put(kAvailable, std::uint16_t(1));  // do not interrupt
  EXPECT_FALSE(queue->give_back(3, 8));
  EXPECT_EQ(get<std::uint16_t>(kUsed + 2), 2);
}

TEST_F(VirtqueueTest, AChainMayLieInATableOfItsOwn) {
  text(kData, "ab");
  describe(kTable, 0, {kData, 2, kNext, 1});
  describe(kTable, 1, {kData + 8, 3, kWritable, 0});
  describe(kDescriptors, 2, {kTable, 2 * sizeof(Descriptor), kIndirect, 0});
  publish(2);
  const auto chain = queue->take();
  ASSERT_TRUE(chain && *chain);
  EXPECT_EQ((*chain)->read(100), "ab");
  EXPECT_EQ((*chain)->room(), 3U);
}

TEST_F(VirtqueueTest, TheRingsGoRoundForEver) {
  describe(kDescriptors, 0, {kData, 1, 0, 0});
  for (unsigned i = 0; i < 70'000; ++i) {
    publish(0);
    const auto chain = queue->take();
    ASSERT_TRUE(chain && *chain);
    queue->give_back(0, i);
  }
  EXPECT_EQ(get<std::uint16_t>(kUsed + 2), std::uint16_t(70'000));
}

TEST_F(VirtqueueTest, NothingTheGuestWritesIsBelieved) {
  const Descriptor wrong[] = {
      {kMemoryBytes - 1, 2, 0, 0},                     // beyond its memory
      {~0ULL, 1, 0, 0},                                // ... and around its end
      {kData, 1, kNext, kSize},                        // goes on outside of the table
      {kData, 1, kNext, 0},                            // goes on in itself
      {kTable, sizeof(Descriptor) - 1, kIndirect, 0},  // a table without a descriptor
      {kTable, 1U << 19, kIndirect, 0},                // a table without end
      {kTable, sizeof(Descriptor), kIndirect, 0},      // whose only one is a table again
  };
  describe(kTable, 0, {kTable, sizeof(Descriptor), kIndirect, 0});
  for (const Descriptor& one : wrong) {
    describe(kDescriptors, 0, one);
    publish(0);
    EXPECT_FALSE(queue->take()) << one.address << " " << one.size << " " << one.flags;
  }
  publish(kSize);  // a head outside of the table
  EXPECT_FALSE(queue->take());
  put(kAvailable + 2, std::uint16_t(published + kSize + 1));  // more requests than there can be
  EXPECT_FALSE(queue->take());
}

TEST_F(VirtqueueTest, ATableInATableThatIsTheQueuesOwnIsRefusedToo) {
  describe(kDescriptors, 0, {kDescriptors, kSize * sizeof(Descriptor), kIndirect, 0});
  publish(0);
  EXPECT_FALSE(queue->take());
}

TEST_F(VirtqueueTest, NoMoreIsTakenThanTheGuestHasDescriptorsFor) {
  describe(kDescriptors, 0, {kData, 1, 0, 0});
  for (unsigned i = 0; i < kSize; ++i) {
    publish(0);
    ASSERT_TRUE(queue->take());
  }
  publish(0);
  EXPECT_FALSE(queue->take());
  queue->give_back(0, 0);
  EXPECT_TRUE(queue->take());
}

TEST_F(VirtqueueTest, AQueueOutsideOfTheMemoryIsRefused) {
  const Virtqueue::Layout good{
      .size = kSize, .descriptors = kDescriptors, .available = kAvailable, .used = kUsed};
  const auto opens = [this, good](auto change) {
    Virtqueue::Layout layout = good;
    change(layout);
    return static_cast<bool>(Virtqueue::open(memory, layout, 0));
  };
  EXPECT_TRUE(opens([](auto&) {}));
  EXPECT_FALSE(opens([](auto& l) { l.size = 0; }));
  EXPECT_FALSE(opens([](auto& l) { l.size = 7; }));
  EXPECT_FALSE(opens([](auto& l) { l.size = 256; }));
  EXPECT_FALSE(opens([](auto& l) { l.size = 1U << 31; }));
  EXPECT_FALSE(opens([](auto& l) { l.descriptors = kMemoryBytes - 16; }));
  EXPECT_FALSE(opens([](auto& l) { l.available = ~0ULL - 3; }));
  EXPECT_FALSE(opens([](auto& l) { l.used = kUsed + 2; }));
}

}  // namespace
}  // namespace cairn::vm
