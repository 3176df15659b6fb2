#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "fsd/base/check.h"
#include "fsd/index/index.h"
#include "tests/support/temporary_directory.h"

namespace cairn::index {

/// A directory for an index, and what lies where in it.
class TestDirectory {
 public:
  [[nodiscard]] const std::string& path() const { return directory_.path(); }
  [[nodiscard]] std::string index() const { return path() + "/index"; }
  [[nodiscard]] std::string data_file() const { return index() + "/data.mdb"; }

 private:
  const TemporaryDirectory directory_;
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
