// readdir, telldir, seekdir, rewinddir, getcwd, chdir: what a listing promises under change.
#include <dirent.h>
#include <sys/syscall.h>

#include <map>

#include "tests/posix/harness/posix_test.h"

namespace cairn::posix {
namespace {

const ErrorCase kDirectoryErrors[] = {
    {"OpenOfNothing", ENOENT, [] { return ::opendir("missing") != nullptr ? 0L : -1L; }},
    {"OpenOfAFile", ENOTDIR,
     [] {
       make_file("file");
       return ::opendir("file") != nullptr ? 0L : -1L;
     }},
    {"GetdentsOfAFile", ENOTDIR,
     [] {
       const Fd fd = new_file("file");
       char buffer[1024];
       return ::syscall(SYS_getdents64, int{fd}, buffer, sizeof buffer);
     }},
    {"GetdentsIntoTooFewBytes", EINVAL,
     [] {
       make_file("file");
       const Fd fd = ::open(".", O_RDONLY);
       char buffer[4];
       return ::syscall(SYS_getdents64, int{fd}, buffer, sizeof buffer);
     }},
    {"GetdentsOfARemovedDirectory", one_of(ENOENT, 0),  // 0: an empty listing
     [] {
       make_dir("dir");
       const Fd fd = ::open("dir", O_RDONLY);
       ::rmdir("dir");
       char buffer[1024];
       return ::syscall(SYS_getdents64, int{fd}, buffer, sizeof buffer);
     }},
    {"ChdirToNothing", ENOENT, [] { return long{::chdir("missing")}; }},
    {"ChdirToAFile", ENOTDIR,
     [] {
       make_file("file");
       return long{::chdir("file")};
     }},
    {"FchdirToAFile", ENOTDIR,
     [] {
       const Fd fd = new_file("file");
       return long{::fchdir(fd)};
     }},
    {"GetcwdInARemovedDirectory", ENOENT,
     [] {
       make_dir("dir");
       return in_child([]() -> long {
         char buffer[4096];
         if (::chdir("dir") != 0 || ::rmdir("../dir") != 0) return 0;
         return ::getcwd(buffer, sizeof buffer) != nullptr ? 0 : -1;
       });
     }},
    {"DotOfARemovedDirectory", 0,
     [] {
       make_dir("dir");
       return in_child([]() -> long {
         struct stat answer{};
         if (::chdir("dir") != 0 || ::rmdir("../dir") != 0) return -1;
         return ::stat(".", &answer);
       });
     }},
};
CAIRN_ERRORS(DirectoryErrors, kDirectoryErrors);

/// An open listing.
class Listing {
 public:
  explicit Listing(const char* path) : dir_(::opendir(path)) { EXPECT_NE(dir_, nullptr); }
  Listing(const Listing&) = delete;
  Listing& operator=(const Listing&) = delete;
  ~Listing() { ::closedir(dir_); }
  /// The next name; empty at the end.
  std::string next() {
    const dirent* entry = ::readdir(dir_);
    return entry != nullptr ? entry->d_name : "";
  }
  std::vector<std::string> rest() {
    std::vector<std::string> names;
    for (std::string name = next(); !name.empty(); name = next()) names.push_back(name);
    return names;
  }
  [[nodiscard]] DIR* get() const { return dir_; }

 private:
  DIR* dir_;
};

std::string numbered(int i) { return "file" + std::to_string(i); }

class Directory : public PosixTest {};

TEST_F(Directory, AnEmptyOneHasDotAndDotDot) {
  make_dir("dir");
  Listing listing("dir");
  EXPECT_THAT(listing.rest(), ::testing::UnorderedElementsAre(".", ".."));
}

TEST_F(Directory, EntriesCarryInodeAndType) {
  make_file("file");
  make_dir("dir");
  make_symlink("t", "link");
  make_fifo("fifo");
  make_socket("socket");
  const std::map<std::string, int> types = {
      {"file", DT_REG}, {"dir", DT_DIR}, {"link", DT_LNK}, {"fifo", DT_FIFO}, {"socket", DT_SOCK}};
  Listing listing(".");
  std::size_t seen = 0;
  while (const dirent* entry = ::readdir(listing.get())) {
    const auto found = types.find(entry->d_name);
    if (found == types.end()) continue;
    ++seen;
    EXPECT_THAT(int{entry->d_type}, ::testing::AnyOf(found->second, DT_UNKNOWN));
    EXPECT_EQ(entry->d_ino, stat_of(entry->d_name).st_ino);
  }
  EXPECT_EQ(seen, types.size());
}

TEST_F(Directory, TenThousandEntriesAreSeenOnce) {
  make_dir("dir");
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_WORKS(::mknod(("dir/" + numbered(i)).c_str(), S_IFREG | 0644, 0));
  }
  const auto names = names_in("dir");
  EXPECT_EQ(names.size(), 10'000U);
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(names.count(numbered(i)), 1U) << i;
  for (int i = 0; i < 10'000; ++i) ASSERT_WORKS(::unlink(("dir/" + numbered(i)).c_str()));
  EXPECT_WORKS(::rmdir("dir"));
}

TEST_F(Directory, WhatStaysIsSeenOnceWhileOthersComeAndGo) {
  make_dir("dir");
  for (int i = 0; i < 2'000; ++i) make_file("dir/" + numbered(i));
  Listing listing("dir");
  std::map<std::string, int> seen;
  for (int step = 0;; ++step) {
    const std::string name = listing.next();
    if (name.empty()) break;
    ++seen[name];
    if (step >= 1'000) continue;
    make_file("dir/extra" + std::to_string(step));
    EXPECT_WORKS(::unlink(("dir/" + numbered(1'000 + step)).c_str()));
  }
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(seen[numbered(i)], 1) << numbered(i);
  for (const auto& [name, count] : seen) EXPECT_EQ(count, 1) << name;
}

TEST_F(Directory, RemovingWhileListingRemovesAll) {
  make_dir("dir");
  for (int i = 0; i < 1'500; ++i) make_file("dir/" + numbered(i));
  Listing listing("dir");
  for (std::string name = listing.next(); !name.empty(); name = listing.next()) {
    if (name[0] != '.') {
      EXPECT_WORKS(::unlink(("dir/" + name).c_str()));
    }
  }
  EXPECT_WORKS(::rmdir("dir"));
}

TEST_F(Directory, AnEntryThatIsRenamedIsNotSeenTwiceUnderOneName) {
  make_dir("dir");
  for (int i = 0; i < 500; ++i) make_file("dir/" + numbered(i));
  Listing listing("dir");
  std::map<std::string, int> seen;
  int renamed = 0;
  for (std::string name = listing.next(); !name.empty(); name = listing.next()) {
    ++seen[name];
    if (renamed >= 100) continue;
    EXPECT_WORKS(::rename(("dir/" + numbered(renamed)).c_str(),
                          ("dir/moved" + std::to_string(renamed)).c_str()));
    ++renamed;
  }
  for (const auto& [name, count] : seen) EXPECT_EQ(count, 1) << name;
  for (int i = 100; i < 500; ++i) EXPECT_EQ(seen[numbered(i)], 1) << i;
}

TEST_F(Directory, SeekdirGoesBackToATold) {
  make_dir("dir");
  for (int i = 0; i < 300; ++i) make_file("dir/" + numbered(i));
  Listing listing("dir");
  std::vector<long> places;
  std::vector<std::string> names;
  for (;;) {
    const long place = ::telldir(listing.get());
    const std::string name = listing.next();
    if (name.empty()) break;
    places.push_back(place);
    names.push_back(name);
  }
  for (const std::size_t i : {301U, 0U, 150U, 7U, 299U, 1U}) {
    ::seekdir(listing.get(), places[i]);
    EXPECT_EQ(listing.next(), names[i]) << i;
  }
  ::seekdir(listing.get(), places[100]);
  EXPECT_EQ(listing.rest(), std::vector<std::string>(names.begin() + 100, names.end()));
}

TEST_F(Directory, SeekdirWorksAfterItsEntryIsGone) {
  make_dir("dir");
  for (int i = 0; i < 300; ++i) make_file("dir/" + numbered(i));
  Listing listing("dir");
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) names.push_back(listing.next());
  const long place = ::telldir(listing.get());
  const std::vector<std::string> rest = listing.rest();
  EXPECT_WORKS(::unlink(("dir/" + rest[0]).c_str()));
  ::seekdir(listing.get(), place);
  // POSIX leaves open whether the removed one still shows before a rewinddir.
  std::vector<std::string> again = listing.rest();
  if (!again.empty() && again[0] == rest[0]) again.erase(again.begin());
  EXPECT_EQ(again, std::vector<std::string>(rest.begin() + 1, rest.end()));
}

TEST_F(Directory, RewinddirSeesWhatIsNew) {
  make_dir("dir");
  make_file("dir/old");
  Listing listing("dir");
  listing.rest();
  make_file("dir/new");
  EXPECT_WORKS(::unlink("dir/old"));
  ::rewinddir(listing.get());
  EXPECT_THAT(listing.rest(), ::testing::UnorderedElementsAre(".", "..", "new"));
}

TEST_F(Directory, TwoListingsAreIndependent) {
  make_dir("dir");
  for (int i = 0; i < 100; ++i) make_file("dir/" + numbered(i));
  Listing one("dir");
  Listing two("dir");
  for (int i = 0; i < 50; ++i) one.next();
  EXPECT_EQ(two.rest().size(), 102U);
  EXPECT_EQ(one.rest().size(), 52U);
}

TEST_F(Directory, LongNamesAreListedWhole) {
  std::multiset<std::string> expected;
  for (int i = 0; i < 200; ++i) {
    const std::string number = std::to_string(1000 + i);
    expected.insert(number + std::string(255 - number.size(), 'n'));
  }
  for (const auto& name : expected) make_file(name);
  EXPECT_EQ(names_in("."), expected);
}

TEST_F(Directory, SmallBuffersListTheSame) {
  for (int i = 0; i < 50; ++i) make_file(numbered(i));
  const Fd fd = ::open(".", O_RDONLY);
  std::multiset<std::string> names;
  alignas(8) char buffer[64];
  for (;;) {
    const long n = ::syscall(SYS_getdents64, int{fd}, buffer, sizeof buffer);
    ASSERT_WORKS(n);
    if (n == 0) break;
    for (long at = 0; at < n;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      names.insert(entry->d_name);
      at += entry->d_reclen;
    }
  }
  EXPECT_EQ(names.size(), 52U);
}

TEST_F(Directory, GetcwdFollowsARename) {
  make_dir("dir");
  const std::string now = in_child([]() -> long {
                            char buffer[4096] = {};
                            if (::chdir("dir") != 0 || ::rename("../dir", "../moved") != 0)
                              return 0;
                            const std::string path = ::getcwd(buffer, sizeof buffer);
                            return path.size() > 6 && path.substr(path.size() - 6) == "/moved";
                          }) == 1
                              ? "moved"
                              : "lost";
  EXPECT_EQ(now, "moved");
}

TEST_F(Directory, FchdirEntersAnOpenOne) {
  make_dir("dir");
  make_file("dir/file", "bytes");
  const Fd here = ::open(".", O_RDONLY);
  const Fd dir = ::open("dir", O_RDONLY);
  EXPECT_WORKS(::fchdir(dir));
  EXPECT_EQ(slurp("file"), "bytes");
  EXPECT_WORKS(::fchdir(here));
}

}  // namespace
}  // namespace cairn::posix
