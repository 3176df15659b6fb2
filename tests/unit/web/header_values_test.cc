#include "fsd/frontends/web/header_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "fsd/frontends/web/authority.h"

namespace cairn::web {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(HeaderValues, ListsAreCutAtCommas) {
  EXPECT_THAT(list_items("a, b ,,c,\t d "), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(list_items(" , "), IsEmpty());
  EXPECT_TRUE(has_token("keep-alive, Upgrade", "upgrade"));
  EXPECT_FALSE(has_token("upgraded", "upgrade"));
}

TEST(HeaderValues, ACookieIsFoundByItsWholeName) {
  EXPECT_EQ(cookie_value("a=1; cairn=xyz; b=2", "cairn"), "xyz");
  EXPECT_EQ(cookie_value("xcairn=1; cairn =2; Cairn=3", "cairn"), "");
  EXPECT_EQ(cookie_value("cairn=first; cairn=second", "cairn"), "first");
  EXPECT_EQ(cookie_value("cairn=a=b", "cairn"), "a=b");
  EXPECT_EQ(cookie_value("cairn; =; ;", "cairn"), "");
  EXPECT_EQ(cookie_value("", "cairn"), "");
}

TEST(HeaderValues, ABearerIsWhatFollowsTheScheme) {
  EXPECT_EQ(bearer_of("Bearer abc"), "abc");
  EXPECT_EQ(bearer_of(" bEARER   a b "), "a b");
  EXPECT_EQ(bearer_of("Basic abc"), "");
  EXPECT_EQ(bearer_of("Bearer"), "");
  EXPECT_EQ(bearer_of("Bearerabc"), "");
}

TEST(HeaderValues, AnEncodingOfWeightZeroIsNotAccepted) {
  EXPECT_TRUE(accepts_encoding("gzip, deflate, br", "br"));
  EXPECT_TRUE(accepts_encoding("BR;q=0.5", "br"));
  EXPECT_FALSE(accepts_encoding("br;q=0", "br"));
  EXPECT_FALSE(accepts_encoding("br; Q=0.000", "br"));
  EXPECT_FALSE(accepts_encoding("brx, *", "br"));
  EXPECT_FALSE(accepts_encoding("", "br"));
}

TEST(HeaderValues, AnEtagMatchesWeaklyOrByAStar) {
  EXPECT_TRUE(matches_etag("\"a\", W/\"b\"", "\"b\""));
  EXPECT_TRUE(matches_etag("*", "\"b\""));
  EXPECT_FALSE(matches_etag("\"bb\"", "\"b\""));
  EXPECT_FALSE(matches_etag("", "\"b\""));
}

TEST(HeaderValues, RangesAreWithinTheFileOrNone) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  struct Case {
    const char* text;
    std::uint64_t size;
    RangeKind kind;
    std::uint64_t offset;
    std::uint64_t bytes;
  };
  for (const Case& one : {
           Case{"bytes=0-0", 10, RangeKind::kPart, 0, 1},
           Case{"bytes=2-5", 10, RangeKind::kPart, 2, 4},
           Case{"bytes=2-", 10, RangeKind::kPart, 2, 8},
           Case{"bytes=-3", 10, RangeKind::kPart, 7, 3},
           Case{"bytes=-30", 10, RangeKind::kPart, 0, 10},
           Case{"bytes=5-99", 10, RangeKind::kPart, 5, 5},
           Case{"bytes=5-18446744073709551615", 10, RangeKind::kPart, 5, 5},
           Case{"bytes=0-", kMost, RangeKind::kPart, 0, kMost},
           Case{"bytes=10-", 10, RangeKind::kOutside, 0, 0},
           Case{"bytes=-0", 10, RangeKind::kOutside, 0, 0},
           Case{"bytes=0-", 0, RangeKind::kOutside, 0, 0},
           Case{"bytes=-5", 0, RangeKind::kOutside, 0, 0},
           Case{"bytes=5-2", 10, RangeKind::kWhole, 0, 0},
           Case{"bytes=1-2,4-5", 10, RangeKind::kWhole, 0, 0},
           Case{"bytes=5-18446744073709551616", 10, RangeKind::kWhole, 0, 0},
           Case{"bytes=-", 10, RangeKind::kWhole, 0, 0},
           Case{"bytes=+1-2", 10, RangeKind::kWhole, 0, 0},
           Case{"bytes=--2", 10, RangeKind::kWhole, 0, 0},
           Case{"lines=1-2", 10, RangeKind::kWhole, 0, 0},
           Case{"", 10, RangeKind::kWhole, 0, 0},
       }) {
    const WantedRange wanted = wanted_range(one.text, one.size);
    EXPECT_EQ(wanted.kind, one.kind) << one.text;
    EXPECT_EQ(wanted.part.offset, one.offset) << one.text;
    EXPECT_EQ(wanted.part.bytes, one.bytes) << one.text;
  }
}

TEST(HeaderValues, APathHasNoWayUpOrAround) {
  struct Case {
    const char* target;
    const char* path;  // null: none
  };
  for (const Case& one : {
           Case{"/", "/"},
           Case{"/a/b.js?x=/../", "/a/b.js"},
           Case{"/a%20b", "/a b"},
           Case{"/vm/", "/vm/"},
           Case{"/..", nullptr},
           Case{"/../etc/passwd", nullptr},
           Case{"/a/../b", nullptr},
           Case{"/a/./b", nullptr},
           Case{"/%2e%2e/b", nullptr},
           Case{"/%2E./b", nullptr},
           Case{"/a%2f..%2fb", nullptr},
           Case{"//etc/passwd", nullptr},
           Case{"/a//b", nullptr},
           Case{"/a%00.js", nullptr},
           Case{"/a%2", nullptr},
           Case{"/a%zz", nullptr},
           Case{"/%", nullptr},
           Case{"a", nullptr},
           Case{"*", nullptr},
           Case{"http://evil.example/", nullptr},
           Case{"", nullptr},
       }) {
    const auto path = path_of(one.target);
    EXPECT_EQ(path.has_value(), one.path != nullptr) << one.target;
    if (one.path != nullptr) {
      EXPECT_EQ(path.value_or(""), one.path);
    }
  }
}

TEST(Authority, IsAHostAndPerhapsAPort) {
  EXPECT_EQ(parse_authority("Example.ORG"), (Authority{"example.org", std::nullopt}));
  EXPECT_EQ(parse_authority("[::1]:8080"), (Authority{"[::1]", 8080}));
  EXPECT_EQ(parse_authority("[::1]"), (Authority{"[::1]", std::nullopt}));
  for (const char* wrong : {"", ":80", "a:", "a:x", "a:65536", "a b", "a/b", "[::1", "::1", "[]",
                            "[x]:1", "a:-1", "a@b", "a,b"}) {
    EXPECT_FALSE(parse_authority(wrong)) << wrong;
  }
}

TEST(Origin, HasASchemeAHostAndAPort) {
  EXPECT_EQ(parse_origin("https://a.b"), (WebOrigin{true, {"a.b", 443}}));
  EXPECT_EQ(parse_origin("http://a.b"), (WebOrigin{false, {"a.b", 80}}));
  EXPECT_EQ(parse_origin("http://[::1]:81"), (WebOrigin{false, {"[::1]", 81}}));
  for (const char* wrong : {"null", "a.b", "ws://a.b", "https://", "https://a.b/", "HTTPS://a.b"}) {
    EXPECT_FALSE(parse_origin(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace cairn::web
