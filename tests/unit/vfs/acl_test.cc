#include "fsd/vfs/acl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace cairn::vfs {
namespace {

using Entries = std::vector<Acl::Entry>;

Acl::Entry e(Acl::Tag tag, std::uint16_t permissions, std::uint32_t id = Acl::kNoId) {
  return {tag, permissions, id};
}

TEST(Acl, IsEncodedAsLinuxDoes) {
  const Acl acl(Entries{e(Acl::kUserObj, 7), e(Acl::kUser, 5, 0x01020304), e(Acl::kGroupObj, 4),
                        e(Acl::kMask, 5), e(Acl::kOther, 0)});
  const std::string golden(
      "\x02\0\0\0"
      "\x01\0\x07\0\xff\xff\xff\xff"
      "\x02\0\x05\0\x04\x03\x02\x01"
      "\x04\0\x04\0\xff\xff\xff\xff"
      "\x10\0\x05\0\xff\xff\xff\xff"
      "\x20\0\0\0\xff\xff\xff\xff",
      44);
  EXPECT_EQ(acl.encode(), golden);
  EXPECT_EQ(*Acl::decode(golden), acl);
  for (std::size_t length = 0; length < golden.size(); ++length) {
    if (length == 4) continue;  // no entries: that means removing
    EXPECT_FALSE(Acl::decode(golden.substr(0, length)).has_value()) << length;
  }
}

TEST(Acl, WhatIsNotOneIsRefused) {
  struct {
    const char* why;
    Entries entries;
    bool valid;
  } const cases[] = {
      {"minimal", {e(Acl::kUserObj, 7), e(Acl::kGroupObj, 5), e(Acl::kOther, 0)}, true},
      {"mask alone",
       {e(Acl::kUserObj, 7), e(Acl::kGroupObj, 5), e(Acl::kMask, 5), e(Acl::kOther, 0)},
       true},
      {"no owner", {e(Acl::kGroupObj, 5), e(Acl::kOther, 0)}, false},
      {"no group", {e(Acl::kUserObj, 7), e(Acl::kOther, 0)}, false},
      {"no others", {e(Acl::kUserObj, 7), e(Acl::kGroupObj, 5)}, false},
      {"named user without a mask",
       {e(Acl::kUserObj, 7), e(Acl::kUser, 7, 1), e(Acl::kGroupObj, 5), e(Acl::kOther, 0)},
       false},
      {"named group without a mask",
       {e(Acl::kUserObj, 7), e(Acl::kGroupObj, 5), e(Acl::kGroup, 7, 1), e(Acl::kOther, 0)},
       false},
      {"user after group",
       {e(Acl::kUserObj, 7), e(Acl::kGroupObj, 5), e(Acl::kUser, 7, 1), e(Acl::kMask, 7),
        e(Acl::kOther, 0)},
       false},
      {"two owners",
       {e(Acl::kUserObj, 7), e(Acl::kUserObj, 7), e(Acl::kGroupObj, 5), e(Acl::kOther, 0)},
       false},
      {"something after others",
       {e(Acl::kUserObj, 7), e(Acl::kGroupObj, 5), e(Acl::kOther, 0), e(Acl::kOther, 0)},
       false},
      {"more than rwx", {e(Acl::kUserObj, 8), e(Acl::kGroupObj, 5), e(Acl::kOther, 0)}, false},
      {"a user without a number",
       {e(Acl::kUserObj, 7), e(Acl::kUser, 7), e(Acl::kGroupObj, 5), e(Acl::kMask, 7),
        e(Acl::kOther, 0)},
       false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Acl::decode(Acl(c.entries).encode()).has_value(), c.valid) << c.why;
  }
  EXPECT_EQ(to_errno(Acl::decode(std::string("\x03\0\0\0", 4)).error()), EOPNOTSUPP);
  Entries many{e(Acl::kUserObj, 7)};
  for (std::uint32_t i = 0; i < Acl::kEntriesMax; ++i) many.push_back(e(Acl::kUser, 7, i));
  EXPECT_EQ(to_errno(Acl::decode(Acl(many).encode()).error()), ENOSPC);
}

TEST(Acl, GrantsByTheFirstEntryThatIsAboutTheSubject) {
  const Acl acl(Entries{e(Acl::kUserObj, 7), e(Acl::kUser, 7, 10), e(Acl::kUser, 0, 11),
                        e(Acl::kGroupObj, 4), e(Acl::kGroup, 6, 20), e(Acl::kGroup, 1, 21),
                        e(Acl::kMask, 6), e(Acl::kOther, 5)});
  struct {
    const char* who;
    std::uint32_t uid;
    std::vector<std::uint32_t> groups;
    std::uint32_t wanted;
    bool granted;
  } const cases[] = {
      {"the owner is not masked", 1, {}, 7, true},
      {"a named user", 10, {}, 6, true},
      {"a named user, masked", 10, {}, 1, false},
      {"a named user who is denied", 11, {20}, 4, false},
      {"the owning group", 12, {2}, 4, true},
      {"the owning group, no more", 12, {2}, 2, false},
      {"a named group", 12, {20}, 6, true},
      {"any of several groups", 12, {2, 20}, 2, true},
      {"rights of two groups do not add up", 12, {20, 21}, 7, false},
      {"a group's member is none of the others", 12, {21}, 5, false},
      {"others", 12, {}, 5, true},
      {"others, no more", 12, {}, 2, false},
  };
  for (const auto& c : cases) {
    const Acl::Subject subject{c.uid, [&c](std::uint32_t gid) {
                                 return std::count(c.groups.begin(), c.groups.end(), gid) > 0;
                               }};
    EXPECT_EQ(acl.allows(subject, 1, 2, c.wanted), c.granted) << c.who;
  }
}

TEST(Acl, ChmodChangesTheMaskIfThereIsOne) {
  Acl masked(Entries{e(Acl::kUserObj, 7), e(Acl::kUser, 7, 10), e(Acl::kGroupObj, 4),
                     e(Acl::kMask, 6), e(Acl::kOther, 5)});
  EXPECT_EQ(masked.mode_bits(), 0765U);
  masked.set_mode(0421);
  EXPECT_EQ(masked, Acl(Entries{e(Acl::kUserObj, 4), e(Acl::kUser, 7, 10), e(Acl::kGroupObj, 4),
                                e(Acl::kMask, 2), e(Acl::kOther, 1)}));
  Acl minimal(Entries{e(Acl::kUserObj, 7), e(Acl::kGroupObj, 4), e(Acl::kOther, 5)});
  minimal.set_mode(0421);
  EXPECT_EQ(minimal.mode_bits(), 0421U);
}

TEST(Acl, AtCreationBothSidesKeepWhatBothAllow) {
  Acl acl(Entries{e(Acl::kUserObj, 6), e(Acl::kUser, 7, 10), e(Acl::kGroupObj, 7), e(Acl::kMask, 5),
                  e(Acl::kOther, 4)});
  std::uint32_t mode = 0100777;
  acl.mask_for_creation(mode);
  EXPECT_EQ(mode, 0100654U);
  mode = 0100620;
  acl.mask_for_creation(mode);
  EXPECT_EQ(mode, 0100600U);
  EXPECT_EQ(acl, Acl(Entries{e(Acl::kUserObj, 6), e(Acl::kUser, 7, 10), e(Acl::kGroupObj, 7),
                             e(Acl::kMask, 0), e(Acl::kOther, 0)}));
}

}  // namespace
}  // namespace cairn::vfs
