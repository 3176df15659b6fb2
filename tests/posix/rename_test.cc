// rename, renameat2: all pairs of types, descendants, links, flags.
#include <linux/fs.h>

#include <cstdio>

#include "tests/posix/harness/posix_test.h"

namespace cairn::posix {
namespace {

long rename2(const char* from, const char* to, unsigned flags) {
  return ::renameat2(AT_FDCWD, from, AT_FDCWD, to, flags);
}

const ErrorCase kRenameErrors[] = {
    {"MissingSource", ENOENT, [] { return long{::rename("missing", "to")}; }},
    {"MissingNewParent", ENOENT,
     [] {
       make_file("from");
       return long{::rename("from", "no/to")};
     }},
    {"SourceParentIsAFile", ENOTDIR,
     [] {
       make_file("file");
       return long{::rename("file/from", "to")};
     }},
    {"NewParentIsAFile", ENOTDIR,
     [] {
       make_file("from");
       make_file("file");
       return long{::rename("from", "file/to")};
     }},
    {"IntoItself", EINVAL,
     [] {
       make_dir("dir");
       return long{::rename("dir", "dir/to")};
     }},
    {"IntoADescendant", EINVAL,
     [] {
       make_dir("dir");
       make_dir("dir/below");
       make_dir("dir/below/deep");
       return long{::rename("dir", "dir/below/deep/to")};
     }},
    {"OntoAnAncestor", ENOTEMPTY,
     [] {
       make_dir("dir");
       make_dir("dir/below");
       return long{::rename("dir/below", "dir")};
     }},
    {"FileOntoAnAncestor", one_of(EISDIR, ENOTEMPTY),
     [] {
       make_dir("dir");
       make_file("dir/file");
       return long{::rename("dir/file", "dir")};
     }},
    {"OntoAFullDirectory", one_of(ENOTEMPTY, EEXIST),
     [] {
       make_dir("from");
       make_dir("to");
       make_file("to/file");
       return long{::rename("from", "to")};
     }},
    {"Dot", one_of(EBUSY, EINVAL),
     [] {
       make_dir("dir");
       return long{::rename("dir/.", "to")};
     }},
    {"DotDot", one_of(EBUSY, EINVAL),
     [] {
       make_dir("dir");
       make_dir("dir/below");
       return long{::rename("dir/below/..", "to")};
     }},
    {"OntoDot", one_of(EBUSY, EINVAL),
     [] {
       make_dir("dir");
       return long{::rename("dir", ".")};
     }},
    {"OntoDotDot", one_of(EBUSY, EINVAL, ENOTEMPTY),
     [] {
       make_dir("dir");
       return long{::rename("dir", "..")};
     }},
    {"NewNameOf256Bytes", ENAMETOOLONG,
     [] {
       make_file("from");
       return long{::rename("from", std::string(256, 't').c_str())};
     }},
    {"NewNameOf255Bytes", 0,
     [] {
       make_file("from");
       return long{::rename("from", std::string(255, 't').c_str())};
     }},
    {"FileToANameWithASlash", ENOTDIR,
     [] {
       make_file("from");
       return long{::rename("from", "to/")};
     }},
    {"DirectoryToANameWithASlash", 0,
     [] {
       make_dir("from");
       return long{::rename("from", "to/")};
     }},
    {"AcrossFilesystems", EXDEV, [] { return long{::rename("/proc/version", "to")}; }},
    {"RingOfSymlinksInThePath", ELOOP,
     [] {
       make_symlink("a", "a");
       return long{::rename("a/from", "to")};
     }},
    {"OntoItsOwnName", 0,
     [] {
       make_file("from");
       return long{::rename("from", "from")};
     }},
    {"DirectoryOntoItsOwnName", 0,
     [] {
       make_dir("from");
       make_file("from/file");
       return long{::rename("from", "from")};
     }},
    {"UnknownFlag", EINVAL,
     [] {
       make_file("from");
       return rename2("from", "to", 0x80);
     }},
    {"NoReplaceAndExchange", EINVAL,
     [] {
       make_file("from");
       make_file("to");
       return rename2("from", "to", RENAME_NOREPLACE | RENAME_EXCHANGE);
     }},
    {"NoReplaceOntoAFile", EEXIST,
     [] {
       make_file("from");
       make_file("to");
       return rename2("from", "to", RENAME_NOREPLACE);
     }},
    {"NoReplaceOntoAnEmptyDirectory", EEXIST,
     [] {
       make_dir("from");
       make_dir("to");
       return rename2("from", "to", RENAME_NOREPLACE);
     }},
    {"NoReplaceOntoADanglingSymlink", EEXIST,
     [] {
       make_file("from");
       make_symlink("missing", "to");
       return rename2("from", "to", RENAME_NOREPLACE);
     }},
    {"NoReplaceOntoItself", EEXIST,
     [] {
       make_file("from");
       return rename2("from", "from", RENAME_NOREPLACE);
     }},
    {"ExchangeWithNothing", ENOENT,
     [] {
       make_file("from");
       return rename2("from", "to", RENAME_EXCHANGE);
     }},
    {"ExchangeWithADescendant", EINVAL,
     [] {
       make_dir("dir");
       make_dir("dir/below");
       return rename2("dir", "dir/below", RENAME_EXCHANGE);
     }},
    {"ExchangeWithAnAncestor", EINVAL,
     [] {
       make_dir("dir");
       make_dir("dir/below");
       return rename2("dir/below", "dir", RENAME_EXCHANGE);
     }},
    {"InARemovedDirectory", ENOENT,
     [] {
       make_dir("dir");
       make_file("from");
       const Fd dir = ::open("dir", O_RDONLY);
       ::rmdir("dir");
       return long{::renameat(AT_FDCWD, "from", dir, "to")};
     }},
};
CAIRN_ERRORS(RenameErrors, kRenameErrors);

enum class Type { kFile, kDirectory, kSymlink, kFifo, kSocket };
const char* const kTypeNames[] = {"File", "Directory", "Symlink", "Fifo", "Socket"};

void make(Type type, const std::string& name) {
  switch (type) {
    case Type::kFile:
      return make_file(name, name);
    case Type::kDirectory:
      return make_dir(name);
    case Type::kSymlink:
      return make_symlink("missing", name);
    case Type::kFifo:
      return make_fifo(name);
    case Type::kSocket:
      return make_socket(name);
  }
}

using Types = std::tuple<int, int>;

class RenameTypes : public PosixTest, public ::testing::WithParamInterface<Types> {
 protected:
  [[nodiscard]] Type from() const { return static_cast<Type>(std::get<0>(GetParam())); }
  [[nodiscard]] Type to() const { return static_cast<Type>(std::get<1>(GetParam())); }
};

std::string types_name(const ::testing::TestParamInfo<Types>& row) {
  return std::string(kTypeNames[std::get<0>(row.param)]) + "Onto" +
         kTypeNames[std::get<1>(row.param)];
}

TEST_P(RenameTypes, ReplacesWhatIsOfItsKind) {
  make(from(), "from");
  make(to(), "to");
  const ino_t source = stat_of("from").st_ino;
  const bool from_dir = from() == Type::kDirectory;
  const bool to_dir = to() == Type::kDirectory;
  if (from_dir == to_dir) {
    EXPECT_WORKS(::rename("from", "to"));
    EXPECT_FALSE(exists("from"));
    EXPECT_EQ(stat_of("to").st_ino, source);
    EXPECT_EQ(names_in(".").size(), 1U);
  } else {
    EXPECT_FAILS(from_dir ? ENOTDIR : EISDIR, ::rename("from", "to"));
    EXPECT_TRUE(exists("to"));
    EXPECT_EQ(stat_of("from").st_ino, source);
  }
}

TEST_P(RenameTypes, ExchangesWithAny) {
  if (lacks(Feature::kRenameFlags)) return;
  make(from(), "from");
  make_dir("dir");
  make(to(), "dir/to");
  const ino_t source = stat_of("from").st_ino;
  const ino_t target = stat_of("dir/to").st_ino;
  EXPECT_WORKS(rename2("from", "dir/to", RENAME_EXCHANGE));
  EXPECT_EQ(stat_of("dir/to").st_ino, source);
  EXPECT_EQ(stat_of("from").st_ino, target);
}

INSTANTIATE_TEST_SUITE_P(Pairs, RenameTypes,
                         ::testing::Combine(::testing::Range(0, 5), ::testing::Range(0, 5)),
                         types_name);

class Rename : public PosixTest {};

TEST_F(Rename, KeepsInodeBytesAndAttributes) {
  make_file("from", "bytes", 0641);
  const auto before = stat_of("from");
  EXPECT_WORKS(::rename("from", "to"));
  const auto after = stat_of("to");
  EXPECT_EQ(after.st_ino, before.st_ino);
  EXPECT_EQ(after.st_mode, before.st_mode);
  EXPECT_TRUE(same_time(after.st_mtim, before.st_mtim));
  EXPECT_EQ(slurp("to"), "bytes");
}

TEST_F(Rename, AcrossDirectoriesMovesTheDotDot) {
  make_dir("a");
  make_dir("b");
  make_dir("a/dir");
  make_file("a/dir/file", "bytes");
  const auto links_a = stat_of("a").st_nlink;
  EXPECT_WORKS(::rename("a/dir", "b/dir"));
  EXPECT_EQ(stat_of("b/dir/..").st_ino, stat_of("b").st_ino);
  EXPECT_EQ(slurp("b/dir/file"), "bytes");
  if (links_a > 1) {
    EXPECT_EQ(stat_of("a").st_nlink, links_a - 1);
    EXPECT_EQ(stat_of("b").st_nlink, links_a);
  }
}

TEST_F(Rename, DotDotOfAnOpenDirectoryFollowsTheMove) {
  make_dir("a");
  make_dir("b");
  make_dir("a/dir");
  const Fd dir = ::open("a/dir", O_RDONLY);
  EXPECT_WORKS(::rename("a/dir", "b/dir"));
  struct stat parent{};
  EXPECT_WORKS(::fstatat(dir, "..", &parent, 0));
  EXPECT_EQ(parent.st_ino, stat_of("b").st_ino);
}

TEST_F(Rename, BetweenLinksOfOneInodeDoesNothing) {
  make_file("one", "bytes");
  EXPECT_WORKS(::link("one", "two"));
  EXPECT_WORKS(::rename("one", "two"));
  EXPECT_TRUE(exists("one"));
  EXPECT_TRUE(exists("two"));
  EXPECT_EQ(stat_of("one").st_nlink, 2U);
}

TEST_F(Rename, BetweenLinksOfOneInodeInTwoDirectoriesDoesNothing) {
  make_dir("a");
  make_dir("b");
  make_file("a/file");
  EXPECT_WORKS(::link("a/file", "b/file"));
  EXPECT_WORKS(::rename("a/file", "b/file"));
  EXPECT_TRUE(exists("a/file"));
  EXPECT_TRUE(exists("b/file"));
}

TEST_F(Rename, TheReplacedFileLivesWhileOpen) {
  make_file("from", "new");
  const Fd old = new_file("to", "old");
  EXPECT_WORKS(::rename("from", "to"));
  EXPECT_EQ(read_at(old, 0, 10), "old");
  EXPECT_EQ(stat_of_fd(old).st_nlink, 0U);
  EXPECT_EQ(slurp("to"), "new");
}

TEST_F(Rename, ReplacingALinkLowersItsCount) {
  make_file("from");
  make_file("to", "kept");
  EXPECT_WORKS(::link("to", "other"));
  EXPECT_WORKS(::rename("from", "to"));
  EXPECT_EQ(stat_of("other").st_nlink, 1U);
  EXPECT_EQ(slurp("other"), "kept");
}

TEST_F(Rename, OfAnOpenFileKeepsTheDescriptor) {
  const Fd fd = new_file("from", "bytes");
  EXPECT_WORKS(::rename("from", "to"));
  EXPECT_EQ(::pwrite(fd, "BYTES", 5, 0), 5);
  EXPECT_EQ(slurp("to"), "BYTES");
}

TEST_F(Rename, OfASymlinkMovesTheSymlink) {
  make_file("file");
  make_symlink("file", "from");
  EXPECT_WORKS(::rename("from", "to"));
  EXPECT_TRUE(S_ISLNK(stat_of("to").st_mode));
  EXPECT_TRUE(exists("file"));
}

TEST_F(Rename, OntoASymlinkReplacesTheSymlink) {
  make_file("file", "kept");
  make_symlink("file", "to");
  make_file("from", "new");
  EXPECT_WORKS(::rename("from", "to"));
  EXPECT_TRUE(S_ISREG(stat_of("to").st_mode));
  EXPECT_EQ(slurp("file"), "kept");
}

TEST_F(Rename, NoReplaceToAFreeName) {
  if (lacks(Feature::kRenameFlags)) return;
  make_file("from", "bytes");
  EXPECT_WORKS(rename2("from", "to", RENAME_NOREPLACE));
  EXPECT_EQ(slurp("to"), "bytes");
  EXPECT_FALSE(exists("from"));
}

TEST_F(Rename, ExchangeOfDirectoriesSwapsDotDots) {
  if (lacks(Feature::kRenameFlags)) return;
  make_dir("a");
  make_dir("b");
  make_dir("a/x");
  make_dir("b/y");
  make_file("a/x/fromx");
  EXPECT_WORKS(rename2("a/x", "b/y", RENAME_EXCHANGE));
  EXPECT_TRUE(exists("b/y/fromx"));
  EXPECT_EQ(stat_of("b/y/..").st_ino, stat_of("b").st_ino);
  EXPECT_EQ(stat_of("a/x/..").st_ino, stat_of("a").st_ino);
}

TEST_F(Rename, AReaderNeverMissesAFileThatIsReplaced) {
  make_file("file", "0");
  SharedPage page;
  Process reader([&]() -> long {
    while (page.words[0] == 0) {
      const Fd fd = ::open("file", O_RDONLY);
      if (fd < 0) return -1;
      ++page.words[1];
    }
    return 0;
  });
  for (int i = 0; i < 300 || page.words[1] < 10; ++i) {
    const Fd fresh = ::open("fresh", O_CREAT | O_WRONLY, 0644);
    ASSERT_WORKS(::rename("fresh", "file"));
  }
  page.words[0] = 1;
  EXPECT_WORKS(reader.join());
}

}  // namespace
}  // namespace cairn::posix
