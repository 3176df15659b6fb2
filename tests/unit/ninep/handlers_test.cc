#include <sys/stat.h>
#include <sys/xattr.h>

#include "tests/unit/ninep/session_fixture.h"

// What each message does.

namespace cairn::p9 {
namespace {

TEST_F(SessionTest, WalksAsFarAsItGets) {
  client->get<Rmkdir>(Tmkdir{.dfid = 0, .name = "a", .mode = 0755});
  client->walk(0, 1, {"a"});
  client->get<Rmkdir>(Tmkdir{.dfid = 1, .name = "b", .mode = 0755});
  EXPECT_EQ(client->walk(0, 2, {"a", "b"}), 2U);
  EXPECT_EQ(client->walk(0, 3, {"a", "b", "missing", "x"}), 2U);
  EXPECT_EQ(client->error(Tclunk{.fid = 3}), EBADF) << "a walk that ends early makes no fid";
  EXPECT_EQ(client->walk_error(0, 3, {"missing", "b"}), ENOENT);
  EXPECT_EQ(client->walk_error(0, 3, {""}), ENOENT);
  EXPECT_EQ(client->walk_error(0, 3, {"a/b"}), EINVAL);
  EXPECT_EQ(client->walk_error(0, 3, {std::string(256, 'n')}), ENAMETOOLONG);
  EXPECT_EQ(client->walk(2, 4, {"..", "b", ".", ".."}), 4U);
  EXPECT_EQ(client->stat(4).qid.path, client->stat(1).qid.path);
  EXPECT_EQ(client->walk(0, 5, {"..", ".."}), 2U);
  EXPECT_EQ(client->stat(5).qid.path, vfs::kRootIno.value()) << "nothing is above the root";
}

TEST_F(SessionTest, WalksThroughDirectoriesOnly) {
  client->create(0, 1, "file");
  client->get<Rsymlink>(Tsymlink{.dfid = 0, .name = "link", .target = "/", .gid = 0});
  EXPECT_EQ(client->walk(0, 2, {"file", "x"}), 1U);
  EXPECT_EQ(client->walk(0, 2, {"link", "x"}), 1U) << "links are the client's to follow";
  client->walk(0, 2, {"link"});
  EXPECT_EQ(client->get<Rreadlink>(Treadlink{.fid = 2}).target, "/");
  EXPECT_EQ(client->stat(2).qid.type, kQidSymlink);
}

TEST_F(SessionTest, AttachesToASubtreeAndNeverLeavesIt) {
  const Ino top = mkdir(kRoot, "top");
  const Ino inside = mkdir(top, "inside");
  const Ino deep = mkdir(inside, "deep");
  client->attach(1, 0, "/top/");
  client->walk(1, 2, {"inside", "deep"});
  EXPECT_EQ(client->walk(2, 3, {"..", "..", "..", ".."}), 4U);
  EXPECT_EQ(client->stat(3).qid.path, top.value());
  client->clunk(3);
  EXPECT_THAT(run(fs->rename({}, inside, "deep", kRoot, "deep", 0)), Succeeds());
  EXPECT_EQ(client->walk_error(2, 3, {".."}), ENOENT) << "moved out: no way up from there";
  EXPECT_EQ(client->stat(2).qid.path, deep.value());
}

TEST_F(SessionTest, AttachesOnlyToDirectoriesThatAreThere) {
  make_file(kRoot, "file");
  const auto attach = [](std::string_view aname) {
    return Tattach{.fid = 5, .afid = kNoFid, .uname = "", .aname = aname, .n_uname = 0};
  };
  EXPECT_EQ(client->error(attach("missing")), ENOENT);
  EXPECT_EQ(client->error(attach("file")), ENOTDIR);
  EXPECT_EQ(client->error(attach("..")), EINVAL);
  EXPECT_EQ(client->error(attach("/./")), 0);
}

TEST_F(SessionTest, ReadsWhatItWrote) {
  client->create(0, 1, "file");
  client->write(1, 0, "hello");
  client->write(1, 100'000, "far");
  EXPECT_EQ(client->read(1, 0, 5), "hello");
  EXPECT_EQ(client->read(1, 100'000), "far");
  EXPECT_EQ(client->read(1, 200'000), "");
  EXPECT_EQ(client->stat(1).size, 100'003U);
  client->get<Rfsync>(Tfsync{.fid = 1});
  client->walk(0, 2, {"file"});
  EXPECT_EQ(client->error(Tread{.fid = 2, .offset = 0, .count = 5}), EBADF) << "not open";
  EXPECT_EQ(client->error(Twrite{.fid = 2, .offset = 0, .data = as_bytes("x")}), EBADF);
}

TEST_F(SessionTest, OpensAsItIsAsked) {
  client->create(0, 1, "file", "content");
  client->clunk(1);
  client->walk(0, 1, {"file"});
  client->get<Rlopen>(Tlopen{.fid = 1, .flags = open_flag::kReadOnly});
  EXPECT_EQ(client->error(Twrite{.fid = 1, .offset = 0, .data = as_bytes("x")}), EBADF);
  EXPECT_EQ(client->error(Tlopen{.fid = 1, .flags = 0}), EINVAL) << "open already";
  client->walk(0, 2, {"file"});
  EXPECT_EQ(client->error(Tlopen{.fid = 2, .flags = 3}), EINVAL);
  client->get<Rlopen>(Tlopen{.fid = 2, .flags = open_flag::kWriteOnly | open_flag::kAppend});
  client->write(2, 0, " and more");
  EXPECT_EQ(client->read(1), "content and more");
  client->walk(0, 3, {"file"});
  client->get<Rlopen>(Tlopen{.fid = 3, .flags = open_flag::kWriteOnly | open_flag::kTruncate});
  EXPECT_EQ(client->read(1), "");
  client->walk(0, 4, {});
  EXPECT_EQ(client->error(Tlopen{.fid = 4, .flags = open_flag::kReadWrite}), EISDIR);
  client->get<Rlopen>(Tlopen{.fid = 4, .flags = open_flag::kReadOnly | open_flag::kDirectory});
  EXPECT_EQ(client->error(Tread{.fid = 4, .offset = 0, .count = 5}), EISDIR);
  client->walk(0, 5, {"file"});
  EXPECT_EQ(client->error(Tlopen{.fid = 5, .flags = open_flag::kDirectory}), ENOTDIR);
}

TEST_F(SessionTest, ListsADirectoryInPieces) {
  for (int i = 0; i < 50; ++i) make_file(kRoot, "file" + std::to_string(i));
  client->walk(0, 1, {});
  client->get<Rlopen>(Tlopen{.fid = 1, .flags = 0});
  std::map<std::string, int> seen;
  std::uint64_t offset = 0;
  for (bool more = true; more;) {
    Bytes data = client->get<Rreaddir>(Treaddir{.fid = 1, .offset = offset, .count = 200}).data;
    EXPECT_LE(data.size(), 200U);
    more = !data.empty();
    while (const auto entry = take_entry(data)) {
      ++seen[std::string(entry->name)];
      offset = entry->offset;
    }
  }
  EXPECT_EQ(seen.size(), 52U);
  for (const auto& [name, times] : seen) EXPECT_EQ(times, 1) << name;
  EXPECT_EQ(
      client->get<Rreaddir>(Treaddir{.fid = 1, .offset = UINT64_MAX, .count = 200}).data.size(),
      0U);
  EXPECT_EQ(client->error(Treaddir{.fid = 1, .offset = 0, .count = 20}), EINVAL);
  EXPECT_EQ(client->error(Treaddir{.fid = 0, .offset = 0, .count = 200}), EBADF) << "not open";
}

TEST_F(SessionTest, ShowsAndChangesAttributes) {
  client->create(0, 1, "file", "0123456789");
  client->get<Rsetattr>(Tsetattr{.fid = 1,
                                 .valid = setattr::kMode | setattr::kUid | setattr::kGid |
                                          setattr::kSize | setattr::kAtime | setattr::kAtimeSet |
                                          setattr::kMtime | setattr::kMtimeSet,
                                 .mode = S_IFREG | 0600,
                                 .uid = 5,
                                 .gid = 6,
                                 .size = 3,
                                 .atime = {1, 2},
                                 .mtime = {static_cast<std::uint64_t>(-3), 4}});
  const Rgetattr now = client->stat(1);
  EXPECT_EQ(now.valid, getattr::kBasic);
  EXPECT_EQ(now.mode, S_IFREG | 0600U);
  EXPECT_EQ(now.uid, 5U);
  EXPECT_EQ(now.gid, 6U);
  EXPECT_EQ(now.size, 3U);
  EXPECT_EQ(now.nlink, 1U);
  EXPECT_EQ(now.atime, (Time{1, 2}));
  EXPECT_EQ(now.mtime, (Time{static_cast<std::uint64_t>(-3), 4})) << "before 1970";
  client->get<Rsetattr>(Tsetattr{.fid = 1, .valid = setattr::kMtime});
  EXPECT_GT(client->stat(1).mtime.seconds, 1'000'000'000U) << "now";
  EXPECT_EQ(client->error(Tsetattr{.fid = 1, .valid = 0x200}), EINVAL);
  EXPECT_EQ(
      client->error(Tsetattr{
          .fid = 1, .valid = setattr::kAtime | setattr::kAtimeSet, .atime = {0, 1'000'000'000}}),
      EINVAL);
}

TEST_F(SessionTest, TakesAModeThatOnlyLosesPrivilegesForASideEffect) {
  const Ino ino = make_file(kRoot, "file", "content", 0666);
  EXPECT_THAT(run(fs->set_attributes({}, ino, {}, {.mode = 06777})), Succeeds());
  client->attach(10, 1000);
  client->walk(10, 11, {"file"});
  // What Linux sends for ftruncate(2) by another than the owner.
  client->get<Rsetattr>(
      Tsetattr{.fid = 11, .valid = setattr::kMode | setattr::kSize, .mode = 0777, .size = 1});
  EXPECT_EQ(stat(ino).mode & 07777, 0777U);
  EXPECT_EQ(stat(ino).size, 1U);
  EXPECT_EQ(client->error(Tsetattr{
                .fid = 11, .valid = setattr::kMode | setattr::kSize, .mode = 0770, .size = 0}),
            EPERM)
      << "another mode is the owner's to set";
}

TEST_F(SessionTest, ShowsABlockSizeThatIsAPowerOfTwo) {
  EXPECT_EQ(client->stat(0).blksize, 32768U) << "of 65536 less the head of a message";
  client->begin(32768 + kIoHeadBytes);
  client->attach(0);
  EXPECT_EQ(client->stat(0).blksize, 32768U);
}

TEST_F(SessionTest, TruncatesForWhoeverMayWriteWithTheTimeThatLinuxSends) {
  const Ino ino = make_file(kRoot, "file", "content", 0666);
  EXPECT_THAT(run(fs->set_attributes({}, ino, {}, {.mtime = 1})), Succeeds());
  client->attach(10, 1000);
  client->walk(10, 11, {"file"});
  client->get<Rsetattr>(Tsetattr{.fid = 11, .valid = setattr::kSize | setattr::kMtime, .size = 1});
  EXPECT_EQ(stat(ino).size, 1U);
  EXPECT_GT(stat(ino).mtime, 1);
  EXPECT_EQ(
      client->error(Tsetattr{
          .fid = 11, .valid = setattr::kSize | setattr::kMtime | setattr::kMtimeSet, .size = 0}),
      EPERM)
      << "a time of his choice is the owner's to set";
}

TEST_F(SessionTest, WhoMayWriteMayTakePrivilegesAwayBeforehand) {
  const Ino ino = make_file(kRoot, "file", "content", 0666);
  EXPECT_THAT(run(fs->set_attributes({}, ino, {}, {.mode = 06777})), Succeeds());
  EXPECT_THAT(run(fs->set_xattr({}, ino, "security.capability", "may all", 0)), Succeeds());
  const Ino closed = make_file(kRoot, "closed", "content", 0600);
  EXPECT_THAT(run(fs->set_attributes({}, closed, {}, {.mode = 06755})), Succeeds());
  EXPECT_THAT(run(fs->set_xattr({}, closed, "security.capability", "may all", 0)), Succeeds());
  client->attach(10, 1000);
  client->walk(10, 11, {"file"});
  EXPECT_EQ(client->error(Tsetattr{.fid = 11, .valid = setattr::kMode, .mode = 0770}), EPERM);
  client->get<Rsetattr>(Tsetattr{.fid = 11, .valid = setattr::kMode, .mode = 0777});
  EXPECT_EQ(stat(ino).mode & 07777, 0777U);
  EXPECT_THAT(run(fs->get_xattr({}, ino, "security.capability")), FailsWith(ENODATA));

  const auto remove_capability = [&](std::uint32_t fid) {
    client->get<Rxattrcreate>(Txattrcreate{
        .fid = fid, .name = "security.capability", .attr_size = 0, .flags = kXattrReplace});
    return client->error(Tclunk{.fid = fid});
  };
  EXPECT_THAT(run(fs->set_xattr({}, ino, "security.capability", "may all", 0)), Succeeds());
  EXPECT_EQ(remove_capability(11), 0);
  EXPECT_THAT(run(fs->get_xattr({}, ino, "security.capability")), FailsWith(ENODATA));

  client->walk(10, 12, {"closed"});
  EXPECT_EQ(client->error(Tsetattr{.fid = 12, .valid = setattr::kMode, .mode = 0755}), EACCES);
  EXPECT_EQ(stat(closed).mode & 07777, 06755U);
  EXPECT_EQ(remove_capability(12), EACCES);
  mkdir(kRoot, "shared", 02777);
  client->walk(10, 13, {"shared"});
  EXPECT_EQ(client->error(Tsetattr{.fid = 13, .valid = setattr::kMode, .mode = 0777}), EPERM)
      << "a directory's setgid is none of that";
  EXPECT_THAT(run(fs->get_xattr({}, closed, "security.capability")), Succeeds());
}

TEST_F(SessionTest, LocksDirectoriesAndFilesThatAreOpenForReadingOnly) {
  client->create(0, 1, "file");
  client->clunk(1);
  client->walk(0, 1, {"file"});
  client->get<Rlopen>(Tlopen{.fid = 1, .flags = open_flag::kReadOnly});
  EXPECT_EQ(client->get<Rlock>(Tlock{.fid = 1, .type = 1, .proc_id = 7, .client_id = "c"}).status,
            0)
      << "which is what Linux makes of flock(2)";
  client->walk(0, 2, {});
  client->get<Rlopen>(Tlopen{.fid = 2, .flags = open_flag::kReadOnly});
  EXPECT_EQ(client->get<Rlock>(Tlock{.fid = 2, .type = 1, .proc_id = 7, .client_id = "c"}).status,
            0);
}

TEST_F(SessionTest, MakesLinksMovesAndRemoves) {
  client->create(0, 1, "file", "x");
  client->get<Rmkdir>(Tmkdir{.dfid = 0, .name = "dir", .mode = 0700});
  client->walk(0, 2, {"dir"});
  client->get<Rlink>(Tlink{.dfid = 2, .fid = 1, .name = "second"});
  EXPECT_EQ(client->stat(1).nlink, 2U);
  client->get<Rrenameat>(
      Trenameat{.old_dfid = 2, .old_name = "second", .new_dfid = 0, .new_name = "third"});
  EXPECT_EQ(client->walk(0, 3, {"third"}), 1U);
  client->get<Rrename>(Trename{.fid = 3, .dfid = 2, .name = "fourth"});
  EXPECT_EQ(client->error(Trename{.fid = 3, .dfid = 2, .name = "fifth"}), ENOENT)
      << "the name it was walked to by is gone";
  EXPECT_EQ(client->error(Tunlinkat{.dfid = 0, .name = "dir"}), EISDIR);
  EXPECT_EQ(client->error(Tunlinkat{.dfid = 0, .name = "dir", .flags = kUnlinkDirectory}),
            ENOTEMPTY);
  client->walk(2, 4, {"fourth"});
  client->get<Rremove>(Tremove{.fid = 4});
  EXPECT_EQ(client->error(Tclunk{.fid = 4}), EBADF) << "removing clunks";
  client->get<Runlinkat>(Tunlinkat{.dfid = 0, .name = "dir", .flags = kUnlinkDirectory});
  EXPECT_EQ(client->error(Tremove{.fid = 3}), ENOENT);
  EXPECT_EQ(client->error(Tclunk{.fid = 3}), EBADF) << "even if it fails";
  EXPECT_EQ(client->error(Tremove{.fid = 0}), EBUSY) << "the root has no name";
}

TEST_F(SessionTest, MakesNodes) {
  client->get<Rmknod>(
      Tmknod{.dfid = 0, .name = "device", .mode = S_IFCHR | 0600, .major = 259, .minor = 70'000});
  client->walk(0, 1, {"device"});
  EXPECT_EQ(client->stat(1).rdev, 259U << 8 | (70'000U & 0xFF) | (70'000U & ~0xFFU) << 12);
  client->get<Rmknod>(Tmknod{.dfid = 0, .name = "fifo", .mode = S_IFIFO | 0600});
  EXPECT_EQ(client->error(Tmknod{.dfid = 0, .name = "d", .mode = S_IFDIR | 0600}), EINVAL);
  EXPECT_EQ(client->error(Tmknod{.dfid = 0, .name = "fifo", .mode = S_IFIFO | 0600}), EEXIST);
}

TEST_F(SessionTest, KeepsExtendedAttributes) {
  client->create(0, 9, "file");
  const auto set = [&](std::string_view name, std::string_view value, std::uint32_t flags) {
    client->walk(0, 1, {"file"});
    client->get<Rxattrcreate>(
        Txattrcreate{.fid = 1, .name = name, .attr_size = value.size(), .flags = flags});
    if (!value.empty()) client->write(1, 0, value);
    return client->error(Tclunk{.fid = 1});
  };
  const auto get = [&](std::string_view name) {
    client->walk(0, 1, {"file"});
    client->get<Rxattrwalk>(Txattrwalk{.fid = 1, .newfid = 2, .name = name});
    const std::string value = client->read(2);
    client->clunk(2);
    client->clunk(1);
    return value;
  };
  EXPECT_EQ(set("user.a", "value", 0), 0);
  EXPECT_EQ(set("user.empty", "", 0), 0);
  EXPECT_EQ(get("user.a"), "value");
  EXPECT_EQ(get("user.empty"), "");
  EXPECT_EQ(get(""), std::string("user.a\0user.empty\0", 18));
  EXPECT_EQ(set("user.a", "again", XATTR_CREATE), EEXIST);
  EXPECT_EQ(set("user.b", "none", XATTR_REPLACE), ENODATA);
  EXPECT_EQ(set("user.a", "", XATTR_REPLACE), 0) << "which is how Linux removes it";
  EXPECT_EQ(client->error(Txattrwalk{.fid = 9, .newfid = 2, .name = "user.a"}), ENODATA);
}

TEST_F(SessionTest, RefusesExtendedAttributesThatAreNotWhole) {
  client->create(0, 9, "file");
  client->walk(0, 1, {"file"});
  EXPECT_EQ(client->error(Txattrcreate{.fid = 1, .name = "user.a", .attr_size = 65537}), E2BIG);
  EXPECT_EQ(client->error(Txattrcreate{.fid = 1, .name = std::string(256, 'n'), .attr_size = 1}),
            ERANGE);
  EXPECT_EQ(client->error(Txattrcreate{.fid = 1, .name = "user.a", .attr_size = 1, .flags = 4}),
            EINVAL);
  client->get<Rxattrcreate>(Txattrcreate{.fid = 1, .name = "user.a", .attr_size = 4});
  EXPECT_EQ(client->error(Twrite{.fid = 1, .offset = 1, .data = as_bytes("x")}), EINVAL);
  EXPECT_EQ(client->error(Twrite{.fid = 1, .offset = 0, .data = as_bytes("12345")}), EINVAL);
  client->write(1, 0, "123");
  EXPECT_EQ(client->error(Tread{.fid = 1, .offset = 0, .count = 1}), EBADF);
  EXPECT_EQ(client->error(Tclunk{.fid = 1}), EINVAL) << "one byte is missing";
  EXPECT_EQ(client->error(Tclunk{.fid = 1}), EBADF) << "but the fid is gone";
}

TEST_F(SessionTest, LocksBetweenClientsAndProcesses) {
  client->create(0, 1, "file");
  const auto lock = [](std::uint8_t type, std::uint64_t start, std::uint64_t length,
                       std::uint32_t process) {
    return Tlock{.fid = 1,
                 .type = type,
                 .start = start,
                 .length = length,
                 .proc_id = process,
                 .client_id = "host"};
  };
  EXPECT_EQ(client->get<Rlock>(lock(1, 10, 10, 7)).status, 0);
  EXPECT_EQ(client->get<Rlock>(lock(1, 15, 0, 8)).status, 1) << "another process of the client";
  EXPECT_EQ(client->get<Rlock>(lock(1, 20, 0, 8)).status, 0);
  const auto held = client->get<Rgetlock>(
      Tgetlock{.fid = 1, .type = 0, .start = 0, .length = 0, .proc_id = 8, .client_id = "host"});
  EXPECT_EQ(held.type, 1);
  EXPECT_EQ(held.start, 10U);
  EXPECT_EQ(held.length, 10U);
  EXPECT_EQ(held.proc_id, 7U);
  EXPECT_EQ(client->get<Rlock>(lock(2, 0, 0, 7)).status, 0);
  EXPECT_EQ(client->get<Rlock>(lock(1, 0, 20, 8)).status, 0);
  const auto free = client->get<Rgetlock>(
      Tgetlock{.fid = 1, .type = 0, .start = 5, .length = 2, .proc_id = 8, .client_id = "host"});
  EXPECT_EQ(free.type, 2) << "one's own do not count";
  EXPECT_EQ(client->error(lock(3, 0, 0, 7)), EINVAL);
  EXPECT_EQ(client->error(lock(1, UINT64_MAX, 2, 7)), EOVERFLOW);
  Tlock closed = lock(1, 0, 0, 7);
  closed.fid = 0;
  EXPECT_EQ(client->error(closed), EBADF);
}

TEST_F(SessionTest, TellsOfTheFilesystem) {
  const auto stats = client->get<Rstatfs>(Tstatfs{.fid = 0});
  EXPECT_EQ(stats.type, kFilesystemMagic);
  EXPECT_EQ(stats.namelen, 255U);
  EXPECT_GE(stats.blocks, stats.bfree);
}

TEST_F(SessionTest, ASquashedUsersFilesAreOfTheSquashedGroupWhicheverHisKernelNames) {
  client->get<Rsetattr>(Tsetattr{.fid = 0, .valid = setattr::kMode, .mode = 0777});
  exported.squash = Squash::kAll;
  exported.squash_uid = 500;
  exported.squash_gid = 501;
  const auto squashed = connect();
  squashed->begin();
  squashed->attach(0, 0);
  for (const std::uint32_t gid : {0U, 7U, 501U}) {
    const std::string name = "of " + std::to_string(gid);
    squashed->walk(0, 1, {});
    squashed->get<Rlcreate>(
        Tlcreate{.fid = 1, .name = name, .flags = open_flag::kReadWrite, .mode = 0644, .gid = gid});
    const Rgetattr made = squashed->stat(1);
    EXPECT_EQ(made.uid, 500U) << gid;
    EXPECT_EQ(made.gid, 501U) << gid;
    squashed->clunk(1);
  }
  squashed->get<Rmkdir>(Tmkdir{.dfid = 0, .name = "directory", .mode = 0755, .gid = 7});
}

class ReadOnlyExport : public SessionTest {
 protected:
  ReadOnlyExport() { exported.read_only = true; }
};

TEST_F(ReadOnlyExport, ChangesNothing) {
  make_file(kRoot, "file", "content");
  client->walk(0, 1, {"file"});
  client->walk(0, 2, {"file"});
  EXPECT_EQ(client->error(Tlopen{.fid = 1, .flags = open_flag::kReadWrite}), EROFS);
  EXPECT_EQ(client->error(Tlopen{.fid = 1, .flags = open_flag::kTruncate}), EROFS);
  client->get<Rlopen>(Tlopen{.fid = 1, .flags = open_flag::kReadOnly});
  EXPECT_EQ(client->read(1), "content");
  EXPECT_EQ(client->error(Tlcreate{.fid = 0, .name = "n"}), EROFS);
  EXPECT_EQ(client->error(Tmkdir{.dfid = 0, .name = "n"}), EROFS);
  EXPECT_EQ(client->error(Tmknod{.dfid = 0, .name = "n", .mode = S_IFREG}), EROFS);
  EXPECT_EQ(client->error(Tsymlink{.dfid = 0, .name = "n", .target = "t"}), EROFS);
  EXPECT_EQ(client->error(Tlink{.dfid = 0, .fid = 2, .name = "n"}), EROFS);
  EXPECT_EQ(client->error(Tunlinkat{.dfid = 0, .name = "file"}), EROFS);
  EXPECT_EQ(client->error(Trename{.fid = 2, .dfid = 0, .name = "n"}), EROFS);
  EXPECT_EQ(
      client->error(Trenameat{.old_dfid = 0, .old_name = "file", .new_dfid = 0, .new_name = "n"}),
      EROFS);
  EXPECT_EQ(client->error(Tsetattr{.fid = 2, .valid = setattr::kMode, .mode = 0600}), EROFS);
  EXPECT_EQ(client->error(Txattrcreate{.fid = 2, .name = "user.a", .attr_size = 1}), EROFS);
  EXPECT_EQ(client->error(Tremove{.fid = 2}), EROFS);
  EXPECT_EQ(list(kRoot), std::vector<std::string>{"file"});
}

}  // namespace
}  // namespace cairn::p9
