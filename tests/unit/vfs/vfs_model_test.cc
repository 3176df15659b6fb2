#include <linux/fs.h>
#include <sys/xattr.h>

#include <deque>

#include "tests/support/reference_compare.h"
#include "tests/support/reference_fs.h"
#include "tests/support/vfs_paths.h"
#include "tests/unit/vfs/vfs_fixture.h"

namespace cairn::vfs {
namespace {

using testing::ReferenceFs;
using testing::SeededRandom;
using testing::VfsPaths;

/// Draws operations over few names, so that they meet, and does each on both.
class Model {
 public:
  Model(std::uint64_t seed, testing::SimRuntime& sim, Vfs& fs)
      : random_(seed), sim_(sim), fs_(fs) {}

  /// Something that happened, for the message if it went wrong.
  struct Step {
    std::string what;
    int expected = 0;
    int got = 0;
  };
  Step step() {
    const Caller who = draw_caller();
    const std::string a = draw_path();
    const std::string b = draw_path();
    VfsPaths fs(fs_);
    auto run = [this](Task<int> task) { return sim_.wait(std::move(task)); };
    auto done = [&](const char* name, int expected, int got) {
      return Step{std::string(name) + " " + a + " " + b + " by " + std::to_string(who.uid),
                  expected, got};
    };
    const std::uint64_t kind = random_.below(20);
    if (kind < 3) {
      const std::uint32_t mode = draw_mode();
      return done("mkdir", reference.make_directory(who, a, mode),
                  run(fs.make_directory(who, a, mode)));
    }
    if (kind < 6) {
      const std::uint32_t mode = draw_mode();
      return done("create", reference.create(who, a, mode), run(fs.create(who, a, mode)));
    }
    if (kind < 9) {
      const auto flags = static_cast<unsigned>(random_.below(8) < 5 ? 0 : random_.below(3));
      return done("rename", reference.rename(who, a, b, flags), run(fs.rename(who, a, b, flags)));
    }
    switch (kind) {
      case 9:
        return done("symlink", reference.make_symlink(who, a, b), run(fs.make_symlink(who, a, b)));
      case 10:
        return done("link", reference.link(who, a, b), run(fs.link(who, a, b)));
      case 11:
      case 12:
        return done("unlink", reference.unlink(who, a), run(fs.unlink(who, a)));
      case 13:
        return done("rmdir", reference.remove_directory(who, a), run(fs.remove_directory(who, a)));
      case 14:
      case 15:
        return write(who, a);
      default:
        return change(kind, who, a);
    }
  }

  ReferenceFs reference;

 private:
  Step write(const Caller& who, const std::string& path) {
    VfsPaths fs(fs_);
    const std::uint64_t offset = random_.below(3) == 0 ? random_.below(20'000) : 0;
    const std::string bytes(random_.below(9000), static_cast<char>('a' + random_.below(26)));
    return {"write " + path, reference.write(who, path, offset, bytes),
            sim_.wait(fs.write(who, path, offset, bytes))};
  }
  Step change(std::uint64_t kind, const Caller& who, const std::string& path) {
    VfsPaths fs(fs_);
    if (kind == 16) {
      const std::uint64_t size = random_.below(20'000);
      return {"truncate " + path, reference.truncate(who, path, size),
              sim_.wait(fs.truncate(who, path, size))};
    }
    if (kind == 17) {
      const std::uint32_t mode = draw_mode();
      return {"chmod " + path, reference.set_mode(who, path, mode),
              sim_.wait(fs.set_mode(who, path, mode))};
    }
    if (kind == 18) {
      const auto uid = static_cast<std::uint32_t>(random_.below(3));
      const auto gid = static_cast<std::uint32_t>(random_.below(4));
      return {"chown " + path, reference.set_owner(who, path, uid, gid),
              sim_.wait(fs.set_owner(who, path, uid, gid))};
    }
    const std::string name = "user." + std::to_string(random_.below(3));
    if (random_.below(3) == 0) {
      return {"removexattr " + path, reference.remove_xattr(who, path, name),
              sim_.wait(fs.remove_xattr(who, path, name))};
    }
    const int flags = static_cast<int>(random_.below(3));
    const std::string value(random_.below(50), 'v');
    return {"setxattr " + path, reference.set_xattr(who, path, name, value, flags),
            sim_.wait(fs.set_xattr(who, path, name, value, flags))};
  }
  Caller draw_caller() {
    switch (random_.below(6)) {
      case 0:
        return user(1, 1, {2});
      case 1:
        return user(2, 2);
      default:
        return {};
    }
  }
  std::string draw_path() {
    std::string path;
    do {
      path += "/" + std::string(1, static_cast<char>('a' + random_.below(4)));
    } while (random_.below(5) < 2 && path.size() < 12);
    return path;
  }
  std::uint32_t draw_mode() {
    if (random_.below(2) == 0) return 0777;
    return static_cast<std::uint32_t>(random_.below(010000));
  }

  SeededRandom random_;
  testing::SimRuntime& sim_;
  Vfs& fs_;
};

class VfsModel : public VfsTest, public ::testing::WithParamInterface<std::uint64_t> {};

TEST_P(VfsModel, DoesWhatTheReferenceDoes) {
  Model model(GetParam(), sim, *fs);
  std::vector<std::string> log;
  for (int i = 0; i < 3000; ++i) {
    const Model::Step step = model.step();
    ASSERT_EQ(step.got, step.expected) << "step " << i << ": " << step.what;
    if (i % 10 != 0) continue;
    auto difference = run(testing::compare(*fs, model.reference));
    ASSERT_EQ(difference, std::nullopt) << "after step " << i << ": " << step.what;
  }
  EXPECT_EQ(fs->stats().inodes_used, model.reference.size());
}

TEST_P(VfsModel, AfterACrashIsWhatItWasAtTheLastSync) {
  Model model(GetParam() + 1000, sim, *fs);
  for (int i = 0; i < 500; ++i) model.step();
  ASSERT_THAT(run(fs->sync_all()), Succeeds());
  const ReferenceFs kept = model.reference;
  for (int i = 0; i < 300; ++i) model.step();
  crash_and_reopen();
  EXPECT_EQ(run(testing::compare(*fs, kept)), std::nullopt);
  EXPECT_EQ(fs->stats().inodes_used, kept.size());
}

INSTANTIATE_TEST_SUITE_P(Seeds, VfsModel, ::testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace cairn::vfs
