#include "fsd/format/names.h"

#include <rapidcheck/gtest.h>

namespace cairn::format {
namespace {

TEST(Names, AreSpelledAsTheFormatSays) {
  EXPECT_EQ(log_name(Seq(0xABCD)), "log/cd/000000000000abcd");
  EXPECT_EQ(data_name(Epoch(2), Seq(0x105)), "data/05/0000000000000002-0000000000000105");
  EXPECT_EQ(table_name(Epoch(2), 3, TableKind::kBase),
            "meta/0000000000000002-0000000000000003-base");
  EXPECT_EQ(table_name(Epoch(2), 3, TableKind::kDelta),
            "meta/0000000000000002-0000000000000003-delta");
}

TEST(Names, OfTheFixedObjectsAreKnown) {
  EXPECT_EQ(parse_object_name("manifest")->kind, ObjectName::Kind::kManifest);
  EXPECT_EQ(parse_object_name("volume")->kind, ObjectName::Kind::kVolume);
}

TEST(Names, OfOthersAreNotOurs) {
  const char* const names[] = {
      "",
      "log",
      "log/",
      "log/cd",
      "log/cd/",
      "manifest2",
      "Manifest",
      "volume/",
      "x/manifest",
      "log/cd/000000000000abc",    // a digit short
      "log/cd/000000000000abcd0",  // a digit too many
      "log/cd/000000000000ABCD",   // upper case
      "log/ce/000000000000abcd",   // the wrong part
      "log/CD/000000000000abcd",
      "log_cd/000000000000abcd",
      "log/cdx000000000000abcd",
      "data/05/0000000000000002_0000000000000105",
      "data/06/0000000000000002-0000000000000105",
      "data/05/0000000000000002-0000000000000105x",
      "meta/0000000000000002-0000000000000003-",
      "meta/0000000000000002-0000000000000003-bases",
      "meta/0000000000000002-0000000000000003",
      "meta/000000000000000g-0000000000000003-base",
  };
  for (const char* name : names) EXPECT_FALSE(parse_object_name(name)) << name;
}

RC_GTEST_PROP(NameProperty, ParseBackToWhatMadeThem, (std::uint64_t a, std::uint64_t b)) {
  const auto log = parse_object_name(log_name(Seq(a)));
  RC_ASSERT(log && log->kind == ObjectName::Kind::kLog && log->seq == Seq(a));
  const auto data = parse_object_name(data_name(Epoch(a), Seq(b)));
  RC_ASSERT(data && data->kind == ObjectName::Kind::kData);
  RC_ASSERT(data->epoch == Epoch(a) && data->seq == Seq(b));
  for (const TableKind kind : {TableKind::kBase, TableKind::kDelta}) {
    const auto table = parse_object_name(table_name(Epoch(a), b, kind));
    RC_ASSERT(table && table->kind == ObjectName::Kind::kTable && table->table == kind);
    RC_ASSERT(table->epoch == Epoch(a) && table->number == b);
  }
}

}  // namespace
}  // namespace cairn::format
