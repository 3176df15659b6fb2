#include <linux/fs.h>

#include "tests/unit/vfs/vfs_fixture.h"

namespace cairn::vfs {
namespace {

/// A tree that the tables below work on:
///   /file /link -> x /full/inner/deep /empty/ /other/ /fifo, and /hard, another name of /file.
class VfsNames : public VfsTest {
 protected:
  VfsNames() {
    file = make_file(kRoot, "file", "abc");
    EXPECT_THAT(run(fs->make_symlink({}, kRoot, "link", "x")), Succeeds());
    full = mkdir(kRoot, "full");
    inner = mkdir(full, "inner");
    deep = mkdir(inner, "deep");
    empty = mkdir(kRoot, "empty");
    other = mkdir(kRoot, "other");
    EXPECT_THAT(run(fs->link({}, file, kRoot, "hard")), Succeeds());
  }
  Ino at(const std::string& name) const {
    const std::map<std::string, Ino> all{{"", kRoot},    {"full", full},   {"inner", inner},
                                         {"deep", deep}, {"empty", empty}, {"other", other},
                                         {"file", file}};
    return all.at(name);
  }
  Ino file, full, inner, deep, empty, other;
};

struct NameCase {
  const char* parent;
  std::string name;
  int mkdir;
  int create;
  int symlink;
  int unlink;
  int rmdir;
  int lookup;
};

TEST_F(VfsNames, EachOperationFailsForTheReasonThatLinuxGives) {
  const std::string longest(255, 'n');
  const std::string too_long(256, 'n');
  const NameCase cases[] = {
      {"", "file", EEXIST, EEXIST, EEXIST, 0, ENOTDIR, 0},
      {"", "full", EEXIST, EEXIST, EEXIST, EISDIR, ENOTEMPTY, 0},
      {"", "empty", EEXIST, EEXIST, EEXIST, EISDIR, 0, 0},
      {"", "none", 0, 0, 0, ENOENT, ENOENT, ENOENT},
      {"", longest, 0, 0, 0, ENOENT, ENOENT, ENOENT},
      {"", too_long, ENAMETOOLONG, ENAMETOOLONG, ENAMETOOLONG, ENAMETOOLONG, ENAMETOOLONG,
       ENAMETOOLONG},
      {"", "", ENOENT, ENOENT, ENOENT, ENOENT, ENOENT, ENOENT},
      {"", "a/b", EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL},
      {"", std::string("a\0b", 3), EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL},
      {"", ".", EEXIST, EEXIST, EEXIST, EISDIR, EINVAL, 0},
      {"", "..", EEXIST, EEXIST, EEXIST, EISDIR, ENOTEMPTY, 0},
      {"file", "x", ENOTDIR, ENOTDIR, ENOTDIR, ENOTDIR, ENOTDIR, ENOTDIR},
  };
  for (const NameCase& c : cases) {
    SCOPED_TRACE(c.name);
    const Ino parent = at(c.parent);
    auto undo = [&](bool made, bool directory) {
      if (!made) return;
      if (directory) {
        EXPECT_THAT(run(fs->remove_directory({}, parent, c.name)), Succeeds());
      } else {
        EXPECT_THAT(run(fs->unlink({}, parent, c.name)), Succeeds());
      }
    };
    EXPECT_THAT(run(fs->lookup({}, parent, c.name)), FailsWith(c.lookup));
    EXPECT_THAT(run(fs->make_directory({}, parent, c.name, {.mode = 0755})), FailsWith(c.mkdir));
    undo(c.mkdir == 0, true);
    EXPECT_THAT(run(fs->make_node({}, parent, c.name, {.mode = 0644})), FailsWith(c.create));
    undo(c.create == 0, false);
    EXPECT_THAT(run(fs->make_symlink({}, parent, c.name, "t")), FailsWith(c.symlink));
    undo(c.symlink == 0, false);
    EXPECT_THAT(run(fs->unlink({}, parent, c.name)), FailsWith(c.unlink));
    EXPECT_THAT(run(fs->remove_directory({}, parent, c.name)),
                FailsWith(c.unlink == 0 ? ENOENT : c.rmdir));
  }
}

struct RenameCase {
  const char* parent;
  const char* name;
  const char* new_parent;
  const char* new_name;
  unsigned flags;
  int error;
};

TEST_F(VfsNames, RenameFailsForTheReasonThatLinuxGives) {
  const RenameCase cases[] = {
      {"", "none", "", "x", 0, ENOENT},
      {"", "file", "", "empty", 0, EISDIR},
      {"", "empty", "", "file", 0, ENOTDIR},
      {"", "empty", "", "full", 0, ENOTEMPTY},
      {"", "full", "full", "x", 0, EINVAL},
      {"", "full", "deep", "x", 0, EINVAL},
      {"inner", "deep", "", "full", 0, ENOTEMPTY},
      {"inner", "deep", "", "full", RENAME_EXCHANGE, EINVAL},
      {"", "full", "inner", "deep", RENAME_EXCHANGE, EINVAL},
      {"", "file", "", "link", RENAME_NOREPLACE, EEXIST},
      {"", "file", "", "hard", RENAME_NOREPLACE, EEXIST},
      {"", "file", "", "x", RENAME_EXCHANGE, ENOENT},
      {"", "file", "", "x", RENAME_EXCHANGE | RENAME_NOREPLACE, EINVAL},
      {"", "file", "", "x", RENAME_WHITEOUT, EINVAL},
      {"", "file", "", "..", 0, EBUSY},
      {"", ".", "", "x", 0, EBUSY},
      {"", "file", "", "..", RENAME_NOREPLACE, EEXIST},
      {"", "file", "file", "x", 0, ENOTDIR},
      {"file", "x", "", "y", 0, ENOTDIR},
      {"", "file", "", "", 0, ENOENT},
      {"", "file", "", "file", 0, 0},
      {"", "file", "", "hard", 0, 0},
      {"", "file", "", "hard", RENAME_EXCHANGE, 0},
  };
  const auto before = volume.keys();
  for (const RenameCase& c : cases) {
    SCOPED_TRACE(std::string(c.name) + " to " + c.new_parent + "/" + c.new_name);
    EXPECT_THAT(run(fs->rename({}, at(c.parent), c.name, at(c.new_parent), c.new_name, c.flags)),
                FailsWith(c.error));
    EXPECT_EQ(volume.keys(), before);  // neither an error nor a no-op changes anything
  }
}

TEST_F(VfsNames, RenameMovesADirectoryWithItsParentAndLinkCounts) {
  ASSERT_THAT(run(fs->rename({}, full, "inner", other, "moved", 0)), Succeeds());
  EXPECT_EQ(find(other, "moved"), inner);
  EXPECT_EQ(find(inner, ".."), other);
  EXPECT_EQ(stat(full).nlink, 2U);
  EXPECT_EQ(stat(full).size, 0U);
  EXPECT_EQ(stat(other).nlink, 3U);
  EXPECT_EQ(stat(other).size, 1U);
}

TEST_F(VfsNames, RenameReplacesAnEmptyDirectory) {
  ASSERT_THAT(run(fs->rename({}, full, "inner", kRoot, "empty", 0)), Succeeds());
  EXPECT_EQ(find(kRoot, "empty"), inner);
  EXPECT_EQ(stat(kRoot).nlink, 5U);
  EXPECT_THAT(run(fs->get_attributes({}, empty)), FailsWith(ESTALE));
}

TEST_F(VfsNames, RenameReplacesAFileAndFreesIt) {
  make_file(other, "victim", std::string(5000, 'v'));
  ASSERT_THAT(run(fs->rename({}, kRoot, "file", other, "victim", 0)), Succeeds());
  EXPECT_EQ(find(other, "victim"), file);
  EXPECT_EQ(volume.referenced_bytes(), 3);
  EXPECT_EQ(stat(file).nlink, 2U);
}

// To be admitted to a second transaction may close the segment, and a crash then leaves half a
// rename.
TEST_F(VfsNames, ReplacingAFileOfManyExtentsIsOneTransaction) {
  reopen({.extents_per_step = 2});
  auto big = run(fs->create({}, kRoot, "big", {.mode = 0644}, O_RDWR));
  ASSERT_THAT(big, Succeeds());
  for (std::uint64_t i = 0; i < 5; ++i) {
    ASSERT_THAT(run(fs->write({}, big->first, i * 20'000, as_bytes("abc"), false)), Succeeds());
  }
  ASSERT_THAT(run(fs->release(big->first)), Succeeds());
  const std::uint64_t before = volume.admits();
  sim.in_core([&] {
    auto renaming = fs->rename({}, kRoot, "file", kRoot, "big", 0);
    ASSERT_TRUE(renaming.done());
    EXPECT_THAT(renaming.take(), Succeeds());
    EXPECT_EQ(volume.admits(), before + 1);
  });
  sim.run_until_idle();
  EXPECT_EQ(find(kRoot, "big"), file);
  EXPECT_THAT(run(fs->get_attributes({}, big->second.ino)), FailsWith(ESTALE));
}

TEST_F(VfsNames, ExchangeSwapsAFileAndADirectoryBetweenParents) {
  ASSERT_THAT(run(fs->rename({}, kRoot, "file", full, "inner", RENAME_EXCHANGE)), Succeeds());
  EXPECT_EQ(find(kRoot, "file"), inner);
  EXPECT_EQ(find(full, "inner"), file);
  EXPECT_EQ(find(inner, ".."), kRoot);
  EXPECT_EQ(stat(kRoot).nlink, 6U);
  EXPECT_EQ(stat(full).nlink, 2U);
  EXPECT_EQ(stat(full).size, 1U);
}

TEST_F(VfsNames, ARemovedDirectoryTakesNoEntriesAndShowsNone) {
  auto handle = run(fs->open_directory({}, empty));
  ASSERT_THAT(handle, Succeeds());
  ASSERT_THAT(run(fs->remove_directory({}, kRoot, "empty")), Succeeds());
  EXPECT_THAT(run(fs->make_node({}, empty, "x", {.mode = 0644})), FailsWith(ENOENT));
  EXPECT_THAT(run(fs->rename({}, kRoot, "file", empty, "x", 0)), FailsWith(ENOENT));
  EXPECT_EQ(stat(empty).nlink, 0U);
  int seen = 0;
  EXPECT_THAT(fs->read_directory(*handle, 0, [&](const DirectoryEntry&) { return ++seen != 0; }),
              Succeeds());
  EXPECT_EQ(seen, 0);
  ASSERT_THAT(run(fs->release_directory(*handle)), Succeeds());
  EXPECT_THAT(run(fs->get_attributes({}, empty)), FailsWith(ESTALE));
}

TEST_F(VfsNames, LinksNeedAFileWithAName) {
  EXPECT_THAT(run(fs->link({}, full, kRoot, "x")), FailsWith(EPERM));
  EXPECT_THAT(run(fs->link({}, file, kRoot, "hard")), FailsWith(EEXIST));
  EXPECT_THAT(run(fs->link({}, Ino(999), kRoot, "x")), FailsWith(ESTALE));
  const Ino open = make_file(kRoot, "open");
  const HandleId handle = open_file(open);
  ASSERT_THAT(run(fs->unlink({}, kRoot, "open")), Succeeds());
  EXPECT_THAT(run(fs->link({}, open, kRoot, "x")), FailsWith(ENOENT));
  EXPECT_THAT(run(fs->release(handle)), Succeeds());
}

TEST_F(VfsNames, SymlinkTargetsHaveTheirBounds) {
  EXPECT_THAT(run(fs->make_symlink({}, kRoot, "s", "")), FailsWith(ENOENT));
  EXPECT_THAT(run(fs->make_symlink({}, kRoot, "s", std::string(4096, 't'))),
              FailsWith(ENAMETOOLONG));
  EXPECT_THAT(run(fs->make_symlink({}, kRoot, "s", std::string(4095, 't'))), Succeeds());
  EXPECT_THAT(run(fs->read_symlink({}, file)), FailsWith(EINVAL));
}

/// What each operation does to the times of whom, as on ext4.
TEST_F(VfsNames, TimesChangeAsOnExt4) {
  struct Times {
    TimeNs mtime, ctime;
    bool operator==(const Times&) const = default;
  };
  auto times = [this](Ino ino) { return Times{stat(ino).mtime, stat(ino).ctime}; };
  auto both = [this](Ino ino) {
    const TimeNs now = sim.runtime().clock.wall().count();
    return stat(ino).mtime == now && stat(ino).ctime == now;
  };
  auto only_ctime = [this](Ino ino, TimeNs mtime) {
    return stat(ino).mtime == mtime && stat(ino).ctime == sim.runtime().clock.wall().count();
  };
  tick();
  TimeNs mtime = stat(file).mtime;
  ASSERT_THAT(run(fs->link({}, file, other, "l")), Succeeds());
  EXPECT_TRUE(both(other));
  EXPECT_TRUE(only_ctime(file, mtime));
  tick();
  const Times root_before = times(kRoot);
  ASSERT_THAT(run(fs->rename({}, other, "l", full, "l", 0)), Succeeds());
  EXPECT_TRUE(both(other));
  EXPECT_TRUE(both(full));
  EXPECT_TRUE(only_ctime(file, mtime));
  EXPECT_EQ(times(kRoot), root_before);
  tick();
  ASSERT_THAT(run(fs->unlink({}, full, "l")), Succeeds());
  EXPECT_TRUE(both(full));
  EXPECT_TRUE(only_ctime(file, mtime));
  tick();
  const Ino made = mkdir(full, "made");
  EXPECT_TRUE(both(full));
  EXPECT_TRUE(both(made));
  EXPECT_EQ(stat(made).btime, stat(made).atime);
}

TEST_F(VfsNames, AReadOnlyVolumeRefusesEveryChange) {
  ASSERT_THAT(run(fs->sync_all()), Succeeds());
  close();
  volume.set_read_only(true);
  open();
  EXPECT_THAT(run(fs->make_directory({}, kRoot, "x", {.mode = 0755})), FailsWith(EROFS));
  EXPECT_THAT(run(fs->unlink({}, kRoot, "file")), FailsWith(EROFS));
  EXPECT_THAT(run(fs->rename({}, kRoot, "file", kRoot, "x", 0)), FailsWith(EROFS));
  EXPECT_THAT(run(fs->open_file({}, file, O_RDWR)), FailsWith(EROFS));
  EXPECT_THAT(run(fs->open_file({}, file, O_RDONLY | O_TRUNC)), FailsWith(EROFS));
  EXPECT_THAT(run(fs->set_xattr({}, file, "user.a", "b", 0)), FailsWith(EROFS));
  EXPECT_THAT(run(fs->access({}, file, W_OK)), FailsWith(EROFS));
  EXPECT_EQ(read_file(file), "abc");
}

TEST_F(VfsNames, ADamagedRecordFailsOnlyWhatNeedsIt) {
  volume.put(format::inode_key(file), "garbage");
  reopen();
  EXPECT_THAT(run(fs->lookup({}, kRoot, "file")), FailsWith(EIO));
  EXPECT_THAT(run(fs->unlink({}, kRoot, "file")), FailsWith(EIO));
  EXPECT_EQ(find(kRoot, "full"), full);
  volume.erase(format::inode_key(file));
  EXPECT_THAT(run(fs->lookup({}, kRoot, "file")), FailsWith(EIO));
}

}  // namespace
}  // namespace cairn::vfs
