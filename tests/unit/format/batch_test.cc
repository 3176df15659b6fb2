#include "fsd/format/batch.h"

#include <rapidcheck/gtest.h>

#include "fsd/format/keys.h"
#include "tests/unit/format/format_test_support.h"

namespace cairn::format {
namespace {

using Entries = std::map<std::string, std::optional<std::string>>;

std::string encoded(const Entries& entries) {
  BatchWriter writer;
  for (const auto& [key, value] : entries) writer.add({key, value});
  return writer.take();
}
Entries decoded(const Batch& batch) {
  Entries entries;
  for (const BatchEntry& entry : batch.entries()) {
    entries.emplace(entry.key,
                    entry.value ? std::optional<std::string>(*entry.value) : std::nullopt);
  }
  return entries;
}
Entries sample() {
  return {{inode_key(Ino(5)), "an inode"},
          {inode_key(Ino(6)), std::nullopt},
          {extent_key(Ino(5), 0), "extent"},
          {extent_key(Ino(5), 65536), ""},
          {std::string(kKeyBytesMax, 'k'), std::string(1000, 'v')}};
}

TEST(Batch, GivesBackPutsDeletionsAndEmptyValues) {
  const auto batch = Batch::decode(encoded(sample()));
  ASSERT_TRUE(batch);
  EXPECT_EQ(decoded(*batch), sample());
}

TEST(Batch, StaysValidWhenMoved) {
  auto batch = Batch::decode(encoded({{"k", "v"}}));
  const Batch moved = std::move(*batch);
  EXPECT_EQ(moved.entries()[0].key, "k");
  EXPECT_EQ(*moved.entries()[0].value, "v");
}

TEST(Batch, DoesNotRepeatThePrefixOfNeighbours) {
  BatchWriter writer;
  for (std::uint64_t i = 0; i < 100; ++i) {
    writer.add({extent_key(Ino(1), i << 16), std::string_view("x")});
  }
  EXPECT_LT(writer.take().size(), 100U * 10);
}

TEST(Batch, MayBeEmpty) {
  const auto batch = Batch::decode("");
  ASSERT_TRUE(batch);
  EXPECT_TRUE(batch->entries().empty());
}

TEST(Batch, RefusesWhatNoWriterWrites) {
  const std::string cases[] = {
      std::string("\x00\x00\x00", 3),  // an empty key
      std::string("\x01\x01"
                  "a\x00",
                  4),  // shares a prefix with nothing
      std::string("\x00\x01"
                  "b\x00\x00\x01"
                  "a\x00",
                  8),  // descends
      std::string("\x00\x01"
                  "a\x00\x00\x01"
                  "a\x00",
                  8),  // repeats
      std::string("\x00\x02"
                  "ab\x00\x01\x00\x00",
                  9),  // becomes shorter
      std::string("\x00\x01"
                  "a\x05"
                  "abc",
                  7),  // a value past the end
      std::string("\x00\xFF\x7F"
                  "a\x00",
                  5),  // a key past the end
      std::string("\x00\x01"
                  "a\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01",
                  13),  // a huge value
  };
  for (const std::string& bytes : cases) {
    EXPECT_FAILS_WITH(FormatErrc::kDamaged, Batch::decode(bytes));
  }
  std::string long_key = std::string("\x00\x80\x04", 3) + std::string(512, 'k') + '\0';
  EXPECT_FAILS_WITH(FormatErrc::kDamaged, Batch::decode(long_key));
}

TEST(Batch, DoesNotCrashOnDamage) {
  const std::string bytes = encoded(sample());
  const auto accepts = [](std::string_view text) {
    return Batch::decode(std::string(text)).has_value();
  };
  refused_bit_flips(bytes, accepts);
  for (std::size_t length = 0; length < bytes.size(); ++length) accepts(bytes.substr(0, length));
}

TEST(Batch, IsBoundedInWhatItUnfoldsTo) {
  // Each entry of four bytes repeats 500 bytes of the one before it.
  std::string bytes = std::string("\x00\xF4\x03", 3) + std::string(500, 'k') + '\0';
  std::string entry("\xF4\x03\x01", 3);
  for (int i = 0; i < 600'000; ++i) {
    // Keys must ascend: two bytes of a counter behind the prefix would; one entry cannot repeat.
    const char high = static_cast<char>(i >> 16);
    const char middle = static_cast<char>(i >> 8);
    const char low = static_cast<char>(i);
    bytes += std::string("\xF4\x03\x03", 3) + high + middle + low + '\0';
  }
  EXPECT_FAILS_WITH(FormatErrc::kDamaged, Batch::decode(std::move(bytes)));
}

TEST(Batch, WritesTheBytesOfVersionOne) { expect_golden("batch_v1", encoded(sample())); }

RC_GTEST_PROP(BatchProperty, AnyEntriesComeBack, ()) {
  const auto raw = *rc::gen::arbitrary<std::map<std::string, std::string>>();
  Entries entries;
  for (const auto& [key, value] : raw) {
    if (key.empty() || key.size() > kKeyBytesMax) continue;
    entries[key] = value.size() % 3 == 0 ? std::nullopt : std::optional(value);
  }
  const auto batch = Batch::decode(encoded(entries));
  RC_ASSERT(batch.has_value());
  RC_ASSERT(decoded(*batch) == entries);
}

RC_GTEST_PROP(BatchProperty, WhateverDecodesAscends, (const std::string& bytes)) {
  const auto batch = Batch::decode(bytes);
  if (!batch) return;
  const auto entries = batch->entries();
  for (std::size_t i = 1; i < entries.size(); ++i) {
    RC_ASSERT(entries[i - 1].key < entries[i].key);
  }
}

}  // namespace
}  // namespace cairn::format
