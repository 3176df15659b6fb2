#include "fsd/base/block_pool.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

namespace cairn {
namespace {

constexpr std::size_t kBlock = 64U << 10;

/// Pages of the block that have memory.
std::size_t resident_pages(const BlockPool::Block& block) {
  std::vector<unsigned char> pages(kBlock / 4096);
  EXPECT_EQ(::mincore(block.get(), kBlock, pages.data()), 0);
  std::size_t resident = 0;
  for (const unsigned char page : pages) resident += page & 1U;
  return resident;
}

TEST(BlockPool, BlocksAreApartAndHoldWhatIsWritten) {
  BlockPool pool(kBlock, kBlock);
  std::vector<BlockPool::Block> blocks;
  for (int i = 0; i < 200; ++i) {
    blocks.push_back(pool.take());
    std::memset(blocks.back().get(), i, kBlock);
  }
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(blocks[i][0], i);
    EXPECT_EQ(blocks[i][kBlock - 1], i);
  }
  EXPECT_EQ(pool.counters().used, 200U);
}

TEST(BlockPool, WhatComesBackIsTakenNextWhoeverTakesIt) {
  BlockPool pool(kBlock, 4 * kBlock);
  std::set<std::uint8_t*> first;
  std::thread([&] {
    std::vector<BlockPool::Block> blocks;
    for (int i = 0; i < 4; ++i) {
      blocks.push_back(pool.take());
      first.insert(blocks.back().get());
    }
  }).join();
  EXPECT_EQ(pool.counters().idle, 4U);
  std::vector<BlockPool::Block> blocks;
  for (int i = 0; i < 4; ++i) {
    blocks.push_back(pool.take());
    EXPECT_TRUE(first.contains(blocks.back().get()));
  }
  EXPECT_EQ(pool.counters().idle, 0U);
}

TEST(BlockPool, IdleMemoryPastTheBoundGoesBackToTheKernel) {
  BlockPool pool(kBlock, 2 * kBlock);
  std::vector<BlockPool::Block> blocks;
  for (int i = 0; i < 10; ++i) {
    blocks.push_back(pool.take());
    std::memset(blocks.back().get(), 1, kBlock);
    EXPECT_EQ(resident_pages(blocks.back()), kBlock / 4096);
  }
  blocks.clear();
  EXPECT_EQ(pool.counters().used, 0U);
  EXPECT_EQ(pool.counters().idle, 2U);
  std::size_t resident = 0;
  for (int i = 0; i < 10; ++i) {
    blocks.push_back(pool.take());
    resident += resident_pages(blocks.back());
  }
  EXPECT_EQ(resident, 2 * kBlock / 4096);
}

TEST(BlockPool, BlocksMayBeShorterThanAPage) {
  BlockPool pool(512, 0);
  EXPECT_EQ(pool.block_bytes(), 512U);
  std::vector<BlockPool::Block> blocks;
  for (int i = 0; i < 100; ++i) {
    blocks.push_back(pool.take());
    std::memset(blocks.back().get(), i, 512);
  }
  for (int i = 1; i < 100; i += 2) blocks[i].reset();  // goes back to the kernel
  for (int i = 0; i < 100; i += 2) EXPECT_EQ(blocks[i][511], i);
}

TEST(BlockPool, ABlockOutlivesThePool) {
  BlockPool::Block block;
  {
    BlockPool pool(kBlock, 0);
    block = pool.take();
  }
  std::memset(block.get(), 7, kBlock);
  EXPECT_EQ(block[kBlock - 1], 7);
}

TEST(BlockPool, ManyThreadsTakeAndGiveBack) {
  BlockPool pool(kBlock, 8 * kBlock);
  const auto work = [&pool](std::uint8_t mark) {
    std::vector<BlockPool::Block> held;
    for (int i = 0; i < 2000; ++i) {
      held.push_back(pool.take());
      held.back()[i] = mark;
      if (held.size() > 10) held.erase(held.begin(), held.begin() + 7);
      ASSERT_EQ(held.back()[i], mark);
    }
  };
  std::vector<std::thread> threads;
  for (std::uint8_t mark = 1; mark <= 4; ++mark) threads.emplace_back(work, mark);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pool.counters().used, 0U);
  EXPECT_LE(pool.counters().idle, 8U);
}

}  // namespace
}  // namespace cairn
