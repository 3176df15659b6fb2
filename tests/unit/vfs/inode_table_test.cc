#include "fsd/vfs/inode_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fsd/format/keys.h"
#include "fsd/vfs/counters.h"
#include "tests/support/memory_volume.h"

namespace cairn::vfs {
namespace {

class InodeTableTest : public ::testing::Test {
 protected:
  void make(std::uint64_t number) {
    InodeRecord record;
    record.nlink = 1;
    const InodeRef inode = table.add(Ino(number), record);
    table.store(*inode);
  }
  void sync() { ASSERT_TRUE(volume.sync(volume.open_segment()).take().has_value()); }
  TimeNs stored_atime(std::uint64_t number) {
    return format::decode_inode(**volume.find(format::inode_key(Ino(number))))->atime;
  }

  testing::MemoryVolume volume;
  InodeTable table{volume, 10};
};

TEST_F(InodeTableTest, KeepsNoMoreLoadedThanItMay) {
  for (std::uint64_t i = 1; i <= 100; ++i) make(i);
  EXPECT_EQ(table.loaded(), 10U);
  for (std::uint64_t i = 1; i <= 100; ++i) ASSERT_TRUE(table.get(Ino(i)).has_value());
  EXPECT_EQ(to_errno(table.get(Ino(101)).error()), ESTALE);
}

TEST_F(InodeTableTest, WhatIsPinnedStaysWhereItIs) {
  make(1);
  auto pinned = table.get(Ino(1));
  Inode* const before = pinned->get();
  for (std::uint64_t i = 2; i <= 100; ++i) make(i);
  EXPECT_EQ(table.get(Ino(1))->get(), before);
}

TEST_F(InodeTableTest, AnErasedInodeIsGoneAtOnceAndFreedWithItsLastPin) {
  make(1);
  {
    auto pinned = table.get(Ino(1));
    table.erase(**pinned);
    EXPECT_EQ(to_errno(table.get(Ino(1)).error()), ESTALE);
    EXPECT_EQ(table.loaded(), 1U);
  }
  EXPECT_EQ(table.loaded(), 0U);
  EXPECT_TRUE(volume.keys().empty());
}

TEST_F(InodeTableTest, RemembersWhatAnInodeChangedInEvenWhenItIsEvicted) {
  make(1);
  EXPECT_EQ(table.changed_in(Ino(1)), Seq(1));
  sync();
  make(2);
  EXPECT_EQ(table.changed_in(Ino(1)), Seq(1));
  EXPECT_EQ(table.changed_in(Ino(2)), Seq(2));
  for (std::uint64_t i = 10; i < 30; ++i) make(i);
  EXPECT_GE(table.changed_in(Ino(2)), Seq(2));
  auto again = table.get(Ino(2));
  EXPECT_GE((*again)->changed_in, Seq(2));
}

TEST_F(InodeTableTest, ALoadedInodeThatNobodyChangedIsClean) {
  make(1);
  sync();
  InodeTable fresh(volume, 10);
  ASSERT_TRUE(fresh.get(Ino(1)).has_value());
  EXPECT_EQ(fresh.changed_in(Ino(1)), Seq());
  EXPECT_EQ(fresh.changed_in(Ino(2)), Seq());
}

TEST_F(InodeTableTest, PendingAtimesAreBoundedAndTheOldestIsDropped) {
  InodeTable large(volume, 10);
  const std::uint64_t count = InodeTable::kPendingAtimesMax + 5;
  for (std::uint64_t i = 1; i <= count; ++i) {
    const InodeRef inode = large.add(Ino(i), InodeRecord{});
    large.store(*inode);
    large.touch_atime(*inode, 77);
    large.touch_atime(*inode, 78);
  }
  EXPECT_EQ(large.pending_atimes(), InodeTable::kPendingAtimesMax);
  large.put_pending_atimes(3);
  EXPECT_EQ(stored_atime(5), 0);
  EXPECT_EQ(stored_atime(6), 78);
  EXPECT_EQ(stored_atime(9), 0);
  large.put_pending_atimes(count);
  EXPECT_EQ(large.pending_atimes(), 0U);
  EXPECT_EQ(stored_atime(count), 78);
  ASSERT_TRUE(large.get(Ino(1)).has_value());
}

TEST_F(InodeTableTest, TheLastUseOfAnOrphanIsReported) {
  std::vector<std::uint64_t> unused;
  table.on_unused([&](Ino ino) { unused.push_back(ino.value()); });
  table.open(Ino(1));
  table.remember(Ino(1), 2);
  table.set_orphan(Ino(1), true);
  table.open(Ino(2));
  table.close(Ino(2));  // has a name: nothing to do
  table.close(Ino(1));
  table.forget(Ino(1), 1);
  EXPECT_TRUE(unused.empty());
  table.forget(Ino(1), 5);  // more than was remembered
  EXPECT_EQ(unused, std::vector<std::uint64_t>{1});
  table.forget(Ino(1), 1);
  EXPECT_EQ(unused.size(), 1U);
}

TEST(Counters, GoOnWhereTheLastLeaseEnded) {
  testing::MemoryVolume volume;
  Counters first(volume);
  EXPECT_EQ(first.load(), false);
  first.create(SipKey{1, 2});
  first.add_inode();
  first.change_bytes(0, 500);
  EXPECT_EQ(first.next_ino(), Ino(2));
  first.store();
  Counters second(volume);
  EXPECT_EQ(second.load(), true);
  EXPECT_EQ(second.inodes(), 1U);
  EXPECT_EQ(second.bytes(), 500U);
  EXPECT_EQ(second.name_key().k1, 2U);
  second.renew_lease();
  EXPECT_EQ(second.next_ino(), Ino(2 + kInodeLease));
}

TEST(Counters, GiveNoNumberOutWhoseLeaseIsNotDurable) {
  testing::MemoryVolume volume;
  Counters counters(volume, 80);
  counters.create(SipKey{1, 2});
  counters.store();
  EXPECT_EQ(counters.awaited_segment(), volume.open_segment()) << "the first one, too";
  ASSERT_TRUE(volume.sync(volume.open_segment()).take().has_value());
  Ino last;
  while (!counters.awaited_segment()) {
    last = counters.next_ino();
    counters.store();
  }
  Counters next(volume, 80);
  volume.crash();
  EXPECT_EQ(next.load(), true);
  EXPECT_TRUE(next.is_of_the_past(last));
  EXPECT_GT(last, Ino(2 + 40)) << "the lease had been renewed";
}

TEST(Counters, RefuseDamageAndNewerFormats) {
  for (const char* bytes : {"", "\x01", "\x02 newer", "\x01\x05\x01\x01 far too much of it"}) {
    testing::MemoryVolume volume;
    volume.put(format::counter_key("vfs"), bytes);
    EXPECT_FALSE(Counters(volume).load().has_value()) << bytes;
  }
}

}  // namespace
}  // namespace cairn::vfs
