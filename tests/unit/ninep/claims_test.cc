#include "fsd/frontends/ninep/claims.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace cairn::p9 {
namespace {

const ClaimSealer kSealer({1, 2}, {3, 4});

FidClaim a_fid() {
  return {.n_uname = 1000,
          .place = {.ino = Ino(300), .parent = Ino(1), .name = "name", .root = Ino(1)},
          .kind = Fid::Kind::kFile,
          .open_flags = O_RDWR | O_APPEND};
}

RedoClaim a_redo() {
  return {.fids = {{7, a_fid()}, {0xFFFFFFFE, a_fid()}},
          .expectations = {{.ino = Ino(300), .name = "", .value = 5},
                           {.ino = Ino(1), .name = "other", .value = 0}},
          .made = Ino(1ULL << 40),
          .affected = {Ino(300), Ino(1)}};
}

TEST(Claims, ComeBackAsTheyWere) {
  const auto fid = kSealer.open_fid(kSealer.seal(a_fid()));
  ASSERT_TRUE(fid);
  EXPECT_EQ(fid->n_uname, 1000U);
  EXPECT_EQ(fid->place.name, "name");
  EXPECT_EQ(fid->place.ino, Ino(300));
  EXPECT_EQ(fid->open_flags, O_RDWR | O_APPEND);

  const auto redo = kSealer.open_redo(kSealer.seal(a_redo()));
  ASSERT_TRUE(redo);
  ASSERT_EQ(redo->fids.size(), 2U);
  EXPECT_EQ(redo->fids[1].first, 0xFFFFFFFE);
  ASSERT_EQ(redo->expectations.size(), 2U);
  EXPECT_EQ(redo->expectations[1].name, "other");
  EXPECT_EQ(redo->made, Ino(1ULL << 40));
  EXPECT_EQ(redo->affected, (std::vector<Ino>{Ino(300), Ino(1)}));

  const LockClaim lock{.fid = 3,
                       .ino = Ino(9),
                       .owner = 77,
                       .locks = {{.type = vfs::LockType::kWrite, .start = 1, .end = 2, .pid = 5}}};
  const auto opened = kSealer.open_lock(kSealer.seal(lock));
  ASSERT_TRUE(opened);
  ASSERT_EQ(opened->locks.size(), 1U);
  EXPECT_EQ(opened->locks[0].end, 2U);
}

TEST(Claims, OfAnXattrThatIsBeingSetCarryItsValue) {
  FidClaim claim = a_fid();
  claim.kind = Fid::Kind::kXattrWrite;
  claim.xattr_name = "user.a";
  claim.xattr_value = std::string(65536, 'v');
  claim.xattr_bytes = 65536;
  claim.xattr_flags = 1;
  const auto opened = kSealer.open_fid(kSealer.seal(claim));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->xattr_value, claim.xattr_value);
  EXPECT_EQ(opened->xattr_flags, 1);
}

TEST(Claims, AnyOtherByteMakesThemNone) {
  const std::string fid = kSealer.seal(a_fid());
  const std::string redo = kSealer.seal(a_redo());
  for (std::size_t at = 0; at < fid.size(); ++at) {
    std::string other = fid;
    other[at] = static_cast<char>(other[at] ^ 1);
    EXPECT_FALSE(kSealer.open_fid(other)) << at;
    EXPECT_FALSE(kSealer.open_fid(fid.substr(0, at))) << at;
  }
  EXPECT_FALSE(kSealer.open_fid(redo)) << "one kind is not another";
  EXPECT_FALSE(kSealer.open_redo(fid));
  EXPECT_FALSE(ClaimSealer({1, 2}, {3, 5}).open_fid(fid)) << "another volume's";
  EXPECT_FALSE(kSealer.open_fid(""));
}

}  // namespace
}  // namespace cairn::p9
