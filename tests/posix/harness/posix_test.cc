#include "tests/posix/harness/posix_test.h"

#include <unistd.h>

#include <csignal>
#include <cstring>

namespace cairn::posix {
namespace {

constexpr unsigned kCaseSecondsMax = 120;
std::string running;

void give_up(int) {
  const char* text = "\nno end in sight: ";
  (void)!::write(2, text, std::strlen(text));
  (void)!::write(2, running.c_str(), running.size());
  (void)!::write(2, "\n", 1);
  ::_exit(1);
}

}  // namespace

void PosixTest::SetUp() {
  const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
  running = std::string(info->test_suite_name()) + "." + info->name();
  std::signal(SIGALRM, give_up);
  ::alarm(kCaseSecondsMax);
  Scratch::enter();
}

void PosixTest::TearDown() {
  Scratch::leave();
  ::alarm(0);
}

void run_error_case(const ErrorCase& row) {
  errno = 0;
  const long result = row.call();
  const int error = errno;
  EXPECT_TRUE(judge(row.name, result, error, row.allowed));
}

}  // namespace cairn::posix
