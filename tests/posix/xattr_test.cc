// Extended attributes: user, trusted and security names, sizes, flags, lists.
#include <sys/xattr.h>

#include "tests/posix/harness/posix_test.h"

namespace cairn::posix {
namespace {

long set(const char* path, const char* name, const std::string& value, int flags = 0) {
  return ::setxattr(path, name, value.data(), value.size(), flags);
}

std::string get(const char* path, const char* name) {
  std::string value(65'536, '\0');
  const ssize_t size = ::lgetxattr(path, name, value.data(), value.size());
  EXPECT_GE(size, 0) << name << ": " << errno_name(errno);
  value.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return value;
}

std::set<std::string> list(const char* path) {
  std::string buffer(65'536, '\0');
  const ssize_t size = ::llistxattr(path, buffer.data(), buffer.size());
  EXPECT_WORKS(size);
  std::set<std::string> names;
  for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
    names.insert(buffer.c_str() + at);
    at += std::string(buffer.c_str() + at).size() + 1;
  }
  return names;
}

class Xattr : public PosixTest {
 protected:
  void SetUp() override {
    PosixTest::SetUp();
    make_file("file");
  }
};

struct XattrCase {
  const char* name;
  Allowed allowed;
  long (*call)();
};

void PrintTo(const XattrCase& row, std::ostream* out) { *out << row.name; }

const XattrCase kXattrCases[] = {
    {"SetAndReplace", 0,
     [] {
       set("file", "user.a", "1");
       return set("file", "user.a", "2");
     }},
    {"CreateOfANewOne", 0, [] { return set("file", "user.a", "1", XATTR_CREATE); }},
    {"CreateOfAnExistingOne", EEXIST,
     [] {
       set("file", "user.a", "1");
       return set("file", "user.a", "2", XATTR_CREATE);
     }},
    {"ReplaceOfAnExistingOne", 0,
     [] {
       set("file", "user.a", "1");
       return set("file", "user.a", "2", XATTR_REPLACE);
     }},
    {"ReplaceOfNothing", ENODATA, [] { return set("file", "user.a", "2", XATTR_REPLACE); }},
    {"UnknownFlag", EINVAL, [] { return set("file", "user.a", "2", 0x40); }},
    {"GetOfNothing", ENODATA,
     [] {
       char byte = 0;
       return static_cast<long>(::getxattr("file", "user.a", &byte, 1));
     }},
    {"RemoveOfNothing", ENODATA, [] { return long{::removexattr("file", "user.a")}; }},
    {"RemoveTwice", ENODATA,
     [] {
       set("file", "user.a", "1");
       ::removexattr("file", "user.a");
       return long{::removexattr("file", "user.a")};
     }},
    {"GetIntoTooFewBytes", ERANGE,
     [] {
       set("file", "user.a", "12345");
       char buffer[4];
       return static_cast<long>(::getxattr("file", "user.a", buffer, sizeof buffer));
     }},
    {"ListIntoTooFewBytes", ERANGE,
     [] {
       set("file", "user.a", "12345");
       char buffer[4];
       return static_cast<long>(::listxattr("file", buffer, sizeof buffer));
     }},
    {"NameOf255Bytes", 0,
     [] { return set("file", ("user." + std::string(250, 'n')).c_str(), "1"); }},
    {"NameOf256Bytes", ERANGE,
     [] { return set("file", ("user." + std::string(251, 'n')).c_str(), "1"); }},
    {"EmptyName", ERANGE, [] { return set("file", "", "1"); }},
    {"NameWithoutASpace", EOPNOTSUPP, [] { return set("file", "nospace", "1"); }},
    {"UnknownSpace", EOPNOTSUPP, [] { return set("file", "unknown.a", "1"); }},
    {"NothingAfterTheSpace", EINVAL, [] { return set("file", "user.", "1"); }},
    {"ValueOf65537Bytes", E2BIG, [] { return set("file", "user.a", std::string(65'537, 'v')); }},
    {"OnNothing", ENOENT, [] { return set("missing", "user.a", "1"); }},
    {"ListOfNothing", ENOENT, [] { return static_cast<long>(::listxattr("missing", nullptr, 0)); }},
    {"OnABadDescriptor", EBADF, [] { return long{::fsetxattr(-1, "user.a", "1", 1, 0)}; }},
    {"UserOnASymlinkItself", EPERM,
     [] {
       make_symlink("file", "link");
       return long{::lsetxattr("link", "user.a", "1", 1, 0)};
     }},
    {"UserOnAFifo", EPERM,
     [] {
       make_fifo("fifo");
       return set("fifo", "user.a", "1");
     }},
    {"UserOnADirectory", 0,
     [] {
       make_dir("dir");
       return set("dir", "user.a", "1");
     }},
    {"BadValuePointer", EFAULT,
     [] { return long{::setxattr("file", "user.a", reinterpret_cast<void*>(1), 5, 0)}; }},
};

class XattrErrors : public Xattr, public ::testing::WithParamInterface<XattrCase> {};

TEST_P(XattrErrors, Answers) {
  if (lacks(Feature::kUserXattr)) return;
  const XattrCase& row = GetParam();
  run_error_case({row.name, row.allowed, row.call});
}

INSTANTIATE_TEST_SUITE_P(Each, XattrErrors, ::testing::ValuesIn(kXattrCases),
                         [](const auto& row) { return std::string(row.param.name); });

class XattrSizes : public Xattr, public ::testing::WithParamInterface<int> {};

TEST_P(XattrSizes, ComeBackWhole) {
  if (lacks(Feature::kUserXattr)) return;
  const std::string value = pattern(static_cast<std::size_t>(GetParam()));
  // ext4 keeps attributes in one block, and refuses what does not fit; others take up to 64 KiB.
  const bool fits = value.size() < 3'000;
  EXPECT_FAILS(fits ? Allowed(0) : one_of(0, ENOSPC, E2BIG, ERANGE),
               set("file", "user.value", value));
  if (!list("file").contains("user.value")) return;
  EXPECT_EQ(get("file", "user.value"), value);
  EXPECT_EQ(::getxattr("file", "user.value", nullptr, 0), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Each, XattrSizes,
                         ::testing::Values(0, 1, 2, 255, 256, 1'024, 2'048, 4'000, 4'096, 8'192,
                                           32'768, 65'535, 65'536),
                         [](const auto& row) { return "Bytes" + std::to_string(row.param); });

TEST_F(Xattr, AllOfThemAreListed) {
  if (lacks(Feature::kUserXattr)) return;
  std::set<std::string> expected;
  for (int i = 0; i < 40; ++i) {
    const std::string name = "user.name" + std::to_string(i);
    ASSERT_WORKS(set("file", name.c_str(), std::to_string(i)));
    expected.insert(name);
  }
  std::set<std::string> names = list("file");
  std::erase_if(names, [](const std::string& name) { return name.rfind("user.", 0) != 0; });
  EXPECT_EQ(names, expected);
  for (int i = 0; i < 40; ++i) {
    const std::string name = "user.name" + std::to_string(i);
    EXPECT_EQ(get("file", name.c_str()), std::to_string(i));
    EXPECT_WORKS(::removexattr("file", name.c_str()));
  }
}

TEST_F(Xattr, BelongToTheInodeNotTheName) {
  if (lacks(Feature::kUserXattr)) return;
  EXPECT_WORKS(set("file", "user.a", "1"));
  EXPECT_WORKS(::link("file", "other"));
  EXPECT_WORKS(::rename("file", "renamed"));
  EXPECT_EQ(get("other", "user.a"), "1");
  EXPECT_EQ(get("renamed", "user.a"), "1");
}

TEST_F(Xattr, AreNotCopiedToANewFileOfTheName) {
  if (lacks(Feature::kUserXattr)) return;
  EXPECT_WORKS(set("file", "user.a", "1"));
  EXPECT_WORKS(::unlink("file"));
  make_file("file");
  EXPECT_FALSE(list("file").contains("user.a"));
}

TEST_F(Xattr, WorkOnAnUnlinkedFile) {
  if (lacks(Feature::kUserXattr)) return;
  const Fd fd = open_rw("file");
  EXPECT_WORKS(::unlink("file"));
  EXPECT_WORKS(::fsetxattr(fd, "user.a", "1", 1, 0));
  char byte = 0;
  EXPECT_EQ(::fgetxattr(fd, "user.a", &byte, 1), 1);
  EXPECT_EQ(byte, '1');
}

TEST_F(Xattr, FollowSymlinksUnlessTold) {
  if (lacks(Feature::kUserXattr)) return;
  make_symlink("file", "link");
  EXPECT_WORKS(set("link", "user.a", "1"));
  EXPECT_EQ(get("file", "user.a"), "1");
  char byte = 0;
  EXPECT_FAILS(ENODATA, ::lgetxattr("link", "user.a", &byte, 1));
}

TEST_F(Xattr, ValuesMayHoldZeros) {
  if (lacks(Feature::kUserXattr)) return;
  const std::string value("a\0b\0", 4);
  EXPECT_WORKS(set("file", "user.a", value));
  EXPECT_EQ(get("file", "user.a"), value);
}

class XattrByUser : public PosixTest {};

TEST_F(XattrByUser, TrustedAreHidden) {
  make_file("file");
  EXPECT_FAILS(one_of(EPERM, EOPNOTSUPP), set("file", "trusted.a", "1"));
  char byte = 0;
  EXPECT_FAILS(one_of(ENODATA, EOPNOTSUPP, EPERM), ::getxattr("file", "trusted.a", &byte, 1));
}

class XattrByRoot : public PosixTest {};

TEST_F(XattrByRoot, TrustedAreForRootOnly) {
  make_file("file", "", 0666);
  EXPECT_WORKS(set("file", "trusted.a", "1"));
  EXPECT_EQ(get("file", "trusted.a"), "1");
  EXPECT_TRUE(list("file").contains("trusted.a"));
  const auto read = [] {
    char byte = 0;
    return static_cast<long>(::getxattr("file", "trusted.a", &byte, 1));
  };
  EXPECT_FAILS(one_of(ENODATA, EPERM), as_user(kAlice, read));
  EXPECT_FAILS(EPERM, as_user(kAlice, [] { return set("file", "trusted.a", "2"); }));
}

TEST_F(XattrByRoot, TrustedWorkOnSymlinks) {
  make_symlink("missing", "link");
  EXPECT_WORKS(::lsetxattr("link", "trusted.a", "1", 1, 0));
  EXPECT_EQ(get("link", "trusted.a"), "1");
}

TEST_F(XattrByRoot, SecurityAreKept) {
  make_file("file");
  EXPECT_WORKS(set("file", "security.cairn", "1"));
  EXPECT_EQ(get("file", "security.cairn"), "1");
  EXPECT_WORKS(::removexattr("file", "security.cairn"));
}

TEST_F(XattrByRoot, CapabilitiesAreDroppedByAWrite) {
  make_file("file", "bytes", 0777);
  // struct vfs_cap_data, revision 2: CAP_NET_RAW permitted.
  const std::string capability(
      "\x00\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00"
      "\x00\x00\x00\x00\x00\x00\x00\x00",
      20);
  EXPECT_WORKS(set("file", "security.capability", capability));
  EXPECT_TRUE(list("file").contains("security.capability"));
  EXPECT_WORKS(as_user(kAlice, [] { return ::pwrite(open_rw("file"), "x", 1, 0); }));
  EXPECT_FALSE(list("file").contains("security.capability"));
}

TEST_F(XattrByRoot, UserAttributesNeedTheFilesRights) {
  if (lacks(Feature::kUserXattr)) return;
  make_file("file", "", 0644);
  EXPECT_WORKS(set("file", "user.a", "1"));
  const auto read = [] {
    char byte = 0;
    return static_cast<long>(::getxattr("file", "user.a", &byte, 1));
  };
  EXPECT_WORKS(as_user(kAlice, read));
  EXPECT_FAILS(EACCES, as_user(kAlice, [] { return set("file", "user.a", "2"); }));
  EXPECT_FAILS(EACCES, as_user(kAlice, [] { return ::removexattr("file", "user.a"); }));
  EXPECT_WORKS(::chmod("file", 0600));
  EXPECT_FAILS(EACCES, as_user(kAlice, read));
}

TEST_F(XattrByRoot, UserAttributesOfAStickyDirectoryAreForItsOwner) {
  if (lacks(Feature::kUserXattr)) return;
  make_dir("dir", 01777);
  EXPECT_FAILS(EPERM, as_user(kAlice, [] { return set("dir", "user.a", "2"); }));
}

}  // namespace
}  // namespace cairn::posix
