#include "vmrunner/machine/marked_stream.h"

#include <gtest/gtest.h>

namespace cairn::vm {
namespace {

/// What comes of `text`, fed in pieces.
std::string fed(MarkedStream& stream, const std::string& text, std::size_t piece) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += piece)
    out += stream.feed(text.substr(at, piece));
  return out;
}

TEST(MarkedStream, AllBeforeTheMarkComesAndNothingBehindInPiecesOfAnySize) {
  const std::string before = "aab aaba x aabaa", mark = "aabaac";
  for (std::size_t piece = 1; piece < 30; ++piece) {
    MarkedStream stream(mark);
    EXPECT_EQ(fed(stream, before + mark + "more" + mark, piece), before) << piece;
    EXPECT_TRUE(stream.has_ended());
  }
}

TEST(MarkedStream, NothingIsHeldThatCannotBeTheMark) {
  MarkedStream stream("END");
  EXPECT_EQ(stream.feed("xEN"), "x");
  EXPECT_EQ(stream.feed("EN"), "EN");
  EXPECT_EQ(stream.feed("!"), "EN!");
  EXPECT_EQ(stream.feed("y"), "y");
  EXPECT_FALSE(stream.has_ended());
}

TEST(MarkedStream, WithoutAMarkItHasNoEnd) {
  MarkedStream stream;
  EXPECT_EQ(stream.feed("x"), "x");
  EXPECT_FALSE(stream.has_ended());
}

}  // namespace
}  // namespace cairn::vm
