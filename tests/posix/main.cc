// The POSIX suite: see README.md. Leaves out what does not apply to who runs it, and ends with one
// line of figures.
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include "tests/posix/harness/filesystem.h"
#include "tests/posix/harness/scratch.h"

namespace {

class Summary : public ::testing::EmptyTestEventListener {
  void OnTestProgramEnd(const ::testing::UnitTest& unit) override {
    const int other = cairn::posix::count_not_on_this_libfuse();
    std::printf("%d passed, %d failed", unit.successful_test_count() - other,
                unit.failed_test_count());
    if (other > 0) std::printf(", %d not on this libfuse", other);
    std::printf("\n");
  }
};

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

void leave_out(const std::string& suites_ending) {
  int count = 0;
  const auto* unit = ::testing::UnitTest::GetInstance();
  for (int i = 0; i < unit->total_test_suite_count(); ++i) {
    const auto* suite = unit->GetTestSuite(i);
    if (ends_with(suite->name(), suites_ending)) count += suite->total_test_count();
  }
  std::printf("not applicable to uid %u: %d cases (suites ...%s)\n", ::geteuid(), count,
              suites_ending.c_str());
  auto& filter = GTEST_FLAG_GET(filter);
  const std::string separator = filter.find('-') == std::string::npos ? "-" : ":";
  GTEST_FLAG_SET(filter, filter + separator + "*" + suites_ending + ".*");
}

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc > 1) {
    std::fprintf(stderr, "posix_suite: CAIRN_POSIX_DIR names the directory; what is %s?\n",
                 argv[1]);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  const bool listing = GTEST_FLAG_GET(list_tests);
  try {
    if (!listing) cairn::posix::Scratch::start();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "posix_suite: %s\n", error.what());
    return 2;
  }
  leave_out(::geteuid() == 0 ? "ByUser" : "ByRoot");
  ::testing::UnitTest::GetInstance()->listeners().Append(new Summary);
  const int status = RUN_ALL_TESTS();
  if (!listing) cairn::posix::Scratch::finish();
  return status;
}
