#include <gtest/gtest.h>

#include "fsd/config/settings_schema.h"

namespace cairn::config {
namespace {

TEST(CompressionSetting, IsReadAndPrintedAlike) {
  for (const char* text : {"none", "lz4", "zstd-1", "zstd-3", "zstd-19"}) {
    const auto parsed = schema::parse_compression(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(schema::print_compression(*parsed), text);
  }
  EXPECT_EQ(*schema::parse_compression("zstd"), *schema::parse_compression("zstd-3"));
}

TEST(CompressionSetting, RefusesEverythingElse) {
  for (const char* text : {"", "zstd-0", "zstd-20", "zstd-", "zstd-3x", "zstd--3",
                           "zstd-99999999999", "ZSTD-3", "lz4-1", "gzip"}) {
    EXPECT_FALSE(schema::parse_compression(text)) << text;
  }
}

}  // namespace
}  // namespace cairn::config
