#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <initializer_list>
#include <string>
#include <vector>

namespace cairn::posix {

/// The outcomes that a case accepts of a system call: errno values, 0 for success. More than one
/// only where filesystems of Linux legitimately differ.
class Allowed {
 public:
  Allowed(int error) : errors_{error} {}  // NOLINT: reads as an errno in tables
  Allowed(std::initializer_list<int> errors) : errors_(errors) {}
  [[nodiscard]] bool has(int error) const;
  [[nodiscard]] std::string text() const;

 private:
  std::vector<int> errors_;
};

template <typename... Errors>
Allowed one_of(Errors... errors) {
  return Allowed({errors...});
}

/// "ENOENT", or "success" for 0.
std::string errno_name(int error);

::testing::AssertionResult judge(const char* call, long long result, int error,
                                 const Allowed& allowed);

}  // namespace cairn::posix

// The call as written is part of the message. A call fails when it returns a negative number.
#define CAIRN_JUDGE(allowed, ...)                                                   \
  ([&]() -> ::testing::AssertionResult {                                            \
    errno = 0;                                                                      \
    const long long cairn_result = static_cast<long long>(__VA_ARGS__);             \
    const int cairn_error = errno;                                                  \
    return ::cairn::posix::judge(#__VA_ARGS__, cairn_result, cairn_error, allowed); \
  }())
#define EXPECT_WORKS(...) EXPECT_TRUE(CAIRN_JUDGE(0, __VA_ARGS__))
#define ASSERT_WORKS(...) ASSERT_TRUE(CAIRN_JUDGE(0, __VA_ARGS__))
#define EXPECT_FAILS(error, ...) EXPECT_TRUE(CAIRN_JUDGE(error, __VA_ARGS__))
