#include <sys/xattr.h>

#include "fsd/vfs/acl.h"
#include "tests/unit/vfs/vfs_fixture.h"

namespace cairn::vfs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr const char* kAccess = "system.posix_acl_access";
constexpr const char* kDefault = "system.posix_acl_default";

class VfsXattr : public VfsTest {
 protected:
  int set(Ino ino, const std::string& name, std::string value, int flags = 0, Caller who = {}) {
    auto done = run(fs->set_xattr(std::move(who), ino, name, std::move(value), flags));
    return done ? 0 : to_errno(done.error());
  }
  int get(Ino ino, const std::string& name, Caller who = {}) {
    auto done = run(fs->get_xattr(std::move(who), ino, name));
    return done ? 0 : to_errno(done.error());
  }
  int remove(Ino ino, const std::string& name, Caller who = {}) {
    auto done = run(fs->remove_xattr(std::move(who), ino, name));
    return done ? 0 : to_errno(done.error());
  }
  /// rwx of owner, a named user, group, mask, others.
  static std::string acl(unsigned owner, std::uint32_t uid, unsigned named, unsigned group,
                         unsigned mask, unsigned other) {
    auto bits = [](unsigned n) { return static_cast<std::uint16_t>(n); };
    return Acl({{Acl::kUserObj, bits(owner)},
                {Acl::kUser, bits(named), uid},
                {Acl::kGroupObj, bits(group)},
                {Acl::kMask, bits(mask)},
                {Acl::kOther, bits(other)}})
        .encode();
  }
  static std::string minimal_acl(unsigned owner, unsigned group, unsigned other) {
    return Acl({{Acl::kUserObj, static_cast<std::uint16_t>(owner)},
                {Acl::kGroupObj, static_cast<std::uint16_t>(group)},
                {Acl::kOther, static_cast<std::uint16_t>(other)}})
        .encode();
  }
};

TEST_F(VfsXattr, ValuesAreKeptListedAndRemoved) {
  const Ino file = make_file(kRoot, "f");
  const std::string binary("\0\xff\n", 3);
  EXPECT_EQ(set(file, "user.a", binary), 0);
  EXPECT_EQ(set(file, "user.b", ""), 0);
  EXPECT_EQ(set(file, "trusted.t", "x"), 0);
  EXPECT_EQ(*run(fs->get_xattr({}, file, "user.a")), binary);
  EXPECT_EQ(*run(fs->get_xattr({}, file, "user.b")), "");
  EXPECT_THAT(*run(fs->list_xattr({}, file)),
              UnorderedElementsAre("user.a", "user.b", "trusted.t"));
  EXPECT_THAT(*run(fs->list_xattr(user(1, 1), file)), UnorderedElementsAre("user.a", "user.b"));
  EXPECT_EQ(remove(file, "user.a"), 0);
  EXPECT_EQ(remove(file, "user.a"), ENODATA);
  EXPECT_EQ(get(file, "user.a"), ENODATA);
  EXPECT_EQ(remove(file, "user.b"), 0);
  EXPECT_EQ(remove(file, "trusted.t"), 0);
  EXPECT_THAT(*run(fs->list_xattr({}, file)), IsEmpty());
  EXPECT_EQ(stat(file).flags, 0U);
}

TEST_F(VfsXattr, CreateAndReplaceMeanWhatTheySay) {
  const Ino file = make_file(kRoot, "f");
  EXPECT_EQ(set(file, "user.a", "1", XATTR_REPLACE), ENODATA);
  EXPECT_EQ(set(file, "user.a", "1", XATTR_CREATE), 0);
  EXPECT_EQ(set(file, "user.a", "2", XATTR_CREATE), EEXIST);
  EXPECT_EQ(set(file, "user.a", "2", XATTR_REPLACE), 0);
  EXPECT_EQ(set(file, "user.a", "2", 4), EINVAL);
}

TEST_F(VfsXattr, EachNamespaceHasItsRules) {
  const Ino file = make_file(kRoot, "f", "", 0644);
  const Ino link = run(fs->make_symlink({}, kRoot, "l", "x"))->ino;
  const Ino fifo = run(fs->make_node({}, kRoot, "p", {.mode = S_IFIFO | 0666}))->ino;
  const Ino sticky = mkdir(kRoot, "s");
  ASSERT_THAT(run(fs->set_attributes({}, sticky, {}, {.mode = 01777})), Succeeds());
  const Caller other = user(5, 5);
  struct {
    Ino ino;
    const char* name;
    Caller who;
    int set, get;
  } const cases[] = {
      {file, "user.a", {}, 0, 0},
      {file, "user.b", other, EACCES, ENODATA},
      {link, "user.a", {}, EPERM, ENODATA},
      {fifo, "user.a", {}, EPERM, ENODATA},
      {link, "trusted.a", {}, 0, 0},
      {file, "trusted.b", other, EPERM, ENODATA},
      {file, "security.a", {}, 0, 0},
      {file, "security.a", other, EPERM, 0},
      {sticky, "user.a", {}, 0, 0},
      {sticky, "user.b", other, EPERM, ENODATA},
      {file, "system.other", {}, EOPNOTSUPP, EOPNOTSUPP},
      {file, "nothing", {}, EOPNOTSUPP, EOPNOTSUPP},
      {file, "user.", {}, EINVAL, EINVAL},
      {file, "", {}, ERANGE, ERANGE},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(set(c.ino, c.name, "v", 0, c.who), c.set) << c.name << " by " << c.who.uid;
    EXPECT_EQ(get(c.ino, c.name, c.who), c.get) << c.name << " by " << c.who.uid;
  }
}

TEST_F(VfsXattr, NamesAndValuesHaveTheirBounds) {
  const Ino file = make_file(kRoot, "f");
  EXPECT_EQ(set(file, "user." + std::string(250, 'n'), "v"), 0);
  EXPECT_EQ(set(file, "user." + std::string(251, 'n'), "v"), ERANGE);
  EXPECT_EQ(set(file, "user.v", std::string(65536, 'v')), 0);
  EXPECT_EQ(set(file, "user.v", std::string(65537, 'v')), E2BIG);
  int error = 0;
  for (int i = 0; i < 20 && error == 0; ++i) {
    error = set(file, "user.n" + std::to_string(i), std::string(65536, 'v'));
  }
  EXPECT_EQ(error, ENOSPC);
  const Ino many = make_file(kRoot, "g");
  error = 0;
  for (int i = 0; i < 400 && error == 0; ++i) {
    error = set(many, "user." + std::to_string(i) + std::string(240, 'n'), "");
  }
  EXPECT_EQ(error, ENOSPC);
  std::size_t listed = 0;
  const auto names = *run(fs->list_xattr({}, many));
  for (const auto& name : names) listed += name.size() + 1;
  EXPECT_LE(listed, 65536U);
}

TEST_F(VfsXattr, AnAccessAclGrantsAndItsMaskShowsInTheMode) {
  const Ino file = make_file(kRoot, "f", "", 0600);
  EXPECT_THAT(run(fs->access(user(5, 5), file, R_OK)), FailsWith(EACCES));
  EXPECT_EQ(set(file, kAccess, acl(6, 5, 6, 4, 4, 0)), 0);
  EXPECT_EQ(stat(file).mode & 0777, 0640U);
  EXPECT_THAT(run(fs->access(user(5, 5), file, R_OK)), Succeeds());
  EXPECT_THAT(run(fs->access(user(5, 5), file, W_OK)), FailsWith(EACCES));  // masked
  EXPECT_THAT(run(fs->access(user(6, 6), file, R_OK)), FailsWith(EACCES));
  ASSERT_THAT(run(fs->set_attributes({}, file, {}, {.mode = 0660})), Succeeds());
  EXPECT_THAT(run(fs->access(user(5, 5), file, W_OK)), Succeeds());
  EXPECT_EQ(*run(fs->get_xattr({}, file, kAccess)), acl(6, 5, 6, 4, 6, 0));
  ASSERT_THAT(run(fs->set_attributes({}, file, {}, {.mode = 0600})), Succeeds());
  EXPECT_THAT(run(fs->access(user(5, 5), file, R_OK)), FailsWith(EACCES));
  EXPECT_EQ(remove(file, kAccess), 0);
  EXPECT_EQ(remove(file, kAccess), 0);
  EXPECT_EQ(get(file, kAccess), ENODATA);
}

TEST_F(VfsXattr, AMinimalAclIsKeptAsTheModeAlone) {
  const Ino file = make_file(kRoot, "f", "", 0600);
  EXPECT_EQ(set(file, kAccess, minimal_acl(7, 5, 1)), 0);
  EXPECT_EQ(stat(file).mode & 0777, 0751U);
  EXPECT_EQ(get(file, kAccess), ENODATA);
  EXPECT_EQ(stat(file).flags, 0U);
}

TEST_F(VfsXattr, AclsAreSetByOwnersOnWhatCanHaveThem) {
  const Ino file = make_file(kRoot, "f");
  const Ino link = run(fs->make_symlink({}, kRoot, "l", "x"))->ino;
  EXPECT_EQ(set(file, kAccess, minimal_acl(7, 7, 7), 0, user(1, 1)), EPERM);
  EXPECT_EQ(set(file, kAccess, "garbage"), EINVAL);
  EXPECT_EQ(set(file, kDefault, minimal_acl(7, 7, 7)), EACCES);
  EXPECT_EQ(set(link, kAccess, minimal_acl(7, 7, 7)), EOPNOTSUPP);
  EXPECT_EQ(set(kRoot, kDefault, minimal_acl(7, 7, 7)), 0);
}

TEST_F(VfsXattr, ADefaultAclReplacesTheUmaskAndIsInherited) {
  const std::string defaults = acl(7, 5, 7, 5, 7, 0);
  EXPECT_EQ(set(kRoot, kDefault, defaults), 0);
  auto file = run(fs->create({}, kRoot, "f", {.mode = 0664, .umask = 077}, O_RDWR));
  ASSERT_THAT(file, Succeeds());
  EXPECT_EQ(file->second.inode.mode & 0777, 0660U);
  EXPECT_EQ(*run(fs->get_xattr({}, file->second.ino, kAccess)), acl(6, 5, 7, 5, 6, 0));
  EXPECT_EQ(get(file->second.ino, kDefault), ENODATA);
  EXPECT_THAT(run(fs->release(file->first)), Succeeds());
  const Ino dir = mkdir(kRoot, "d", 0777);
  EXPECT_EQ(*run(fs->get_xattr({}, dir, kDefault)), defaults);
  EXPECT_EQ(*run(fs->get_xattr({}, dir, kAccess)), acl(7, 5, 7, 5, 7, 0));
  EXPECT_EQ(stat(run(fs->make_symlink({}, kRoot, "l", "x"))->ino).flags, 0U);
}

TEST_F(VfsXattr, AMinimalDefaultAclLeavesNoAccessAclBehind) {
  EXPECT_EQ(set(kRoot, kDefault, minimal_acl(7, 5, 0)), 0);
  const Ino file = make_file(kRoot, "f", "", 0666);
  EXPECT_EQ(stat(file).mode & 0777, 0640U);
  EXPECT_EQ(stat(file).flags, 0U);
}

TEST_F(VfsXattr, ChangesOfAttributesAreChangesOfTheInode) {
  const Ino file = make_file(kRoot, "f");
  const InodeRecord before = stat(file);
  tick();
  EXPECT_EQ(set(file, "user.a", "1"), 0);
  EXPECT_GT(stat(file).ctime, before.ctime);
  EXPECT_EQ(stat(file).mtime, before.mtime);
  EXPECT_GT(stat(file).change, before.change);
}

}  // namespace
}  // namespace cairn::vfs
