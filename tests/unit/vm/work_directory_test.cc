#include "vmrunner/machine/work_directory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_directory.h"

namespace cairn::vm {
namespace {

namespace fs = std::filesystem;

class WorkDirectoryTest : public ::testing::Test {
 protected:
  const TemporaryDirectory temporary;
  const std::string base = temporary.path();
};

TEST_F(WorkDirectoryTest, GoesWithItsRunner) {
  std::string path;
  {
    auto made = WorkDirectory::make(base);
    ASSERT_TRUE(made);
    path = made->path();
    std::ofstream(path + "/log") << "x";
    EXPECT_TRUE(fs::is_regular_file(path + "/log"));
  }
  EXPECT_FALSE(fs::exists(path));
  EXPECT_TRUE(fs::is_empty(base));
}

TEST_F(WorkDirectoryTest, WhatAKilledRunnerLeftIsTakenAwayAndNothingElse) {
  auto living = WorkDirectory::make(base);
  ASSERT_TRUE(living);
  std::ofstream(living->path() + "/log") << "x";
  fs::create_directory(base + "/cairn-vm.killed");
  std::ofstream(base + "/cairn-vm.killed/log") << "x";
  fs::create_directory(base + "/others");
  std::ofstream(base + "/cairn-vm.file") << "x";
  fs::create_directory_symlink("others", base + "/cairn-vm.link");

  const auto next = WorkDirectory::make(base);
  ASSERT_TRUE(next);
  EXPECT_NE(next->path(), living->path());
  EXPECT_FALSE(fs::exists(base + "/cairn-vm.killed"));
  EXPECT_TRUE(fs::exists(living->path() + "/log"));
  EXPECT_TRUE(fs::exists(base + "/others"));
  EXPECT_TRUE(fs::exists(base + "/cairn-vm.file"));
  EXPECT_TRUE(fs::is_symlink(base + "/cairn-vm.link"));
}

TEST_F(WorkDirectoryTest, WhereThereCanBeNoneIsNamed) {
  const auto made = WorkDirectory::make("/nowhere");
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message().find("/nowhere/"), std::string::npos);
}

}  // namespace
}  // namespace cairn::vm
