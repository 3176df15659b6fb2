#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

// Runs only where the environment names a server (see real_bucket.h). CAIRN_TEST_S3_REQUIRED=1
// makes a missing one a failure, so that a script cannot believe that it tested something.
int main(int argc, char** argv) {
  const char* endpoint = std::getenv("CAIRN_TEST_S3_ENDPOINT");
  const char* required = std::getenv("CAIRN_TEST_S3_REQUIRED");
  if (endpoint == nullptr || *endpoint == 0) {
    const bool must = required != nullptr && std::string_view(required) == "1";
    std::puts("CAIRN_TEST_S3_ENDPOINT is not set: no test against a real server was run");
    return must ? 1 : 0;
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
