#include "fsd/vfs/directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <string>

#include "fsd/format/keys.h"
#include "tests/support/memory_volume.h"

namespace cairn::vfs {
namespace {

constexpr Ino kDir{5};

TEST(SipHash, AgreesWithThePublishedVectors) {
  // SipHash-2-4 of the bytes 0, 1, 2, ... with the key 00 01 ... 0f.
  const SipKey key{0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
  const std::array<std::uint64_t, 9> first = {
      0x726fdb47dd0e0e31ULL, 0x74f839c593dc67fdULL, 0x0d6c8009d9a94f5aULL,
      0x85676696d7fb7e2dULL, 0xcf2794e0277187b7ULL, 0x18765564cd99a68dULL,
      0xcbc9466e58fee3ceULL, 0xab0200f58b01d137ULL, 0x93f5f5799a932462ULL};
  std::string bytes;
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(sip_hash(key, bytes), first[i]) << i << " bytes";
    bytes.push_back(static_cast<char>(i));
  }
  while (bytes.size() < 15) bytes.push_back(static_cast<char>(bytes.size()));
  EXPECT_EQ(sip_hash(key, bytes), 0xa129ca6149be45e5ULL);  // the paper's own example
}

TEST(Directory, NamesOfOneHashHaveSlotsOfTheirOwn) {
  testing::MemoryVolume volume;
  Directory directory(volume, SipKey{1, 2}, 0);  // every hash is 0
  for (std::uint64_t i = 0; i < Directory::kSlots; ++i) {
    const std::string name = "n" + std::to_string(i);
    auto slot = directory.find(kDir, name);
    ASSERT_TRUE(slot.has_value());
    EXPECT_FALSE(slot->taken);
    EXPECT_GT(slot->cookie, Directory::kDotDotCookie);
    directory.put(kDir, slot->cookie, name, Ino(100 + i), S_IFREG);
  }
  EXPECT_EQ(to_errno(directory.find(kDir, "one more").error()), ENOSPC);
  for (std::uint64_t i = 0; i < Directory::kSlots; ++i) {
    auto slot = directory.find(kDir, "n" + std::to_string(i));
    ASSERT_TRUE(slot.has_value() && slot->taken);
    EXPECT_EQ(slot->ino, Ino(100 + i));
  }
}

TEST(Directory, ARemovedEntryLeavesTheOthersWhereTheyAre) {
  testing::MemoryVolume volume;
  Directory directory(volume, SipKey{1, 2}, 0);
  std::array<std::uint64_t, 3> cookies{};
  for (std::size_t i = 0; i < 3; ++i) {
    cookies[i] = directory.find(kDir, std::string(1, static_cast<char>('a' + i)))->cookie;
    directory.put(kDir, cookies[i], std::string(1, static_cast<char>('a' + i)), Ino(10), S_IFREG);
  }
  directory.erase(kDir, cookies[0]);
  EXPECT_FALSE(directory.find(kDir, "a")->taken);
  EXPECT_EQ(directory.find(kDir, "b")->cookie, cookies[1]);
  EXPECT_EQ(directory.find(kDir, "c")->cookie, cookies[2]);
  EXPECT_EQ(directory.find(kDir, "d")->cookie, cookies[0]);  // and the slot is used again
  directory.erase(kDir, cookies[1]);
  EXPECT_EQ(directory.find(kDir, "c")->cookie, cookies[2]);
}

TEST(Directory, ADamagedEntryIsAnErrorOfWhatMeetsItOnly) {
  testing::MemoryVolume volume;
  Directory directory(volume, SipKey{1, 2});
  const std::uint64_t cookie = directory.find(kDir, "a")->cookie;
  volume.put(format::dirent_key(kDir, cookie), "\x01");
  EXPECT_EQ(to_errno(directory.find(kDir, "a").error()), EIO);
  EXPECT_TRUE(directory.find(kDir, "b").has_value());
  std::vector<Directory::Entry> entries;
  EXPECT_FALSE(directory.list(kDir, 2, 10, entries).has_value());
}

}  // namespace
}  // namespace cairn::vfs
