// What the rest of the system does with a filesystem: statfs, inotify, exec, leases of names.
#include <poll.h>
#include <sys/inotify.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "tests/posix/harness/posix_test.h"

namespace cairn::posix {
namespace {

class System : public PosixTest {};

TEST_F(System, StatfsIsSane) {
  struct statfs answer{};
  ASSERT_WORKS(::statfs(".", &answer));
  EXPECT_GT(answer.f_bsize, 0);
  EXPECT_GT(answer.f_blocks, 0U);
  EXPECT_LE(answer.f_bfree, answer.f_blocks);
  EXPECT_LE(answer.f_bavail, answer.f_blocks);
  EXPECT_LE(answer.f_ffree, answer.f_files);
  EXPECT_GE(answer.f_namelen, 255);
}

TEST_F(System, StatvfsAgrees) {
  struct statvfs answer{};
  ASSERT_WORKS(::statvfs(".", &answer));
  struct statfs other{};
  ASSERT_WORKS(::statfs(".", &other));
  EXPECT_EQ(answer.f_blocks, other.f_blocks);
  EXPECT_EQ(answer.f_namemax, static_cast<unsigned long>(other.f_namelen));
  EXPECT_EQ(answer.f_flag & ST_RDONLY, 0U);
}

TEST_F(System, FstatfsOfAFileIsThatOfItsFilesystem) {
  const Fd fd = new_file("file");
  struct statfs one{};
  struct statfs two{};
  EXPECT_WORKS(::fstatfs(fd, &one));
  EXPECT_WORKS(::statfs(".", &two));
  EXPECT_EQ(one.f_type, two.f_type);
  EXPECT_FAILS(ENOENT, ::statfs("missing", &one));
  EXPECT_FAILS(EBADF, ::fstatfs(-1, &one));
}

TEST_F(System, PathconfKnowsTheLimits) {
  EXPECT_GE(::pathconf(".", _PC_NAME_MAX), 255);
  EXPECT_GE(::pathconf(".", _PC_LINK_MAX), 8);
  EXPECT_GE(::pathconf(".", _PC_PATH_MAX), 4096);
}

TEST_F(System, AScriptRuns) {
  make_file("script", "#!/bin/sh\nexit 42\n", 0755);
  const int status = wait_status_of([] { return ::execl("./script", "script", nullptr) - 1; });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 42);
}

TEST_F(System, AProgramRuns) {
  const Fd from = ::open("/bin/true", O_RDONLY);
  make_file("program", read_at(from, 0, static_cast<std::size_t>(stat_of_fd(from).st_size)), 0755);
  const int status = wait_status_of([] { return ::execl("./program", "program", nullptr) - 1; });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(System, ExecErrors) {
  make_file("text", "no program\n", 0755);
  make_file("plain", "#!/bin/sh\n", 0644);
  make_dir("dir");
  const auto run = [](const char* path) {
    return in_child([=] { return ::execl(path, path, nullptr); });
  };
  EXPECT_FAILS(ENOEXEC, run("./text"));
  EXPECT_FAILS(EACCES, run("./plain"));
  EXPECT_FAILS(EACCES, run("./dir"));
  EXPECT_FAILS(ENOENT, run("./missing"));
}

/// What inotify says within the limit of time of the case.
class Watch {
 public:
  explicit Watch(const char* path) : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    EXPECT_WORKS(::inotify_add_watch(fd_, path, IN_ALL_EVENTS));
  }
  /// Reads events until one of this kind and name has come.
  void expect(std::uint32_t kind, const std::string& name) {
    for (;;) {
      for (const Event& event : events_) {
        if ((event.kind & kind) != 0 && event.name == name) return;
      }
      pollfd ready{fd_, POLLIN, 0};
      if (::poll(&ready, 1, 10'000) != 1) {
        ADD_FAILURE() << "no event " << std::hex << kind << " for " << name;
        return;
      }
      take();
    }
  }

 private:
  struct Event {
    std::uint32_t kind;
    std::string name;
  };
  void take() {
    alignas(inotify_event) char buffer[8192];
    const ssize_t n = ::read(fd_, buffer, sizeof buffer);
    for (ssize_t at = 0; at < n;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      events_.push_back({event->mask, event->len > 0 ? event->name : ""});
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
  }
  Fd fd_;
  std::vector<Event> events_;
};

struct WatchCase {
  const char* name;
  std::uint32_t kind;
  const char* entry;
  void (*act)();
};

void PrintTo(const WatchCase& row, std::ostream* out) { *out << row.name; }

const WatchCase kWatchCases[] = {
    {"Create", IN_CREATE, "new", [] { make_file("dir/new"); }},
    {"Mkdir", IN_CREATE, "new", [] { make_dir("dir/new"); }},
    {"Link", IN_CREATE, "new", [] { EXPECT_WORKS(::link("dir/file", "dir/new")); }},
    {"Symlink", IN_CREATE, "new", [] { EXPECT_WORKS(::symlink("t", "dir/new")); }},
    {"Unlink", IN_DELETE, "file", [] { EXPECT_WORKS(::unlink("dir/file")); }},
    {"RenameFrom", IN_MOVED_FROM, "file", [] { EXPECT_WORKS(::rename("dir/file", "out")); }},
    {"RenameTo", IN_MOVED_TO, "new", [] { EXPECT_WORKS(::rename("dir/file", "dir/new")); }},
    {"Write", IN_MODIFY, "file", [] { EXPECT_EQ(::pwrite(open_rw("dir/file"), "x", 1, 0), 1); }},
    {"CloseAfterWriting", IN_CLOSE_WRITE, "file", [] { open_rw("dir/file"); }},
    {"Truncate", IN_MODIFY, "file", [] { EXPECT_WORKS(::truncate("dir/file", 1)); }},
    {"Chmod", IN_ATTRIB, "file", [] { EXPECT_WORKS(::chmod("dir/file", 0600)); }},
    {"Open", IN_OPEN, "file", [] { open_rw("dir/file"); }},
};

class Inotify : public PosixTest, public ::testing::WithParamInterface<WatchCase> {};

TEST_P(Inotify, Tells) {
  make_dir("dir");
  make_file("dir/file", "bytes");
  Watch watch("dir");
  GetParam().act();
  watch.expect(GetParam().kind, GetParam().entry);
}

INSTANTIATE_TEST_SUITE_P(Each, Inotify, ::testing::ValuesIn(kWatchCases),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(System, InotifyTellsThatTheWatchedDirectoryIsGone) {
  make_dir("dir");
  Watch watch("dir");
  EXPECT_WORKS(::rmdir("dir"));
  watch.expect(IN_DELETE_SELF, "");
}

TEST_F(System, ManyOpenFilesAtOnce) {
  std::vector<Fd> files;
  for (int i = 0; i < 300; ++i) files.push_back(new_file("file" + std::to_string(i), "x"));
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(read_at(files[static_cast<std::size_t>(i)], 0, 2), "x");
  }
}

TEST_F(System, ExclusiveCreationHasOneWinner) {
  for (int round = 0; round < 20; ++round) {
    const std::string name = "lock" + std::to_string(round);
    SharedPage page;
    {
      Signal go;
      const auto race = [&]() -> long {
        go.wait();
        if (::open(name.c_str(), O_CREAT | O_EXCL | O_RDWR, 0644) >= 0) ++page.words[0];
        return 0;
      };
      Process one(race);
      Process two(race);
      Process three(race);
      for (int i = 0; i < 3; ++i) go.open();
    }
    ASSERT_EQ(page.words[0], 1) << round;
  }
}

TEST_F(System, MkdirAndLinkHaveOneWinnerToo) {
  make_file("file");
  for (int round = 0; round < 10; ++round) {
    const std::string name = std::to_string(round);
    SharedPage page;
    {
      Signal go;
      const auto race = [&]() -> long {
        go.wait();
        if (::mkdir(("dir" + name).c_str(), 0755) == 0) ++page.words[0];
        if (::link("file", ("link" + name).c_str()) == 0) ++page.words[1];
        if (::rename(("dir" + name).c_str(), ("moved" + name).c_str()) == 0) ++page.words[2];
        return 0;
      };
      Process one(race);
      Process two(race);
      for (int i = 0; i < 2; ++i) go.open();
    }
    // A second mkdir may succeed once the first directory has moved away.
    EXPECT_GE(page.words[0], 1);
    EXPECT_EQ(page.words[1], 1);
    EXPECT_LE(page.words[2], page.words[0]);
  }
}

}  // namespace
}  // namespace cairn::posix
