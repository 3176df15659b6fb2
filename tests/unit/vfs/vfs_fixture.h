#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fsd/format/keys.h"
#include "fsd/vfs/vfs.h"
#include "tests/support/memory_volume.h"
#include "tests/support/sim_runtime.h"

namespace cairn::vfs {

MATCHER_P(FailsWith, number, "fails with errno " + std::to_string(number)) {
  if (arg.has_value()) {
    *result_listener << "which succeeds";
    return number == 0;
  }
  *result_listener << "which fails with errno " << to_errno(arg.error());
  return to_errno(arg.error()) == number;
}
MATCHER(Succeeds, "succeeds") {
  if (!arg.has_value()) *result_listener << "which fails with errno " << to_errno(arg.error());
  return arg.has_value();
}

inline Caller user(std::uint32_t uid, std::uint32_t gid, std::vector<std::uint32_t> groups = {}) {
  return {.uid = uid, .gid = gid, .groups = std::move(groups)};
}

/// The root, the counters, the terms.
inline constexpr std::size_t kKeysOfAnEmptyVolume = 3;

/// A Vfs on a volume in memory, with short names for what tests do most.
class VfsTest : public ::testing::Test {
 protected:
  VfsTest() { open(); }
  ~VfsTest() override { close(); }

  void open(Vfs::Options options = {}) {
    auto opened = run(Vfs::open(sim.runtime(), volume, options));
    ASSERT_THAT(opened, Succeeds());
    fs = std::move(*opened);
  }
  void close() {
    if (!fs) return;
    run_void(fs->stop());
    fs.reset();
  }
  void reopen(Vfs::Options options = {}) {
    close();
    open(options);
  }
  /// A power cut and the start after it.
  void crash_and_reopen() {
    fs.reset();
    volume.crash();
    open();
  }

  template <class T>
  T run(Task<T> task) {
    return sim.wait(std::move(task));
  }
  void run_void(Task<> task) {
    while (!task.done()) ASSERT_TRUE(sim.run_one());
  }

  Ino mkdir(Ino parent, const std::string& name, std::uint32_t mode = 0755, Caller who = {}) {
    auto made = run(fs->make_directory(who, parent, name, {.mode = mode}));
    EXPECT_THAT(made, Succeeds()) << name;
    return made ? made->ino : Ino();
  }
  /// A file with these bytes, closed.
  Ino make_file(Ino parent, const std::string& name, std::string_view content = "",
                std::uint32_t mode = 0644, Caller who = {}) {
    auto made = run(fs->create(who, parent, name, {.mode = mode}, O_RDWR));
    EXPECT_THAT(made, Succeeds()) << name;
    if (!made) return Ino();
    if (!content.empty()) {
      EXPECT_THAT(run(fs->write(who, made->first, 0, as_bytes(content), false)), Succeeds());
    }
    EXPECT_THAT(run(fs->release(made->first)), Succeeds());
    return made->second.ino;
  }
  HandleId open_file(Ino ino, int flags = O_RDWR, Caller who = {}) {
    auto handle = run(fs->open_file(who, ino, flags));
    EXPECT_THAT(handle, Succeeds());
    return handle ? *handle : HandleId();
  }
  Result<std::string> read_handle(HandleId handle, std::uint64_t offset, std::size_t length) {
    std::string bytes(length, '\0');
    TRY(const std::size_t count,
        run(fs->read(handle, offset,
                     {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()})));
    bytes.resize(count);
    return bytes;
  }
  std::string read_file(Ino ino) {
    const HandleId handle = open_file(ino, O_RDONLY);
    auto bytes = read_handle(handle, 0, 1 << 20);
    EXPECT_THAT(bytes, Succeeds());
    EXPECT_THAT(run(fs->release(handle)), Succeeds());
    return bytes.value_or("");
  }
  InodeRecord stat(Ino ino) {
    auto found = run(fs->get_attributes({}, ino));
    EXPECT_THAT(found, Succeeds());
    return found ? found->inode : InodeRecord();
  }
  Ino find(Ino parent, const std::string& name) {
    auto found = run(fs->lookup({}, parent, name));
    return found ? found->ino : Ino();
  }
  std::vector<std::string> list(Ino ino) {
    auto handle = run(fs->open_directory({}, ino));
    EXPECT_THAT(handle, Succeeds());
    if (!handle) return {};
    std::vector<std::string> names;
    EXPECT_THAT(fs->read_directory(*handle, Directory2,
                                   [&](const DirectoryEntry& e) {
                                     names.emplace_back(e.name);
                                     return true;
                                   }),
                Succeeds());
    EXPECT_THAT(run(fs->release_directory(*handle)), Succeeds());
    std::sort(names.begin(), names.end());
    return names;
  }
  void tick(std::int64_t ms = 10) { sim.run_for(std::chrono::milliseconds(ms)); }

  static constexpr std::uint64_t Directory2 = 2;  // the cookie of "..": list what comes after
  static constexpr Ino kRoot = kRootIno;
  testing::SimRuntime sim{1};
  testing::MemoryVolume volume;
  std::unique_ptr<Vfs> fs;
};

}  // namespace cairn::vfs
