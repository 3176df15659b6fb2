#include <sys/stat.h>

#include "tests/unit/ninep/session_fixture.h"

// Twalkgetattr: what Twalk and Tgetattr answer, in one message.

namespace cairn::p9 {
namespace {

class WalkgetattrTest : public SessionTest {
 protected:
  static Twalkgetattr request(std::uint32_t fid, std::uint32_t newfid,
                              std::initializer_list<std::string_view> names) {
    Twalkgetattr walk{.fid = fid, .newfid = newfid, .request_mask = getattr::kAll, .names = {}};
    for (const std::string_view name : names) walk.names.push_back(name);
    return walk;
  }
  Rgetattr find(std::uint32_t fid, std::uint32_t newfid,
                std::initializer_list<std::string_view> names) {
    return client->get<Rwalkgetattr>(request(fid, newfid, names)).attributes;
  }
  int find_error(std::uint32_t fid, std::uint32_t newfid,
                 std::initializer_list<std::string_view> names) {
    return client->error(request(fid, newfid, names));
  }
};

template <class Message>
std::string body(const Message& message) {
  std::string out;
  append(out, 0, Reply(message));
  return out.substr(kHeaderBytes);
}

TEST_F(WalkgetattrTest, AnswersWhatTwalkAndThenTgetattrWould) {
  const Ino dir = mkdir(kRoot, "d", 0777);
  make_file(dir, "file", "content", 0640, vfs::user(1000, 27));
  const Rgetattr found = find(0, 1, {"d", "file"});
  EXPECT_EQ(found.size, 7U);
  EXPECT_EQ(found.mode, S_IFREG | 0640U);
  EXPECT_EQ(found.valid, getattr::kAll);
  client->walk(0, 2, {"d", "file"});
  EXPECT_EQ(body(found),
            body(client->get<Rgetattr>(Tgetattr{.fid = 2, .request_mask = getattr::kAll})));
  client->get<Rlopen>(Tlopen{.fid = 1, .flags = open_flag::kReadOnly});
  EXPECT_EQ(client->read(1), "content") << "the fid is like any other";
}

TEST_F(WalkgetattrTest, MakesNoFidForWhoWantsNone) {
  make_file(kRoot, "file");
  EXPECT_EQ(find(0, kNoFid, {"file"}).mode & S_IFMT, S_IFREG);
  EXPECT_EQ(client->error(Tclunk{.fid = kNoFid}), EBADF);
  EXPECT_EQ(find(0, kNoFid, {}).qid.path, kRoot.value());
  EXPECT_EQ(find_error(kNoFid, kNoFid, {}), EBADF);
}

TEST_F(WalkgetattrTest, FailsAsTheNameDoesThatItCannotPassAndMakesNoFid) {
  mkdir(mkdir(kRoot, "a"), "b");
  make_file(kRoot, "file");
  EXPECT_EQ(find_error(0, 1, {"a", "b", "missing"}), ENOENT);
  EXPECT_EQ(find_error(0, 1, {"a", "missing", "b"}), ENOENT);
  EXPECT_EQ(find_error(0, 1, {"file", "x"}), ENOTDIR);
  EXPECT_EQ(find_error(0, 1, {""}), ENOENT);
  EXPECT_EQ(find_error(0, 1, {"a/b"}), EINVAL);
  EXPECT_EQ(find_error(0, 1, {"a", std::string_view("b\0", 2)}), EINVAL);
  EXPECT_EQ(find_error(0, 1, {std::string(256, 'n')}), ENAMETOOLONG);
  EXPECT_EQ(client->error(Tclunk{.fid = 1}), EBADF);
}

TEST_F(WalkgetattrTest, KnowsFidsApartAsTwalkDoes) {
  client->create(0, 1, "file");
  EXPECT_EQ(find_error(9, 2, {}), EBADF);
  EXPECT_EQ(find_error(0, 1, {"file"}), EINVAL) << "newfid is in use";
  EXPECT_EQ(find_error(1, 1, {}), EINVAL) << "the fid is open";
  find(1, 2, {});
  EXPECT_EQ(client->stat(2).qid.path, client->stat(1).qid.path) << "from one that is open";
  client->walk(0, 3, {});
  find(3, 3, {"file"});
  EXPECT_EQ(client->stat(3).qid.path, client->stat(1).qid.path) << "the fid goes there itself";
  EXPECT_EQ(find_error(0, 3, {"file"}), EINVAL);
}

TEST_F(WalkgetattrTest, NeverLeavesTheSubtreeThatWasAttachedTo) {
  const Ino top = mkdir(kRoot, "top");
  const Ino inside = mkdir(top, "inside");
  const Ino deep = mkdir(inside, "deep");
  client->attach(1, 0, "/top");
  EXPECT_EQ(find(1, 2, {"inside", "deep"}).qid.path, deep.value());
  EXPECT_EQ(find(2, kNoFid, {"..", "..", "..", ".."}).qid.path, top.value());
  EXPECT_THAT(run(fs->rename({}, inside, "deep", kRoot, "deep", 0)), Succeeds());
  EXPECT_EQ(find_error(2, kNoFid, {".."}), ENOENT) << "moved out: no way up from there";
  EXPECT_EQ(find(2, kNoFid, {}).qid.path, deep.value());
}

TEST_F(WalkgetattrTest, NeedsTheRightToSearchEachDirectoryAndNoneOnWhatItFinds) {
  const Ino open = mkdir(kRoot, "open");
  const Ino closed = mkdir(open, "closed", 0700);
  make_file(open, "secret", "x", 0);
  make_file(closed, "file", "x", 0666);
  client->attach(10, 1000);
  EXPECT_EQ(find(10, kNoFid, {"open", "secret"}).size, 1U);
  EXPECT_EQ(find(10, kNoFid, {"open", "closed"}).qid.path, closed.value());
  EXPECT_EQ(find_error(10, kNoFid, {"open", "closed", "file"}), EACCES);
  EXPECT_EQ(find_error(10, 11, {"open", "closed", "file"}), EACCES);
  EXPECT_EQ(find_error(10, 11, {"open", "closed", ".."}), EACCES);
}

class FewFidsToWalkTo : public WalkgetattrTest {
 protected:
  FewFidsToWalkTo() { limits.fids_max = 2; }
};

TEST_F(FewFidsToWalkTo, GivesNoMoreThanItsLimitAndLooksAllTheSame) {
  find(0, 1, {});
  EXPECT_EQ(find_error(0, 2, {}), EMFILE);
  find(0, kNoFid, {});
  client->clunk(1);
  find(0, 2, {});
}

}  // namespace
}  // namespace cairn::p9
