#include "vmrunner/machine/run_options.h"

#include <gtest/gtest.h>

namespace cairn::vm {
namespace {

TEST(RunOptions, AForwardHasTwoPorts) {
  EXPECT_EQ(*parse_forward("8080:80"), (PortForward{8080, 80}));
  EXPECT_EQ(*parse_forward("5432"), (PortForward{5432, 5432}));
  EXPECT_EQ(*parse_forward("0:80"), (PortForward{0, 80}));
  for (const char* text : {"", ":", "80:", ":80", "0", "80:0", "65536:1", "1:2:3", "a:b", "-1:1",
                           "80 :80", "127.0.0.1:80"}) {
    EXPECT_FALSE(parse_forward(text)) << text;
  }
}

TEST(RunOptions, AVariableHasANameAndAnyValue) {
  EXPECT_EQ(*parse_variable("A=b=c"), std::pair(std::string("A"), std::string("b=c")));
  EXPECT_EQ(*parse_variable("_x1="), std::pair(std::string("_x1"), std::string()));
  for (const char* text : {"", "A", "=x", "1A=x", "A B=x", "A;rm=x"}) {
    EXPECT_FALSE(parse_variable(text)) << text;
  }
}

TEST(RunOptions, ATokenIsAFilesFirstLine) {
  const std::string file = ::testing::TempDir() + "/cairn-token";
  const auto write = [&file](const char* text) {
    FILE* out = fopen(file.c_str(), "w");
    fputs(text, out);
    fclose(out);
  };
  write("secret\r\nrest\n");
  EXPECT_EQ(*read_token(file), "secret");
  write("\nsecret\n");
  EXPECT_FALSE(read_token(file));
  remove(file.c_str());
  EXPECT_FALSE(read_token(file));
}

}  // namespace
}  // namespace cairn::vm
