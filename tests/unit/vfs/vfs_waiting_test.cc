#include "fsd/vfs/vfs.h"

#include "fsd/runtime/await.h"
#include "tests/unit/vfs/vfs_fixture.h"

namespace cairn::vfs {
namespace {

/// A volume whose admit() and read() wait while the test says so.
class WaitingVolume final : public engine::Volume {
 public:
  explicit WaitingVolume(testing::MemoryVolume& inner) : inner_(inner) {}
  void hold() { held_ = true; }
  void let_go() {
    held_ = false;
    changed_.notify_all();
  }
  void fail_admits(int number) { failing_ = number; }

  Result<std::optional<std::string>> find(std::string_view key) override {
    return inner_.find(key);
  }
  Result<void> scan(std::string_view first, std::string_view end, const Visitor& visit) override {
    return inner_.scan(first, end, visit);
  }
  Result<std::optional<std::pair<std::string, std::string>>> find_floor(
      std::string_view first, std::string_view key) override {
    return inner_.find_floor(first, key);
  }
  Task<Result<void>> admit(std::size_t data_bytes) override {
    while (held_) co_await changed_.wait();
    if (failing_ != 0) co_return errno_error(failing_);
    co_return co_await inner_.admit(data_bytes);
  }
  void put(std::string_view key, std::string_view value) override { inner_.put(key, value); }
  void erase(std::string_view key) override { inner_.erase(key); }
  engine::DataRef append(ByteView bytes) override { return inner_.append(bytes); }
  bool overwrite(engine::DataRef at, ByteView bytes) override {
    return inner_.overwrite(at, bytes);
  }
  void add_reference(engine::DataRef at, std::uint64_t length) override {
    inner_.add_reference(at, length);
  }
  void drop_reference(engine::DataRef at, std::uint64_t length) override {
    inner_.drop_reference(at, length);
  }
  [[nodiscard]] Seq open_segment() const override { return inner_.open_segment(); }
  [[nodiscard]] Seq durable_end() const override { return inner_.durable_end(); }
  Task<Result<void>> sync(Seq upto) override { return inner_.sync(upto); }
  Task<Result<void>> read(engine::DataRef from, MutableByteView into,
                          const CancelFlag* cancel) override {
    while (held_) co_await changed_.wait();
    if (is_cancelled(cancel)) co_return errno_error(EINTR);
    co_return co_await inner_.read(from, into, cancel);
  }
  std::uint64_t prefetch(engine::DataRef, std::uint64_t length) override { return length; }
  [[nodiscard]] bool read_only() const override { return false; }
  [[nodiscard]] Term term() const override { return inner_.term(); }
  void set_observer(Observer* observer) override { inner_.set_observer(observer); }

 private:
  testing::MemoryVolume& inner_;
  bool held_ = false;
  int failing_ = 0;
  Condition changed_;
};

class VfsWaiting : public VfsTest {
 protected:
  VfsWaiting() {
    close();
    auto opened = run(Vfs::open(sim.runtime(), slow, {}));
    EXPECT_THAT(opened, Succeeds());
    fs = std::move(*opened);
  }
  ~VfsWaiting() override {
    slow.let_go();
    close();  // before `slow` goes
  }
  WaitingVolume slow{volume};
};

TEST_F(VfsWaiting, OfTwoWhoMakeTheSameNameOneIsTooLate) {
  slow.hold();
  auto one = fs->make_node({}, kRoot, "x", {.mode = 0644});
  auto two = fs->make_directory({}, kRoot, "x", {.mode = 0755});
  EXPECT_FALSE(one.done() || two.done());
  slow.let_go();
  EXPECT_THAT(one.take(), Succeeds());
  EXPECT_THAT(two.take(), FailsWith(EEXIST));
  EXPECT_EQ(stat(kRoot).size, 1U);
}

TEST_F(VfsWaiting, AWriteThatWaitsSeesThatItsHandleIsClosed) {
  const Ino file = make_file(kRoot, "f");
  const HandleId handle = open_file(file);
  slow.hold();
  auto write = fs->write({}, handle, 0, as_bytes("x"), false);
  EXPECT_THAT(run(fs->release(handle)), Succeeds());
  slow.let_go();
  EXPECT_THAT(write.take(), FailsWith(EBADF));
}

TEST_F(VfsWaiting, WhatSomebodyWithdrewWhileItWaitedForRoomIsNotDone) {
  const Ino file = make_file(kRoot, "f");
  const HandleId handle = open_file(file);
  CancelFlag gone;
  Caller caller;
  caller.cancel = &gone;
  slow.hold();
  auto write = fs->write(caller, handle, 0, as_bytes("x"), false);
  auto make = fs->make_node(caller, kRoot, "new", {.mode = 0644});
  gone.set();
  EXPECT_FALSE(write.done() || make.done());
  slow.let_go();
  EXPECT_THAT(write.take(), FailsWith(EINTR));
  EXPECT_THAT(make.take(), FailsWith(EINTR));
  EXPECT_EQ(read_file(file), "");
  EXPECT_THAT(run(fs->lookup({}, kRoot, "new")), FailsWith(ENOENT));
  EXPECT_THAT(run(fs->release(handle)), Succeeds());
}

TEST_F(VfsWaiting, AppendsThatWaitGoOneAfterTheOther) {
  const Ino file = make_file(kRoot, "f");
  const HandleId handle = open_file(file, O_WRONLY | O_APPEND);
  slow.hold();
  auto one = fs->write({}, handle, 0, as_bytes("one"), false);
  auto two = fs->write({}, handle, 0, as_bytes("two"), false);
  slow.let_go();
  EXPECT_THAT(one.take(), Succeeds());
  EXPECT_THAT(two.take(), Succeeds());
  EXPECT_EQ(read_file(file), "onetwo");
  EXPECT_THAT(run(fs->release(handle)), Succeeds());
}

TEST_F(VfsWaiting, AReadThatWaitsKeepsAFileThatIsUnlinkedAndClosed) {
  const Ino file = make_file(kRoot, "f", "abc");
  const HandleId handle = open_file(file);
  std::string bytes(3, '\0');
  ASSERT_THAT(run(fs->unlink({}, kRoot, "f")), Succeeds());
  slow.hold();
  auto read = fs->read(handle, 0, {reinterpret_cast<std::uint8_t*>(bytes.data()), 3});
  EXPECT_FALSE(read.done());
  EXPECT_THAT(run(fs->release(handle)), Succeeds());
  EXPECT_EQ(volume.referenced_bytes(), 3);
  slow.let_go();
  EXPECT_THAT(read.take(), Succeeds());
  EXPECT_EQ(bytes, "abc");
  EXPECT_EQ(volume.referenced_bytes(), 0);
}

TEST_F(VfsWaiting, AFileThatIsUsedAgainBeforeItIsFreedStays) {
  const Ino file = make_file(kRoot, "f", "abc");
  fs->remember(file);
  ASSERT_THAT(run(fs->unlink({}, kRoot, "f")), Succeeds());
  slow.hold();
  fs->forget(file, 1);
  fs->remember(file);
  slow.let_go();
  EXPECT_EQ(stat(file).nlink, 0U);
  fs->forget(file, 1);
  EXPECT_THAT(run(fs->get_attributes({}, file)), FailsWith(ESTALE));
  EXPECT_EQ(volume.keys().size(), kKeysOfAnEmptyVolume);
}

TEST_F(VfsWaiting, LookupsReadsAndAtimesDoNotWaitForTheWriteWindow) {
  const Ino empty = make_file(kRoot, "f");
  auto link = run(fs->make_symlink({}, kRoot, "l", "x"));
  tick();
  slow.hold();
  EXPECT_TRUE(fs->lookup({}, kRoot, "f").done());
  EXPECT_TRUE(fs->get_attributes({}, empty).done());
  EXPECT_TRUE(fs->read_symlink({}, link->ino).done());
  EXPECT_EQ(stat(link->ino).atime, sim.runtime().clock.wall().count());
  EXPECT_THAT(run(fs->release(open_file(empty, O_RDONLY))), Succeeds());
}

TEST_F(VfsWaiting, AVolumeThatRefusesChangesNothing) {
  const auto before = volume.keys();
  slow.fail_admits(EIO);
  EXPECT_THAT(run(fs->make_node({}, kRoot, "x", {.mode = 0644})), FailsWith(EIO));
  EXPECT_THAT(run(fs->set_xattr({}, kRoot, "user.a", "b", 0)), FailsWith(EIO));
  EXPECT_EQ(volume.keys(), before);
  EXPECT_EQ(stat(kRoot).size, 0U);
  slow.fail_admits(0);
}

}  // namespace
}  // namespace cairn::vfs
