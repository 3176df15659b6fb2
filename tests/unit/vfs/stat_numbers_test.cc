#include "fsd/vfs/stat_numbers.h"

#include <gtest/gtest.h>

#include <limits>

namespace cairn::vfs {
namespace {

TEST(StatNumbers, TimesComeBackTheSame) {
  struct Case {
    std::int64_t seconds;
    long nanoseconds;
  };
  for (const Case& c : {Case{0, 0}, Case{1, 2}, Case{-1, 0}, Case{-1, 999'999'999},
                        Case{-2'000'000'000, 1}, Case{4'102'444'800, 5}}) {
    const timespec back = to_timespec(to_time_ns(c.seconds, c.nanoseconds));
    EXPECT_EQ(back.tv_sec, c.seconds);
    EXPECT_EQ(back.tv_nsec, c.nanoseconds);
  }
}

TEST(StatNumbers, TimesEndWhereARecordDoes) {
  EXPECT_EQ(to_time_ns(INT64_MAX, 999'999'999), std::numeric_limits<TimeNs>::max());
  EXPECT_EQ(to_time_ns(INT64_MIN, 0), std::numeric_limits<TimeNs>::min());
  EXPECT_EQ(to_time_ns(10'000'000'000, 0), std::numeric_limits<TimeNs>::max());
}

TEST(StatNumbers, AVolumeWithoutALimitShowsAPetabyte) {
  const auto shown = to_statvfs({.bytes_total = UINT64_MAX, .bytes_used = 8192, .inodes_used = 3});
  EXPECT_EQ(shown.f_blocks * shown.f_bsize, 1ULL << 50);
  EXPECT_EQ(shown.f_blocks - shown.f_bfree, 2U);
  EXPECT_EQ(shown.f_files - shown.f_ffree, 3U);
}

TEST(StatNumbers, AFullVolumeHasNothingFree) {
  const auto shown = to_statvfs({.bytes_total = 4096, .bytes_used = 8192, .inodes_used = 1});
  EXPECT_EQ(shown.f_bfree, 0U);
  EXPECT_EQ(shown.f_blocks, 2U);
}

}  // namespace
}  // namespace cairn::vfs
