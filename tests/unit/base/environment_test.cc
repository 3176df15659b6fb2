#include "fsd/base/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace cairn {
namespace {

TEST(Environment, OfTheProcessTellsUnsetFromEmpty) {
  ::setenv("CAIRN_TEST_EMPTY", "", 1);
  ::setenv("CAIRN_TEST_SET", "value", 1);
  ::unsetenv("CAIRN_TEST_UNSET");
  const Environment environment = process_environment();
  EXPECT_EQ(environment("CAIRN_TEST_SET"), "value");
  EXPECT_EQ(environment("CAIRN_TEST_EMPTY"), "");
  EXPECT_EQ(environment("CAIRN_TEST_UNSET"), std::nullopt);
}

TEST(Environment, WhoAsksForSomethingGetsNoEmptyText) {
  const Environment environment = [](const std::string& name) -> std::optional<std::string> {
    return name == "empty" ? "" : "value";
  };
  EXPECT_EQ(find_non_empty(environment, "full"), "value");
  EXPECT_EQ(find_non_empty(environment, "empty"), std::nullopt);
}

}  // namespace
}  // namespace cairn
