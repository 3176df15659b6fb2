#include <fmt/format.h>

#include <set>

#include "tests/unit/vfs/vfs_fixture.h"

namespace cairn::vfs {
namespace {

class VfsDirectory : public VfsTest {
 protected:
  struct Seen {
    std::vector<std::string> names;
    std::uint64_t cookie = 0;
  };
  /// Goes on after `cookie` for up to `count` entries.
  Seen read_some(HandleId handle, std::uint64_t cookie, std::size_t count) {
    Seen seen{{}, cookie};
    EXPECT_THAT(fs->read_directory(handle, cookie,
                                   [&](const DirectoryEntry& e) {
                                     if (seen.names.size() == count) return false;
                                     seen.names.emplace_back(e.name);
                                     seen.cookie = e.cookie;
                                     return true;
                                   }),
                Succeeds());
    return seen;
  }
};

TEST_F(VfsDirectory, ListsItselfItsParentAndEachEntryWithItsType) {
  const Ino dir = mkdir(kRoot, "d");
  make_file(dir, "f");
  auto handle = run(fs->open_directory({}, dir));
  std::map<std::string, std::pair<Ino, int>> seen;
  std::vector<std::uint64_t> cookies;
  ASSERT_THAT(fs->read_directory(*handle, 0,
                                 [&](const DirectoryEntry& e) {
                                   seen[std::string(e.name)] = {e.ino, e.type};
                                   cookies.push_back(e.cookie);
                                   return true;
                                 }),
              Succeeds());
  EXPECT_EQ(seen["."], std::pair(dir, S_IFDIR >> 12));
  EXPECT_EQ(seen[".."], std::pair(kRoot, S_IFDIR >> 12));
  EXPECT_EQ(seen["f"], std::pair(find(dir, "f"), S_IFREG >> 12));
  EXPECT_EQ(cookies[0], 1U);
  EXPECT_EQ(cookies[1], 2U);
  EXPECT_LE(cookies[2], static_cast<std::uint64_t>(INT64_MAX));
  EXPECT_THAT(run(fs->release_directory(*handle)), Succeeds());
}

TEST_F(VfsDirectory, WhatStaysIsSeenExactlyOnceWhateverElseChanges) {
  testing::SeededRandom random(7);
  std::set<std::string> stays;
  for (int i = 0; i < 500; ++i) {
    stays.insert("stay" + std::to_string(i));
    make_file(kRoot, "stay" + std::to_string(i));
    make_file(kRoot, "go" + std::to_string(i));
  }
  auto handle = run(fs->open_directory({}, kRoot));
  std::multiset<std::string> seen;
  std::uint64_t cookie = 0;
  for (int round = 0;; ++round) {
    const Seen some = read_some(*handle, cookie, 1 + random.below(20));
    if (some.names.empty()) break;
    for (const auto& name : some.names) {
      if (name.starts_with("stay")) seen.insert(name);
    }
    cookie = some.cookie;
    (void)run(fs->unlink({}, kRoot, "go" + std::to_string(random.below(500))));
    make_file(kRoot, "new" + std::to_string(round));
  }
  EXPECT_EQ(seen.size(), stays.size());
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()), stays);
  EXPECT_THAT(run(fs->release_directory(*handle)), Succeeds());
}

TEST_F(VfsDirectory, HoldsAHundredThousandEntries) {
  const Ino dir = mkdir(kRoot, "d");
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_THAT(run(fs->make_node({}, dir, std::to_string(i), {.mode = 0644})), Succeeds());
  }
  EXPECT_EQ(stat(dir).size, 100'000U);
  EXPECT_EQ(list(dir).size(), 100'000U);
  EXPECT_NE(find(dir, "77777"), Ino());
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_THAT(run(fs->unlink({}, dir, std::to_string(i))), Succeeds());
  }
  EXPECT_THAT(run(fs->remove_directory({}, kRoot, "d")), Succeeds());
  EXPECT_EQ(volume.keys().size(), kKeysOfAnEmptyVolume);
}

TEST_F(VfsDirectory, AttributesCanBeLookedAtDuringAVisit) {
  for (int i = 0; i < 300; ++i) make_file(kRoot, std::to_string(i), "x");
  auto handle = run(fs->open_directory({}, kRoot));
  int files = 0;
  ASSERT_THAT(fs->read_directory(*handle, 2,
                                 [&](const DirectoryEntry& e) {
                                   auto attributes = fs->peek_attributes(e.ino);
                                   EXPECT_THAT(attributes, Succeeds());
                                   files += attributes->inode.size == 1 ? 1 : 0;
                                   return true;
                                 }),
              Succeeds());
  EXPECT_EQ(files, 300);
  EXPECT_THAT(run(fs->release_directory(*handle)), Succeeds());
}

TEST_F(VfsDirectory, TheListenerHearsOfEveryChangeAndWhoMadeIt) {
  struct Ear final : ChangeListener {
    void on_entry_changed(Ino parent, std::string_view name, std::uint64_t origin) override {
      heard.push_back(fmt::format("entry {} {} by {}", parent.value(), name, origin));
    }
    void on_attributes_changed(Ino ino, std::uint64_t origin) override {
      heard.push_back(fmt::format("attributes {} by {}", ino.value(), origin));
    }
    void on_data_changed(Ino ino, std::uint64_t offset, std::uint64_t length,
                         std::uint64_t origin) override {
      heard.push_back(fmt::format("data {} {}+{} by {}", ino.value(), offset, length, origin));
    }
    std::vector<std::string> heard;
  } ear;
  fs->set_listener(&ear);
  Caller who;
  who.client = 9;
  const Ino file = make_file(kRoot, "f", "abc", 0644, who);
  EXPECT_THAT(ear.heard, ::testing::IsSupersetOf(std::vector<std::string>{
                             "entry 1 f by 9", "attributes 1 by 9",
                             fmt::format("data {} 0+3 by 9", file.value())}));
  ear.heard.clear();
  ASSERT_THAT(run(fs->rename(who, kRoot, "f", kRoot, "g", 0)), Succeeds());
  EXPECT_THAT(ear.heard, ::testing::IsSupersetOf(std::vector<std::string>{
                             "entry 1 f by 9", "entry 1 g by 9",
                             fmt::format("attributes {} by 9", file.value())}));
  fs->set_listener(nullptr);
}

}  // namespace
}  // namespace cairn::vfs
