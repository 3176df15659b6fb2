#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "fsd/format/core_counters.h"
#include "fsd/format/inode_record.h"
#include "fsd/format/position.h"
#include "fsd/format/segment_record.h"
#include "fsd/format/session_record.h"
#include "fsd/format/term_list.h"
#include "tests/unit/format/format_test_support.h"

namespace cairn::format {
namespace {

InodeRecord test_inode() {
  return {.mode = 0100644,
          .uid = 1000,
          .gid = UINT32_MAX,
          .nlink = 2,
          .size = INT64_MAX,
          .blocks = 4096,
          .atime = -1,
          .mtime = 1'700'000'000'123'456'789,
          .ctime = 3,
          .btime = INT64_MIN,
          .rdev = 0x801,
          .flags = kInodeHasAcl,
          .change = 7,
          .parent = Ino(9)};
}
DirentRecord test_dirent() { return {.ino = Ino(300), .type = 8, .name = "a name"}; }
ExtentRecord test_extent() {
  return {.length = 1 << 20, .segment = Seq(12345), .data_offset = 65536, .shared = true};
}
Position test_position() {
  return {.next_seq = Seq(UINT64_MAX), .epoch = Epoch(3), .last = SegmentId{{1, 2, 3}}};
}
SegmentRecord test_segment() {
  return {.written = 100, .live = 250, .death = Seq(8), .object_bytes = UINT64_MAX};
}
CoreCounters test_counters() {
  return {.lease_end = 1 << 18, .inodes = 7, .bytes = UINT64_MAX, .name_key0 = 3, .name_key1 = 4};
}
SessionRecord test_session() {
  return {.id = {1, 2},
          .applied = 70,
          .last_seen = 1'700'000'000'000'000'000,
          .keep_seconds = 3600,
          .replies = {{.sequence = 68, .bytes = "reply"}, {.sequence = 70, .bytes = ""}},
          .state = std::string("fids\0and locks", 14)};
}
std::vector<Term> test_terms() {
  return {{.epoch = Epoch(1), .log_end = Seq(0)}, {.epoch = Epoch(300), .log_end = Seq(1 << 20)}};
}
Result<SessionRecord> decode_test_session(std::string_view bytes) {
  return decode_session_record(Uuid{1, 2}, bytes);
}

template <class Record, class Decode>
void check_record(const char* name, const Record& record, const Decode& decode) {
  SCOPED_TRACE(name);
  const std::string bytes = encode(record);
  const auto decoded = decode(bytes);
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_EQ(*decoded, record);
  const auto accepts = [&decode](std::string_view text) { return decode(text).has_value(); };
  expect_every_truncation_refused(bytes, accepts);
  refused_bit_flips(bytes, accepts);
  std::string other = bytes;
  other[0] = 2;
  EXPECT_FAILS_WITH(FormatErrc::kNewer, decode(other));
  other[0] = 0;
  EXPECT_FAILS_WITH(FormatErrc::kDamaged, decode(other));
  expect_golden(std::string(name) + "_v1", bytes);
}

TEST(Records, ComeBackAndAreRefusedWhenCutShortOrNewer) {
  check_record("inode", test_inode(), decode_inode);
  check_record("extent", test_extent(), decode_extent);
  check_record("position", test_position(), decode_position);
  check_record("segment_record", test_segment(), decode_segment_record);
  check_record("core_counters", test_counters(), decode_core_counters);
  check_record("session", test_session(), decode_test_session);
  check_record("term_list", test_terms(), decode_term_list);
}

TEST(Records, RefuseBytesBehindTheirEnd) {
  EXPECT_FALSE(decode_inode(encode(test_inode()) + "x"));
  EXPECT_FALSE(decode_extent(encode(test_extent()) + "x"));
  EXPECT_FALSE(decode_position(encode(test_position()) + "x"));
  EXPECT_FALSE(decode_segment_record(encode(test_segment()) + "x"));
  EXPECT_FALSE(decode_core_counters(encode(test_counters()) + "x"));
  EXPECT_FALSE(decode_test_session(encode(test_session()) + "x"));
  EXPECT_FALSE(decode_term_list(encode(test_terms()) + "x"));
}

TEST(CoreCounters, RefuseALeaseThatTakesTheRootsNumberAgain) {
  CoreCounters counters = test_counters();
  counters.lease_end = 1;
  EXPECT_FAILS_WITH(FormatErrc::kDamaged, decode_core_counters(encode(counters)));
}

TEST(Dirent, ComesBackWithAnyNameThatAFileMayHave) {
  for (const std::string& name : {std::string("a"), std::string(255, 'n'), std::string("\xFF\n")}) {
    DirentRecord record = test_dirent();
    record.name = name;
    EXPECT_EQ(*decode_dirent(encode(record)), record);
  }
  expect_golden("dirent_v1", encode(test_dirent()));
}

TEST(Dirent, RefusesNamesThatNoFileMayHave) {
  for (const std::string& name :
       {std::string(), std::string(256, 'n'), std::string("a/b"), std::string("a\0b", 3)}) {
    DirentRecord record = test_dirent();
    record.name = name;
    EXPECT_FAILS_WITH(FormatErrc::kDamaged, decode_dirent(encode(record)));
  }
  std::string newer = encode(test_dirent());
  newer[0] = 2;
  EXPECT_FAILS_WITH(FormatErrc::kNewer, decode_dirent(newer));
}

TEST(Extent, RefusesImpossibleRanges) {
  ExtentRecord record = test_extent();
  record.length = 0;
  EXPECT_FAILS_WITH(FormatErrc::kDamaged, decode_extent(encode(record)));
  record = test_extent();
  record.length = INT64_MAX;
  EXPECT_FAILS_WITH(FormatErrc::kDamaged, decode_extent(encode(record)));
  record = test_extent();
  record.data_offset = UINT64_MAX;
  EXPECT_FAILS_WITH(FormatErrc::kDamaged, decode_extent(encode(record)));
}

TEST(Session, RefusesRepliesOutOfOrderOrFromTheFuture) {
  // version, applied 5, last_seen, keep 0, two replies: steps of 3 and 3 lead past 5.
  const std::string start = std::string("\x01\x05", 2) + std::string(8, '\0') + '\0';
  EXPECT_TRUE(decode_test_session(start + std::string("\x02\x03\x00\x02\x00\x00", 6)));
  EXPECT_FALSE(decode_test_session(start + std::string("\x02\x03\x00\x03\x00\x00", 6)));
  EXPECT_FALSE(decode_test_session(start + std::string("\x02\x03\x00\x00\x00\x00", 6)));
}

TEST(Session, RefusesCountsAndLengthsThatItDoesNotHold) {
  const std::string start = std::string("\x01\x05", 2) + std::string(8, '\0') + '\0';
  EXPECT_FALSE(decode_test_session(start + "\xFF\x07"));
  EXPECT_FALSE(decode_test_session(start + "\xFF\xFF\xFF\xFF\x0F"));
  EXPECT_FALSE(decode_test_session(start + std::string("\x00\xFF\xFF\x03", 4)));
}

TEST(Session, HasAKeyOfItsKindAndId) {
  EXPECT_EQ(session_key(Uuid{7}), std::string("n\x07") + std::string(15, '\0'));
}

RC_GTEST_PROP(RecordProperty, AnyInodeComesBack, ()) {
  InodeRecord record;
  record.mode = *rc::gen::arbitrary<std::uint32_t>();
  record.uid = *rc::gen::arbitrary<std::uint32_t>();
  record.nlink = *rc::gen::arbitrary<std::uint32_t>();
  record.size = *rc::gen::arbitrary<std::uint64_t>();
  record.blocks = *rc::gen::arbitrary<std::uint64_t>();
  record.mtime = *rc::gen::arbitrary<std::int64_t>();
  record.change = *rc::gen::arbitrary<std::uint64_t>();
  record.parent = Ino(*rc::gen::arbitrary<std::uint64_t>());
  RC_ASSERT(*decode_inode(encode(record)) == record);
}

RC_GTEST_PROP(RecordProperty, WhateverDecodesComesBackAgain, (const std::string& bytes)) {
  const std::string text = "\x01" + bytes;
  if (const auto r = decode_inode(text)) RC_ASSERT(*decode_inode(encode(*r)) == *r);
  if (const auto r = decode_dirent(text)) RC_ASSERT(*decode_dirent(encode(*r)) == *r);
  if (const auto r = decode_extent(text)) RC_ASSERT(*decode_extent(encode(*r)) == *r);
  if (const auto r = decode_segment_record(text)) {
    RC_ASSERT(*decode_segment_record(encode(*r)) == *r);
  }
  if (const auto r = decode_test_session(text)) RC_ASSERT(*decode_test_session(encode(*r)) == *r);
}

}  // namespace
}  // namespace cairn::format
