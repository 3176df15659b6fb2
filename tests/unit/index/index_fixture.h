#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "fsd/base/check.h"
#include "fsd/index/index.h"

namespace cairn::index {

/// A directory of a test's own, removed with everything in it.
class TestDirectory {
 public:
  TestDirectory() {
    std::string pattern = std::filesystem::temp_directory_path() / "cairn-index-XXXXXX";
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;
  ~TestDirectory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string path() const { return path_; }
  [[nodiscard]] std::string index() const { return path_ + "/index"; }
  [[nodiscard]] std::string data_file() const { return index() + "/data.mdb"; }

 private:
  std::string path_;
};

inline Change put(std::string_view key, std::string_view value) { return {key, value}; }
inline Change erase(std::string_view key) { return {key, std::nullopt}; }
inline Stamp stamp_at(int position) { return {"volume", std::to_string(position)}; }

using Contents = std::vector<std::pair<std::string, std::string>>;

inline Contents contents(Snapshot& snapshot, std::string_view first = "",
                         std::string_view end = "") {
  Contents all;
  const auto result = snapshot.scan(first, end, [&](std::string_view key, std::string_view value) {
    all.emplace_back(key, value);
    return true;
  });
  EXPECT_TRUE(result) << result.error().message();
  return all;
}

MATCHER_P(FailsWith, code, "") {
  if (arg.has_value()) {
    *result_listener << "which succeeded";
    return false;
  }
  *result_listener << "which fails with " << arg.error().message();
  return is(arg.error(), code);
}
MATCHER(Succeeds, "") {
  if (!arg.has_value()) *result_listener << "which fails with " << arg.error().message();
  return arg.has_value();
}

}  // namespace cairn::index
