#include "fsd/frontends/fuse/stale_mount.h"

#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/unit/fuse/mount_fixture.h"

namespace cairn::fuse {
namespace {

using ::testing::HasSubstr;

TEST(Mountinfo, a_line_gives_target_type_and_source_whatever_optional_fields_it_has) {
  const auto entry = parse_mountinfo_line(
      "36 35 0:41 / /mnt/a\\040b rw,noatime shared:1 master:2 - fuse.cairn cairn:vol rw,user_id=0");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->device, "0:41");
  EXPECT_EQ(entry->target, "/mnt/a b");
  EXPECT_EQ(entry->type, "fuse.cairn");
  EXPECT_EQ(entry->source, "cairn:vol");
}

TEST(Mountinfo, what_is_no_such_line_is_refused) {
  for (const char* line : {"", "36 35", "36 35 0:41 / /mnt rw shared:1", "a b c d e f - x"}) {
    EXPECT_FALSE(parse_mountinfo_line(line)) << line;
  }
}

TEST(Mountinfo, escapes_are_undone_and_half_ones_left) {
  EXPECT_EQ(unescape_mount_field("a\\011b\\134c"), "a\tb\\c");
  EXPECT_EQ(unescape_mount_field("a\\0"), "a\\0");
  EXPECT_EQ(unescape_mount_field("\\999"), "\\999");
}

std::string refusal(const std::string& mountpoint, const MountpointRules& rules = {}) {
  const auto prepared = prepare_mountpoint(mountpoint, rules);
  return prepared ? "prepared" : prepared.error().message();
}

TEST(Mountpoint, what_cannot_be_mounted_on_is_refused_with_a_sentence) {
  const TemporaryDirectory dir;
  std::ofstream(dir.path() + "/file") << "x";
  EXPECT_THAT(refusal(dir.path()), HasSubstr("is not empty"));
  EXPECT_THAT(refusal(dir.path() + "/file"), HasSubstr("is not a directory"));
  EXPECT_THAT(refusal(dir.path() + "/missing"), HasSubstr("does not exist"));
  EXPECT_THAT(refusal("/missing/entirely"), HasSubstr("does not exist"));
  EXPECT_EQ(refusal(dir.path(), {.allow_nonempty = true}), "prepared");
}

TEST(Mountpoint, must_not_overlap_with_the_cache_directory) {
  const TemporaryDirectory dir;
  const std::string inner = dir.path() + "/inner";
  std::filesystem::create_directory(inner);
  EXPECT_THAT(refusal(inner, {.cache_dir = dir.path()}), HasSubstr("below the cache directory"));
  EXPECT_THAT(refusal(dir.path(), {.allow_nonempty = true, .cache_dir = inner}),
              HasSubstr("wait for itself"));
  EXPECT_EQ(refusal(inner, {.cache_dir = dir.path() + "/inner2"}), "prepared");
}

TEST(Mountpoint, is_named_by_its_real_path) {
  const TemporaryDirectory dir;
  std::filesystem::create_directory(dir.path() + "/real");
  std::filesystem::create_directory_symlink(dir.path() + "/real", dir.path() + "/link");
  const auto prepared = prepare_mountpoint(dir.path() + "/link/", {});
  ASSERT_TRUE(prepared);
  EXPECT_EQ(*prepared, std::filesystem::canonical(dir.path() + "/real").string());
}

#ifdef MEMORY_MOUNT
class KilledDaemon {
 public:
  KilledDaemon(const std::string& mountpoint, const char* mode) {
    std::string program = MEMORY_MOUNT;
    std::string where = mountpoint;
    std::string how = mode;
    char* arguments[] = {program.data(), where.data(), how.data(), nullptr};
    pid_t pid = 0;
    if (posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments, environ) != 0) return;
    int status = 0;
    while (!find_mount(mountpoint)) {
      if (waitpid(pid, &status, WNOHANG) == pid) return;  // it could not mount
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    struct statfs st{};
    while (statfs(mountpoint.c_str(), &st) != 0) {
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    died_ = true;
  }
  [[nodiscard]] bool died() const { return died_; }

 private:
  bool died_ = false;
};

TEST(StaleMount, of_a_killed_daemon_is_recognised_and_replaced) {
  if (access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/fuse";
  for (const char* mode : {"readers", "io_uring"}) {
    const TemporaryDirectory dir;
    const KilledDaemon daemon(dir.path(), mode);
    if (!daemon.died()) {
      ASSERT_STREQ(mode, "io_uring");  // readers work everywhere
      GTEST_SKIP() << mode << " cannot be used here";
    }
    struct statfs st{};
    ASSERT_EQ(statfs(dir.path().c_str(), &st), -1);

    CoreInMemory core;
    FuseServer::Options options;
    options.mountpoint = dir.path();
    auto server = FuseServer::start(core.runtime(), core.vfs(), options);
    ASSERT_TRUE(server) << server.error().message();
    EXPECT_EQ(statfs(dir.path().c_str(), &st), 0);
    (*server)->stop();
    EXPECT_FALSE(find_mount(dir.path()));
  }
}
#endif

TEST(Mountpoint, that_carries_a_living_mount_of_ours_is_refused) {
  if (access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/fuse";
  const TemporaryDirectory dir;
  CoreInMemory core;
  FuseServer::Options options;
  options.mountpoint = dir.path();
  options.volume_name = "first";
  auto first = FuseServer::start(core.runtime(), core.vfs(), options);
  ASSERT_TRUE(first) << first.error().message();
  auto second = FuseServer::start(core.runtime(), core.vfs(), options);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message(), HasSubstr("cairn:first is mounted on"));
  (*first)->stop();
}

TEST(Unmounted, by_somebody_else_is_told_once) {
  if (access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/fuse";
  for (const IoUring mode : {IoUring::kOff, IoUring::kAuto}) {
    const TemporaryDirectory dir;
    CoreInMemory core;
    std::promise<void> told;
    FuseServer::Options options;
    options.mountpoint = dir.path();
    options.io_uring = mode;
    options.on_unmounted = [&told] { told.set_value(); };
    auto server = FuseServer::start(core.runtime(), core.vfs(), options);
    ASSERT_TRUE(server) << server.error().message();
    ASSERT_TRUE(unmount(dir.path()));
    told.get_future().wait();
    (*server)->stop();
  }
}

}  // namespace
}  // namespace cairn::fuse
