#include "fsd/frontends/fuse/request_counts.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace cairn::fuse {
namespace {

TEST(RequestKinds, have_names_of_their_own) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < kRequestKinds; ++i)
    names.insert(name_of(static_cast<RequestKind>(i)));
  EXPECT_EQ(names.size(), kRequestKinds);
  EXPECT_STREQ(name_of(RequestKind::kInterrupt), "interrupt");
}

TEST(RequestCounter, counts_by_kind) {
  RequestCounter counter;
  counter.add(RequestKind::kRead);
  counter.add(RequestKind::kRead);
  EXPECT_EQ(counter.read()[static_cast<std::size_t>(RequestKind::kRead)], 2U);
  EXPECT_EQ(counter.read()[static_cast<std::size_t>(RequestKind::kWrite)], 0U);
}

}  // namespace
}  // namespace cairn::fuse
