#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/posix/harness/child.h"
#include "tests/posix/harness/expect.h"
#include "tests/posix/harness/files.h"
#include "tests/posix/harness/filesystem.h"
#include "tests/posix/harness/scratch.h"

namespace cairn::posix {

/// Every case: an empty directory as the working directory, umask 022, and a limit of time after
/// which the run ends with the case's name (a lock that is never granted must not hang a build).
class PosixTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;
};

/// One row of a table of errors: `call` makes what it needs, and ends with the call.
struct ErrorCase {
  const char* name;
  Allowed allowed;
  long (*call)();
};

struct ErrorCaseName {
  std::string operator()(const ::testing::TestParamInfo<ErrorCase>& row) const {
    return row.param.name;
  }
};

inline void PrintTo(const ErrorCase& row, std::ostream* out) { *out << row.name; }

void run_error_case(const ErrorCase& row);

/// One row of a table of behaviours.
struct Case {
  const char* name;
  void (*body)();
};

inline void PrintTo(const Case& row, std::ostream* out) { *out << row.name; }

struct CaseName {
  std::string operator()(const ::testing::TestParamInfo<Case>& row) const { return row.param.name; }
};

}  // namespace cairn::posix

// CAIRN_ERRORS(Unlink, kTable): each row of the table is a case of its own, "Unlink...".
#define CAIRN_ERRORS(suite, table)                                                    \
  class suite : public PosixTest, public ::testing::WithParamInterface<ErrorCase> {}; \
  TEST_P(suite, Answers) { run_error_case(GetParam()); }                              \
  INSTANTIATE_TEST_SUITE_P(Errors, suite, ::testing::ValuesIn(table), ErrorCaseName())

#define CAIRN_CASES(suite, table)                                                \
  class suite : public PosixTest, public ::testing::WithParamInterface<Case> {}; \
  TEST_P(suite, Holds) { GetParam().body(); }                                    \
  INSTANTIATE_TEST_SUITE_P(Cases, suite, ::testing::ValuesIn(table), CaseName())
