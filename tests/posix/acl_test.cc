// POSIX access control lists, by the raw encoding of system.posix_acl_access and _default.
#include <sys/xattr.h>

#include <cstring>

#include "tests/posix/harness/posix_test.h"

namespace cairn::posix {
namespace {

constexpr const char* kAccess = "system.posix_acl_access";
constexpr const char* kDefault = "system.posix_acl_default";

// Tags of linux/posix_acl.h.
enum Tag : std::uint16_t {
  kUserObj = 0x01,
  kUser = 0x02,
  kGroupObj = 0x04,
  kGroup = 0x08,
  kMask = 0x10,
  kOther = 0x20,
};

struct Entry {
  Tag tag;
  std::uint16_t rights;
  std::uint32_t id = 0xffffffff;
};

std::string encode(const std::vector<Entry>& entries) {
  const auto put = [](std::string& bytes, const void* value, std::size_t size) {
    bytes.append(static_cast<const char*>(value), size);  // the format is little-endian, as we are
  };
  std::string bytes("\x02\0\0\0", 4);
  for (const Entry& entry : entries) {
    const std::uint16_t tag = entry.tag;
    put(bytes, &tag, 2);
    put(bytes, &entry.rights, 2);
    put(bytes, &entry.id, 4);
  }
  return bytes;
}

long set_raw(const char* path, const char* name, const std::string& bytes) {
  return ::setxattr(path, name, bytes.data(), bytes.size(), 0);
}

long set_acl(const char* path, const char* name, const std::vector<Entry>& entries) {
  return set_raw(path, name, encode(entries));
}

std::string get_acl(const char* path, const char* name) {
  std::string bytes(4096, '\0');
  const ssize_t size = ::getxattr(path, name, bytes.data(), bytes.size());
  bytes.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return bytes;
}

// Not every mount has ACLs (a FUSE mount only with default_permissions and its ACL capability).
bool acl_supported() {
  make_file("probe");
  const bool works = set_acl("probe", kAccess, {{kUserObj, 6}, {kGroupObj, 4}, {kOther, 4}}) == 0 ||
                     errno != EOPNOTSUPP;
  ::unlink("probe");
  return works;
}

struct AclError {
  const char* name;
  Allowed allowed;
  long (*call)();
};

void PrintTo(const AclError& row, std::ostream* out) { *out << row.name; }

const AclError kAclErrors[] = {
    {"Minimal", 0,
     [] { return set_acl("file", kAccess, {{kUserObj, 6}, {kGroupObj, 4}, {kOther, 4}}); }},
    {"WithAUserAndAMask", 0,
     [] {
       return set_acl("file", kAccess,
                      {{kUserObj, 6}, {kUser, 4, 1}, {kGroupObj, 4}, {kMask, 4}, {kOther, 0}});
     }},
    {"AUserWithoutAMask", EINVAL,
     [] {
       return set_acl("file", kAccess, {{kUserObj, 6}, {kUser, 4, 1}, {kGroupObj, 4}, {kOther, 0}});
     }},
    {"WithoutTheOwner", EINVAL,
     [] { return set_acl("file", kAccess, {{kGroupObj, 4}, {kOther, 0}}); }},
    {"WithoutTheGroup", EINVAL,
     [] { return set_acl("file", kAccess, {{kUserObj, 4}, {kOther, 0}}); }},
    {"WithoutOthers", EINVAL,
     [] { return set_acl("file", kAccess, {{kUserObj, 4}, {kGroupObj, 4}}); }},
    {"InTheWrongOrder", EINVAL,
     [] { return set_acl("file", kAccess, {{kOther, 4}, {kGroupObj, 4}, {kUserObj, 6}}); }},
    {"TwoOwners", EINVAL,
     [] {
       return set_acl("file", kAccess, {{kUserObj, 6}, {kUserObj, 6}, {kGroupObj, 4}, {kOther, 4}});
     }},
    {"RightsOfMoreThanThreeBits", EINVAL,
     [] { return set_acl("file", kAccess, {{kUserObj, 8}, {kGroupObj, 4}, {kOther, 4}}); }},
    {"WrongVersion", EOPNOTSUPP,
     [] { return set_raw("file", kAccess, std::string("\x03\0\0\0", 4)); }},
    {"CutInAnEntry", EINVAL,
     [] { return set_raw("file", kAccess, encode({{kUserObj, 6}}).substr(0, 7)); }},
    {"CutInTheHeader", EINVAL, [] { return set_raw("file", kAccess, "\x02"); }},
    {"DefaultOnAFile", EACCES,
     [] { return set_acl("file", kDefault, {{kUserObj, 6}, {kGroupObj, 4}, {kOther, 4}}); }},
    {"DefaultOnADirectory", 0,
     [] { return set_acl("dir", kDefault, {{kUserObj, 7}, {kGroupObj, 5}, {kOther, 5}}); }},
    {"GetOfAMissingAcl", ENODATA,
     [] {
       char bytes[64];
       return static_cast<long>(::getxattr("file", kAccess, bytes, sizeof bytes));
     }},
};

class AclErrors : public PosixTest, public ::testing::WithParamInterface<AclError> {};

TEST_P(AclErrors, Answers) {
  if (!acl_supported()) return;
  make_file("file");
  make_dir("dir");
  run_error_case({GetParam().name, GetParam().allowed, GetParam().call});
}

INSTANTIATE_TEST_SUITE_P(Each, AclErrors, ::testing::ValuesIn(kAclErrors),
                         [](const auto& row) { return std::string(row.param.name); });

class Acl : public PosixTest {};

TEST_F(Acl, AMinimalOneIsTheMode) {
  if (!acl_supported()) return;
  make_file("file");
  EXPECT_WORKS(set_acl("file", kAccess, {{kUserObj, 7}, {kGroupObj, 5}, {kOther, 1}}));
  EXPECT_EQ(permissions_of("file"), 0751U);
  EXPECT_EQ(get_acl("file", kAccess), "") << "nothing is stored";
}

TEST_F(Acl, TheMaskIsTheGroupBitsOfTheMode) {
  if (!acl_supported()) return;
  make_file("file");
  const std::vector<Entry> acl = {
      {kUserObj, 6}, {kUser, 7, 61001}, {kGroupObj, 4}, {kMask, 7}, {kOther, 0}};
  EXPECT_WORKS(set_acl("file", kAccess, acl));
  EXPECT_EQ(permissions_of("file"), 0670U);
  EXPECT_EQ(get_acl("file", kAccess), encode(acl));
}

TEST_F(Acl, ChmodChangesTheMaskAndNotTheEntries) {
  if (!acl_supported()) return;
  make_file("file");
  EXPECT_WORKS(
      set_acl("file", kAccess,
              {{kUserObj, 6}, {kUser, 7, 61001}, {kGroupObj, 4}, {kMask, 7}, {kOther, 0}}));
  EXPECT_WORKS(::chmod("file", 0644));
  EXPECT_EQ(get_acl("file", kAccess),
            encode({{kUserObj, 6}, {kUser, 7, 61001}, {kGroupObj, 4}, {kMask, 4}, {kOther, 4}}));
}

TEST_F(Acl, RemovingItLeavesTheMode) {
  if (!acl_supported()) return;
  make_file("file");
  EXPECT_WORKS(
      set_acl("file", kAccess,
              {{kUserObj, 6}, {kUser, 7, 61001}, {kGroupObj, 4}, {kMask, 6}, {kOther, 0}}));
  EXPECT_WORKS(::removexattr("file", kAccess));
  EXPECT_EQ(get_acl("file", kAccess), "");
  EXPECT_EQ(stat_of("file").st_mode & 0707U, 0600U);
}

const std::vector<Entry> kDirDefault = {
    {kUserObj, 7}, {kUser, 7, 61001}, {kGroupObj, 5}, {kMask, 7}, {kOther, 0}};

TEST_F(Acl, DefaultIsInheritedByDirectories) {
  if (!acl_supported()) return;
  make_dir("dir");
  EXPECT_WORKS(set_acl("dir", kDefault, kDirDefault));
  EXPECT_WORKS(::mkdir("dir/below", 0777));
  EXPECT_EQ(get_acl("dir/below", kDefault), encode(kDirDefault));
  EXPECT_EQ(get_acl("dir/below", kAccess), encode(kDirDefault));
  EXPECT_EQ(permissions_of("dir/below"), 0770U);
}

TEST_F(Acl, DefaultIsTheAccessListOfNewFilesLessTheirMode) {
  if (!acl_supported()) return;
  make_dir("dir");
  EXPECT_WORKS(set_acl("dir", kDefault, kDirDefault));
  const Fd fd = ::open("dir/file", O_CREAT | O_RDWR, 0644);
  EXPECT_EQ(get_acl("dir/file", kAccess),
            encode({{kUserObj, 6}, {kUser, 7, 61001}, {kGroupObj, 5}, {kMask, 4}, {kOther, 0}}));
  EXPECT_EQ(permissions_of("dir/file"), 0640U);
  EXPECT_EQ(get_acl("dir/file", kDefault), "");
}

TEST_F(Acl, DefaultTakesThePlaceOfTheUmask) {
  if (!acl_supported()) return;
  make_dir("dir");
  EXPECT_WORKS(set_acl("dir", kDefault, {{kUserObj, 7}, {kGroupObj, 7}, {kOther, 7}}));
  ::umask(077);
  const Fd fd = ::open("dir/file", O_CREAT | O_RDWR, 0666);
  EXPECT_EQ(permissions_of("dir/file"), 0666U);
  EXPECT_WORKS(::mkdir("dir/below", 0777));
  EXPECT_EQ(permissions_of("dir/below"), 0777U);
}

TEST_F(Acl, DefaultIsNotGivenToSymlinks) {
  if (!acl_supported()) return;
  make_dir("dir");
  EXPECT_WORKS(set_acl("dir", kDefault, kDirDefault));
  EXPECT_WORKS(::symlink("t", "dir/link"));
  char bytes[64];
  EXPECT_FAILS(one_of(ENODATA, EOPNOTSUPP), ::lgetxattr("dir/link", kAccess, bytes, sizeof bytes));
}

TEST_F(Acl, DefaultCanBeRemoved) {
  if (!acl_supported()) return;
  make_dir("dir");
  EXPECT_WORKS(set_acl("dir", kDefault, kDirDefault));
  EXPECT_WORKS(::removexattr("dir", kDefault));
  EXPECT_WORKS(::mkdir("dir/below", 0755));
  EXPECT_EQ(permissions_of("dir/below"), 0755U);
}

// The file of Alice, of group staff, with an access list; what may somebody do?
struct AclRight {
  const char* name;
  std::vector<Entry> acl;
  User user;
  int flags;
  bool granted;
};

void PrintTo(const AclRight& right, std::ostream* out) { *out << right.name; }

constexpr std::uint32_t kBobId = 61002;
constexpr std::uint32_t kTeam = 62200;
const User kBobInTeam{61002, 62002, {kTeam}};
const User kBobInBoth{61002, 62002, {kTeam, kStaff}};

const AclRight kAclRights[] = {
    {"NamedUserReads",
     {{kUserObj, 0}, {kUser, 4, kBobId}, {kGroupObj, 0}, {kMask, 7}, {kOther, 0}},
     kBob,
     O_RDONLY,
     true},
    {"NamedUserIsMasked",
     {{kUserObj, 0}, {kUser, 7, kBobId}, {kGroupObj, 0}, {kMask, 4}, {kOther, 7}},
     kBob,
     O_WRONLY,
     false},
    {"NamedUserIsNotHelpedByOthers",
     {{kUserObj, 0}, {kUser, 0, kBobId}, {kGroupObj, 0}, {kMask, 7}, {kOther, 7}},
     kBob,
     O_RDONLY,
     false},
    {"NamedUserIsNotHelpedByHisGroup",
     {{kUserObj, 0}, {kUser, 0, kBobId}, {kGroupObj, 7}, {kMask, 7}, {kOther, 7}},
     kBobInStaff,
     O_RDONLY,
     false},
    {"OwnerIsNotMasked",
     {{kUserObj, 6}, {kUser, 7, kBobId}, {kGroupObj, 0}, {kMask, 0}, {kOther, 0}},
     kAlice,
     O_RDWR,
     true},
    {"OwnersOwnEntryInTheListIsNothing",
     {{kUserObj, 0}, {kUser, 7, 61001}, {kGroupObj, 0}, {kMask, 7}, {kOther, 7}},
     kAlice,
     O_RDONLY,
     false},
    {"NamedGroupReads",
     {{kUserObj, 0}, {kGroupObj, 0}, {kGroup, 4, kTeam}, {kMask, 7}, {kOther, 0}},
     kBobInTeam,
     O_RDONLY,
     true},
    {"NamedGroupIsMasked",
     {{kUserObj, 0}, {kGroupObj, 0}, {kGroup, 6, kTeam}, {kMask, 4}, {kOther, 7}},
     kBobInTeam,
     O_WRONLY,
     false},
    {"OwningGroupIsMasked",
     {{kUserObj, 0}, {kGroupObj, 6}, {kGroup, 0, kTeam}, {kMask, 4}, {kOther, 7}},
     kBobInStaff,
     O_WRONLY,
     false},
    {"AnyOfTheGroupsIsEnough",
     {{kUserObj, 0}, {kGroupObj, 0}, {kGroup, 6, kTeam}, {kMask, 7}, {kOther, 0}},
     kBobInBoth,
     O_RDWR,
     true},
    {"ButTheGroupsAreNotAddedUp",
     {{kUserObj, 0}, {kGroupObj, 4}, {kGroup, 2, kTeam}, {kMask, 7}, {kOther, 0}},
     kBobInBoth,
     O_RDWR,
     false},
    {"AGroupThatDeniesShutsOthersOut",
     {{kUserObj, 0}, {kGroupObj, 0}, {kGroup, 0, kTeam}, {kMask, 7}, {kOther, 7}},
     kBobInTeam,
     O_RDONLY,
     false},
    {"OthersAreNotMasked",
     {{kUserObj, 0}, {kUser, 0, 61001}, {kGroupObj, 0}, {kMask, 0}, {kOther, 6}},
     kBob,
     O_RDWR,
     true},
};

class AclRightsByRoot : public PosixTest, public ::testing::WithParamInterface<AclRight> {};

TEST_P(AclRightsByRoot, AreEnforced) {
  if (!acl_supported()) return;
  const AclRight& right = GetParam();
  make_file("file");
  EXPECT_WORKS(::chown("file", kAlice.uid, kStaff));
  EXPECT_WORKS(set_acl("file", kAccess, right.acl));
  EXPECT_FAILS(right.granted ? 0 : EACCES,
               as_user(right.user, [&] { return ::open("file", right.flags); }));
}

INSTANTIATE_TEST_SUITE_P(Each, AclRightsByRoot, ::testing::ValuesIn(kAclRights),
                         [](const auto& row) { return std::string(row.param.name); });

class AclByRoot : public PosixTest {};

TEST_F(AclByRoot, IsSetByTheOwnerOnly) {
  if (!acl_supported()) return;
  make_file("file", "", 0666);
  EXPECT_WORKS(::chown("file", kAlice.uid, kAlice.gid));
  const auto change = [] {
    return set_acl("file", kAccess, {{kUserObj, 7}, {kGroupObj, 7}, {kOther, 7}});
  };
  EXPECT_FAILS(EPERM, as_user(kBob, change));
  EXPECT_WORKS(as_user(kAlice, change));
  EXPECT_FAILS(EPERM, as_user(kBob, [] { return ::removexattr("file", kAccess); }));
}

TEST_F(AclByRoot, ADirectorysListGrantsCreation) {
  if (!acl_supported()) return;
  make_dir("dir", 0700);
  EXPECT_FAILS(EACCES, as_user(kBob, [] { return ::mkdir("dir/new", 0755); }));
  EXPECT_WORKS(
      set_acl("dir", kAccess,
              {{kUserObj, 7}, {kUser, 7, kBobId}, {kGroupObj, 0}, {kMask, 7}, {kOther, 0}}));
  EXPECT_WORKS(as_user(kBob, [] { return ::mkdir("dir/new", 0755); }));
}

}  // namespace
}  // namespace cairn::posix
