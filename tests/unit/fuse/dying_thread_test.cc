#include "fsd/frontends/fuse/dying_thread.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>

#include "fsd/frontends/fuse/waiting_requests.h"

namespace cairn::fuse {
namespace {

std::string status(const std::string& thread, const std::string& process) {
  return "Name:\tpostgres\nState:\tD (disk sleep)\nThreads:\t1\nSigQ:\t0/9\nSigPnd:\t" + thread +
         "\nShdPnd:\t" + process +
         "\nSigBlk:\t0000000000000100\nSigIgn:\t0000000000000100\nSigCgt:\t0000000000002100\n";
}

TEST(DyingThread, only_a_pending_sigkill_says_that_a_thread_will_die) {
  EXPECT_FALSE(has_kill_pending(status("0000000000000000", "0000000000000000")));
  EXPECT_TRUE(has_kill_pending(status("0000000000000100", "0000000000000000"))) << "of the thread";
  EXPECT_TRUE(has_kill_pending(status("0000000000000000", "0000000000000100"))) << "the process";
  EXPECT_TRUE(has_kill_pending(status("0000000000000102", "0000000000000000"))) << "with SIGINT";
  EXPECT_FALSE(has_kill_pending(status("0000000000002000", "0000000000000000"))) << "SIGALRM";
  EXPECT_FALSE(has_kill_pending(status("0000000000000080", "fffffffffffffeff"))) << "all others";
}

TEST(DyingThread, what_cannot_be_read_is_not_dying) {
  EXPECT_FALSE(has_kill_pending(""));
  EXPECT_FALSE(has_kill_pending("Name:\tx\nSigPnd:"));
  EXPECT_FALSE(has_kill_pending("Name:\tx\nSigPnd:\t???\nShdPnd:\t"));
  EXPECT_FALSE(is_dying(0)) << "a process that our pid namespace does not know";
  EXPECT_FALSE(is_dying(-1));
  EXPECT_FALSE(is_dying(gettid()));
}

TEST(Link, a_ring_loses_and_keeps_its_links_as_they_end_and_move) {
  Link ring;
  EXPECT_FALSE(ring.linked());
  auto first = std::make_unique<Link>();
  Link second;
  first->insert_before(ring);
  second.insert_before(ring);
  EXPECT_EQ(ring.next(), first.get());
  EXPECT_EQ(first->next(), &second);
  Link moved(std::move(*first));
  EXPECT_FALSE(first->linked());
  EXPECT_EQ(ring.next(), &moved);
  EXPECT_EQ(moved.next(), &second);
  first.reset();
  EXPECT_EQ(second.next(), &ring);
  moved.unlink();
  EXPECT_EQ(ring.next(), &second);
  second.unlink();
  EXPECT_FALSE(ring.linked());
  const Link of_nothing(std::move(moved));
  EXPECT_FALSE(of_nothing.linked());
}

}  // namespace
}  // namespace cairn::fuse
