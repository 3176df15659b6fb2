#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fsd/object_store/object_store.h"

namespace cairn::object_store::testing {

/// Matches a Result that failed with this StoreErrc.
MATCHER_P(FailsWith, code, "") {
  if (arg.has_value()) {
    *result_listener << "succeeded";
    return false;
  }
  *result_listener << arg.error().message();
  return is(arg.error(), code);
}
/// Matches a Result that has a value.
MATCHER(Succeeds, "") {
  if (!arg.has_value()) *result_listener << arg.error().message();
  return arg.has_value();
}

inline std::string text_of(const Result<Object>& object) {
  return object ? std::string(as_string(object->body.view()))
                : "failed: " + object.error().message();
}
inline std::vector<std::string> keys_of(const Result<ListPage>& page) {
  std::vector<std::string> keys;
  if (!page) return {"failed: " + page.error().message()};
  for (const auto& object : page->objects) keys.push_back(object.key);
  return keys;
}

}  // namespace cairn::object_store::testing
