#include "fsd/engine/link_rate.h"

#include <gtest/gtest.h>

#include <list>

namespace cairn::engine {
namespace {

constexpr std::size_t kWindow = 64U << 20;

/// A writer that always has more, and a link that all segments under way share evenly, so that
/// those of one size come in bursts.
class SharedLink {
 public:
  SharedLink(double bytes_per_second, Duration latency)
      : rate_(bytes_per_second), latency_(latency) {}

  void copy_for(Duration time) {
    for (const Duration end = now_ + time; now_ < end; now_ += kStep) {
      while (bytes_under_way_ < link.in_flight_max()) send(link.seal_bytes());
      carry();
    }
  }
  /// Commits, one at a time.
  void commit(int count, std::size_t bytes) {
    for (int i = 0; i < count; ++i) {
      send(bytes);
      while (bytes_under_way_ > 0) {
        carry();
        now_ += kStep;
      }
    }
  }
  void set_rate(double bytes_per_second) { rate_ = bytes_per_second; }

  LinkRate link{kWindow};

 private:
  struct Segment {
    std::uint64_t bytes;
    double left;
    Duration answered{};  // when the answer comes
    LinkRate::Sent sent{};
  };
  static constexpr Duration kStep = milliseconds(1);

  void send(std::uint64_t bytes) {
    segments_.push_back({bytes, static_cast<double>(bytes), {}, link.on_sent(now_, bytes)});
    bytes_under_way_ += bytes;
  }
  void carry() {
    std::size_t active = 0;
    for (const Segment& segment : segments_) active += segment.left > 0 ? 1 : 0;
    const double share = rate_ / 1000 / static_cast<double>(std::max<std::size_t>(active, 1));
    for (auto at = segments_.begin(); at != segments_.end();) {
      Segment& segment = *at;
      if (segment.left > 0) {
        segment.left -= share;
        if (segment.left <= 0) segment.answered = now_ + latency_;
      }
      if (segment.left <= 0 && segment.answered <= now_) {
        link.on_acknowledged(now_, segment.bytes, segment.sent);
        bytes_under_way_ -= segment.bytes;
        at = segments_.erase(at);
      } else {
        ++at;
      }
    }
  }

  double rate_;
  Duration latency_;
  Duration now_ = seconds(1);
  std::list<Segment> segments_;
  std::uint64_t bytes_under_way_ = 0;
};

struct Case {
  const char* name;
  double rate;
  Duration latency;
};

class LinkRateOn : public ::testing::TestWithParam<Case> {};

TEST_P(LinkRateOn, FindsWhatTheLinkCarriesThoughSegmentsComeInBursts) {
  SharedLink shared(GetParam().rate, GetParam().latency);
  shared.copy_for(seconds(30));
  for (int second = 0; second < 20; ++second) {
    shared.copy_for(seconds(1));
    const double found = shared.link.bytes_per_second();
    const auto under_way = static_cast<double>(shared.link.in_flight_max());
    EXPECT_LT(under_way / GetParam().rate, 1.2) << "a commit waits behind that, in seconds";
    EXPECT_TRUE(under_way >= kWindow || found > 0.6 * GetParam().rate) << found;
  }
}

INSTANTIATE_TEST_SUITE_P(Links, LinkRateOn,
                         ::testing::Values(Case{"Home", 2e6, milliseconds(30)},
                                           Case{"Office", 20e6, milliseconds(5)},
                                           Case{"Loopback", 300e6, milliseconds(2)},
                                           Case{"DataCentre", 100e6, milliseconds(60)},
                                           Case{"Fast", 1e9, milliseconds(60)}),
                         [](const auto& one) { return one.param.name; });

TEST(LinkRate, GrowsWithinAFewRoundTripsOnALongFastLink) {
  SharedLink shared(1e9, milliseconds(60));
  shared.copy_for(milliseconds(700));
  EXPECT_EQ(shared.link.in_flight_max(), kWindow);
}

TEST(LinkRate, FollowsALinkThatGetsSlower) {
  SharedLink shared(200e6, milliseconds(5));
  shared.copy_for(seconds(5));
  shared.set_rate(10e6);
  shared.copy_for(seconds(30));
  EXPECT_LT(shared.link.bytes_per_second(), 20e6);
}

TEST(LinkRate, LearnsNothingBadFromCommitsThatLeaveTheLinkIdle) {
  SharedLink shared(200e6, milliseconds(50));
  shared.copy_for(seconds(5));
  const double before = shared.link.bytes_per_second();
  shared.commit(100, 8192);
  shared.commit(20, kSealBytesMin);
  EXPECT_GE(shared.link.bytes_per_second(), before);
}

}  // namespace
}  // namespace cairn::engine
