#include "tests/posix/harness/expect.h"

#include <algorithm>
#include <cstring>

namespace cairn::posix {

bool Allowed::has(int error) const {
  return std::find(errors_.begin(), errors_.end(), error) != errors_.end();
}

std::string Allowed::text() const {
  std::string text;
  for (const int error : errors_) text += (text.empty() ? "" : " or ") + errno_name(error);
  return text;
}

std::string errno_name(int error) {
  if (error == 0) return "success";
  const char* name = strerrorname_np(error);
  return name != nullptr ? name : "errno " + std::to_string(error);
}

::testing::AssertionResult judge(const char* call, long long result, int error,
                                 const Allowed& allowed) {
  const int outcome = result < 0 ? error : 0;
  if (allowed.has(outcome)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << call << "\n  returned " << result << " ("
                                       << errno_name(outcome) << "), expected " << allowed.text();
}

}  // namespace cairn::posix
