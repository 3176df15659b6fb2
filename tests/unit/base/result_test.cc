#include "fsd/base/result.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "fsd/base/hex.h"

namespace cairn {
namespace {

TEST(Result, SystemErrorNamesTheThingAndTheReason) {
  const Error error = system_error(ENOENT, "cannot open", "/some/file");
  EXPECT_EQ(error.message(), "cannot open: /some/file (No such file or directory)");
  EXPECT_EQ(to_errno(error), ENOENT);
}

TEST(Result, WhatIsNoErrnoStandsForEio) {
  EXPECT_EQ(to_errno(errno_error(ENOTEMPTY)), ENOTEMPTY);
  EXPECT_EQ(to_errno(Error(std::make_error_code(std::io_errc::stream), "")), EIO);
  EXPECT_EQ(to_errno(Error(std::error_code(), "")), EIO);
}

Result<int> half(int number) {
  if (number % 2 != 0) return errno_error(EINVAL, "odd");
  return number / 2;
}
Result<int> quarter(int number) {
  TRY(const int once, half(number));
  return half(once);
}

TEST(Result, TryGoesOnWithTheValueOrReturnsTheError) {
  EXPECT_EQ(*quarter(12), 3);
  for (const int number : {7, 6}) {
    const Result<int> failed = quarter(number);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().message(), "odd");
  }
}

TEST(Hex, IsTwoLowerCaseDigitsForEachByte) {
  EXPECT_EQ(to_hex(as_bytes(std::string_view("\x00\x0f\xa5\xff", 4))), "000fa5ff");
  EXPECT_EQ(to_hex({}), "");
}

}  // namespace
}  // namespace cairn
