#include "fsd/object_store/object_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "tests/support/temporary_directory.h"
#include "tests/unit/object_store/store_matchers.h"

namespace cairn::object_store::testing {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<ObjectDirectory> open_at(const fs::path& path,
                                         ObjectDirectory::Options options = {}) {
  auto opened = ObjectDirectory::open(path, options);
  EXPECT_THAT(opened, Succeeds());
  return std::move(*opened);
}

std::string etag_in(ObjectDirectory& directory, const std::string& key) {
  auto object = directory.read(key, {.offset = 0, .length = 0});
  return object ? object->etag : object.error().message();
}

class ObjectDirectoryTest : public ::testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] ObjectDirectory::Options options() const {
    return {.anonymous_files = GetParam(), .attributes = GetParam()};
  }
  TemporaryDirectory temp_;
  fs::path path_ = fs::path(temp_.path()) / "store";
  std::unique_ptr<ObjectDirectory> directory_ = open_at(path_, options());
};

TEST_P(ObjectDirectoryTest, AnObjectIsAFileWithItsBytes) {
  ASSERT_THAT(directory_->write("log/0a/1", as_bytes("content"), PutCondition::absent()),
              Succeeds());
  std::ifstream file(path_ / "log/0a/1");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "content");
}

TEST_P(ObjectDirectoryTest, NothingIsLeftBesideTheObjects) {
  ASSERT_THAT(directory_->write("a/b", as_bytes("1"), {}), Succeeds());
  ASSERT_THAT(directory_->write("a/b", as_bytes("2"), {}), Succeeds());
  EXPECT_THAT(directory_->write("a/b", as_bytes("3"), PutCondition::absent()),
              FailsWith(StoreErrc::kPreconditionFailed));
  EXPECT_THAT(directory_->write("a/b", as_bytes("4"), PutCondition::etag("x")),
              FailsWith(StoreErrc::kPreconditionFailed));
  EXPECT_TRUE(fs::is_empty(path_ / "~tmp~"));
  ASSERT_THAT(directory_->remove("a/b"), Succeeds());
  EXPECT_FALSE(fs::exists(path_ / "a"));
}

TEST_P(ObjectDirectoryTest, AnEtagOutlivesARestart) {
  const auto etag = directory_->write("manifest", as_bytes("content"), {});
  directory_ = open_at(path_, options());
  EXPECT_EQ(etag_in(*directory_, "manifest"), *etag);
  EXPECT_THAT(directory_->write("manifest", as_bytes("next"), PutCondition::etag(*etag)),
              Succeeds());
}

TEST_P(ObjectDirectoryTest, AnEtagOutlivesACopyThatDropsAttributes) {
  const std::string large(1 << 20, 'x');
  const auto small_etag = directory_->write("small", as_bytes("content"), {});
  const auto large_etag = directory_->write("large", as_bytes(large), {});
  for (const char* name : {"small", "large"}) {
    ::removexattr((path_ / name).c_str(), "user.cairn.etag");
  }
  EXPECT_EQ(etag_in(*directory_, "small"), *small_etag);
  EXPECT_EQ(etag_in(*directory_, "large"), *large_etag);
  EXPECT_EQ(etag_in(*directory_, "large"), *large_etag);
}

TEST_P(ObjectDirectoryTest, AFileThatGrewBehindItsAttributeHasAnotherEtag) {
  const auto etag = directory_->write("grown", as_bytes("content"), {});
  std::ofstream(path_ / "grown", std::ios::app) << " and more";
  EXPECT_NE(etag_in(*directory_, "grown"), *etag);
}

TEST_P(ObjectDirectoryTest, LeftOverFilesOfTheDeadAreDeletedAtTheStart) {
  const fs::path dead = path_ / "~tmp~/4711-1";
  const fs::path alive = path_ / "~tmp~/4712-1";
  std::ofstream(dead) << "half an obj";
  std::ofstream(alive) << "half an obj";
  const UniqueFd writer(::open(alive.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::flock(writer.get(), LOCK_EX | LOCK_NB), 0);
  directory_ = open_at(path_, options());
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_TRUE(fs::exists(alive));
}

TEST_P(ObjectDirectoryTest, WhatIsNoObjectIsNotListed) {
  ASSERT_THAT(directory_->write("object", as_bytes("x"), {}), Succeeds());
  std::ofstream(path_ / "~tmp~/4711-1") << "x";
  std::ofstream(path_ / "back up~") << "x";
  fs::create_directory(path_ / "empty");
  fs::create_symlink("object", path_ / "link");
  EXPECT_EQ(keys_of(directory_->list("", "", 1000)), std::vector<std::string>{"object"});
  EXPECT_THAT(directory_->read("link", {}), ::testing::Not(Succeeds()));
}

TEST_P(ObjectDirectoryTest, AListDoesNotLeaveTheDirectory) {
  ASSERT_THAT(directory_->write("a..b/c", as_bytes("x"), {}), Succeeds());
  EXPECT_EQ(keys_of(directory_->list("a../", "", 10)), std::vector<std::string>{});
  EXPECT_EQ(keys_of(directory_->list("a..b/", "", 10)), std::vector<std::string>{"a..b/c"});
  for (const char* prefix : {"../", "/", "./", "a..b/../"}) {
    EXPECT_EQ(keys_of(directory_->list(prefix, "", 10)), std::vector<std::string>{}) << prefix;
  }
}

TEST_P(ObjectDirectoryTest, AnEmptyDirectoryIsNoObstacleAndAFullOneIs) {
  fs::create_directories(path_ / "place/below");
  fs::create_directories(path_ / "other");
  std::ofstream(path_ / "place/below/object") << "x";
  EXPECT_THAT(directory_->write("other", as_bytes("x"), PutCondition::absent()), Succeeds());
  for (const auto& condition : {PutCondition(), PutCondition::absent()}) {
    EXPECT_THAT(directory_->write("place", as_bytes("x"), condition),
                FailsWith(StoreErrc::kBadRequest));
    EXPECT_THAT(directory_->write("other/below", as_bytes("x"), condition),
                FailsWith(StoreErrc::kBadRequest));
  }
}

TEST_P(ObjectDirectoryTest, ADirectoryThatIsDeletedIsABucketThatIsMissing) {
  fs::remove_all(path_);
  EXPECT_THAT(directory_->write("a", as_bytes("x"), {}), FailsWith(StoreErrc::kBucketMissing));
  EXPECT_THAT(directory_->write("a/b", as_bytes("x"), PutCondition::absent()),
              FailsWith(StoreErrc::kBucketMissing));
}

/// Adds one to the number in `counter`, over and over, by compare-and-swap.
int count_up(const fs::path& path, ObjectDirectory::Options options, int times) {
  auto opened = ObjectDirectory::open(path, options);
  if (!opened) return 1;
  for (int done = 0; done < times;) {
    auto now = (*opened)->read("counter", {});
    if (!now) return 2;
    const int value = std::stoi(std::string(as_string(now->body.view())));
    auto put = (*opened)->write("counter", as_bytes(std::to_string(value + 1)),
                                PutCondition::etag(now->etag));
    if (put) ++done;
    if (!put && !is(put.error(), StoreErrc::kPreconditionFailed)) return 3;
  }
  return 0;
}

TEST_P(ObjectDirectoryTest, FourProcessesThatSwapLoseNoIncrement) {
  ASSERT_THAT(directory_->write("counter", as_bytes("0"), {}), Succeeds());
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(count_up(path_, options(), 25));
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(text_of(directory_->read("counter", {})), "100");
}

TEST_P(ObjectDirectoryTest, ThreadsThatPutAndRemoveInOneDirectoryDoNotTripOverEachOther) {
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::set<std::string> failures;
  auto note = [&](const auto& result) {
    std::lock_guard guard(mutex);
    if (!result) failures.insert(result.error().message());
  };
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string key = "deep/er/" + std::to_string(t);
      for (int i = 0; i < 50; ++i) {
        note(directory_->write(key, as_bytes("x"), PutCondition::absent()));
        note(directory_->remove(key));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(failures, ::testing::IsEmpty());
}

TEST_P(ObjectDirectoryTest, AFullDiskIsUnavailableAndSaysWhy) {
  const fs::path small = fs::path(temp_.path()) / "small";
  fs::create_directory(small);
  if (::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=1m") != 0) {
    GTEST_SKIP() << "needs the right to mount";
  }
  {
    auto directory = open_at(small, options());
    const std::string half(600'000, 'x');
    ASSERT_THAT(directory->write("first", as_bytes(half), {}), Succeeds());
    const auto second = directory->write("second", as_bytes(half), PutCondition::absent());
    ASSERT_THAT(second, FailsWith(StoreErrc::kUnavailable));
    EXPECT_TRUE(may_retry(second.error()));
    EXPECT_THAT(second.error().message(), ::testing::HasSubstr("full"));
    ASSERT_THAT(directory->remove("first"), Succeeds());
    EXPECT_THAT(directory->write("second", as_bytes(half), PutCondition::absent()), Succeeds());
    EXPECT_TRUE(fs::is_empty(small / "~tmp~"));
  }
  EXPECT_EQ(::umount(small.c_str()), 0);
}

INSTANTIATE_TEST_SUITE_P(AnyFilesystem, ObjectDirectoryTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Fancy" : "Plain"; });

}  // namespace
}  // namespace cairn::object_store::testing
