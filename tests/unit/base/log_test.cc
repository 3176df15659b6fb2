#include "fsd/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cairn::log {
namespace {

using ::testing::HasSubstr;

template <class F>
std::string said_by(F log_something) {
  ::testing::internal::CaptureStderr();
  log_something();
  return ::testing::internal::GetCapturedStderr();
}

TEST(Log, EachLineSaysWhichDaemonItIsFrom) {
  to_stderr();
  EXPECT_THAT(said_by([] { info("one of {}", 2); }), HasSubstr("[cairn] [info] one of 2\n"));
  set_daemon("data");
  EXPECT_THAT(said_by([] { warn("other"); }), HasSubstr("[cairn data] [warning] other\n"));
}

}  // namespace
}  // namespace cairn::log
