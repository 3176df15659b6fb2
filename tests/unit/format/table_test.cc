#include "fsd/format/table.h"

#include <cerrno>

#include "fsd/format/keys.h"
#include "tests/unit/format/format_test_support.h"

namespace cairn::format {
namespace {

TableContext test_context(TableKind kind = TableKind::kDelta) {
  return {.identity = {.volume = {1}, .incarnation = {2}},
          .epoch = Epoch(3),
          .nonce = WriterNonce{{4}},
          .number = 5,
          .id = SegmentId{{6}},
          .kind = kind};
}
using Entries = std::map<std::string, std::optional<std::string>>;

Entries some_entries(std::uint64_t count) {
  Entries entries;
  for (std::uint64_t i = 0; i < count; ++i) {
    entries[inode_key(Ino(i * 3))] =
        i % 7 == 6 ? std::nullopt : std::optional(text_bytes(20 + i % 50, i));
  }
  return entries;
}
FinishedTable written(const Entries& entries, const Sealer& sealer,
                      const Compression& compression = {}) {
  TableWriter writer(sealer, test_context(), compression);
  for (const auto& [key, value] : entries) writer.add(key, value);
  EXPECT_EQ(writer.entries(), entries.size());
  return std::move(writer).finish();
}
Result<Entries> read(std::string_view object, const Sealer& sealer) {
  Entries entries;
  TRY_OK(read_table(as_bytes(object), sealer,
                    [&](std::string_view key, std::optional<std::string_view> value) {
                      entries.emplace(key, value);
                      return Result<void>();
                    }));
  return entries;
}

TEST(Table, GivesBackEntriesOfManyBlocks) {
  const Entries entries = some_entries(20'000);
  for (const Sealer& sealer : {plain_sealer(), secret_sealer()}) {
    for (const Compression& compression : {Compression::none(), Compression{}}) {
      const FinishedTable table = written(entries, sealer, compression);
      EXPECT_EQ(table.entries, entries.size());
      EXPECT_EQ(table.first_key, entries.begin()->first);
      EXPECT_EQ(table.last_key, entries.rbegin()->first);
      if (compression.codec == Codec::kRaw) {
        EXPECT_GT(table.object.size(), 3 * kTableBlockBytes);
      }
      const auto back = read(table.object, sealer);
      ASSERT_TRUE(back) << back.error().message();
      EXPECT_EQ(*back, entries);
    }
  }
}

TEST(Table, SaysWhoseItIs) {
  const FinishedTable table = written(some_entries(3), plain_sealer());
  const auto summary =
      read_table(as_bytes(table.object), plain_sealer(),
                 [](std::string_view, std::optional<std::string_view>) { return Result<void>(); });
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->context, test_context());
  EXPECT_EQ(summary->entries, 3U);
  EXPECT_EQ(summary->first_key, table.first_key);
  EXPECT_EQ(summary->last_key, table.last_key);
}

TEST(Table, MayBeEmptyOrHoldLargeValues) {
  EXPECT_EQ(*read(written({}, plain_sealer()).object, plain_sealer()), Entries());
  const Entries large = {{"a", random_bytes(300'000, 1)}, {"b", std::string(1'000'000, 'x')}};
  EXPECT_EQ(*read(written(large, secret_sealer()).object, secret_sealer()), large);
}

TEST(Table, RefusesEveryFlippedBitAndTruncation) {
  for (const Sealer& sealer : {plain_sealer(), secret_sealer()}) {
    const std::string object = written(some_entries(10), sealer).object;
    const auto accepts = [&](std::string_view bytes) { return read(bytes, sealer).has_value(); };
    ASSERT_TRUE(accepts(object));
    expect_every_bit_flip_refused(object, accepts);
    expect_every_truncation_refused(object, accepts);
    EXPECT_FALSE(accepts(object + "x"));
  }
}

TEST(Table, StopsWithTheVisitorsError) {
  const FinishedTable table = written(some_entries(10), plain_sealer());
  int seen = 0;
  const auto result =
      read_table(as_bytes(table.object), plain_sealer(),
                 [&seen](std::string_view, std::optional<std::string_view>) -> Result<void> {
                   if (++seen == 3) return errno_error(ENOSPC);
                   return {};
                 });
  ASSERT_FALSE(result);
  EXPECT_EQ(to_errno(result.error()), ENOSPC);
  EXPECT_EQ(seen, 3);
}

TEST(Table, RefusesAnotherKeyAndAnotherWayOfSealing) {
  const FinishedTable table = written(some_entries(10), secret_sealer());
  VolumeKey other = test_volume_key();
  other.bytes[0] ^= 1;
  EXPECT_FAILS_WITH(FormatErrc::kDamaged, read(table.object, Sealer::encrypted(other)));
  EXPECT_FAILS_WITH(FormatErrc::kDamaged, read(table.object, plain_sealer()));
}

TEST(Table, SaysWhenItIsOfANewerVersion) {
  std::string object = written(some_entries(1), plain_sealer()).object;
  object[8] = 2;
  EXPECT_FAILS_WITH(FormatErrc::kNewer, read(object, plain_sealer()));
}

TEST(Table, GrowsByWhatIsAdded) {
  TableWriter writer(plain_sealer(), test_context(TableKind::kBase), Compression::none());
  const std::uint64_t before = writer.bytes_so_far();
  writer.add("key", std::string(1000, 'v'));
  EXPECT_GE(writer.bytes_so_far(), before + 1000);
}

TEST(Table, WritesAndReadsTheBytesOfVersionOne) {
  const Entries entries = some_entries(30);
  for (const auto& [name, sealer] : {std::pair("table_v1_checksummed", plain_sealer()),
                                     std::pair("table_v1_encrypted", secret_sealer())}) {
    expect_golden(name, written(entries, sealer, Compression::none()).object);
    EXPECT_EQ(*read(golden(name), sealer), entries);
  }
  EXPECT_EQ(
      *read(keep_golden("table_v1_zstd", written(entries, plain_sealer()).object), plain_sealer()),
      entries);
}

}  // namespace
}  // namespace cairn::format
