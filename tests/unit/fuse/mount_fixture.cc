#include "tests/unit/fuse/mount_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "fsd/frontends/fuse/stale_mount.h"

namespace cairn::fuse {

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "cairn-fuse-XXXXXX").string();
  path_ = mkdtemp(pattern.data());
}

TemporaryDirectory::~TemporaryDirectory() {
  while (find_mount(path_)) {
    if (!unmount(path_)) return;  // never delete what lies in somebody's mount
  }
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

CoreInMemory::CoreInMemory() {
  auto opened = run<Result<std::unique_ptr<vfs::Vfs>>>(
      [this] { return vfs::Vfs::open(runtime(), volume_, vfs::Vfs::Options{}); });
  if (!opened) throw std::runtime_error(opened.error().message());
  vfs_ = *std::move(opened);
}

CoreInMemory::~CoreInMemory() {
  run<void>([this] { return vfs_->stop(); });
  std::promise<void> gone;
  runtime().core.dispatch([&] {
    vfs_.reset();
    gone.set_value();
  });
  gone.get_future().wait();
  real_.stop();
}

void CoreInMemory::set_listener(vfs::ChangeListener* listener) {
  std::promise<void> done;
  runtime().core.dispatch([&] {
    vfs_->set_listener(listener);
    done.set_value();
  });
  done.get_future().wait();
}

void MountTest::SetUp() {
  if (access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/fuse";
  FuseServer::Options options;
  options.mountpoint = mount_.path();
  options.volume_name = "test";
  options.client = kFuseClient;
  options.io_uring = GetParam();
  options.readers = 4;
  auto server = FuseServer::start(core_.runtime(), core_.vfs(), options);
  if (!server && server.error().code == std::error_code(ENOTSUP, std::generic_category())) {
    GTEST_SKIP() << server.error().message();
  }
  ASSERT_TRUE(server) << server.error().message();
  server_ = *std::move(server);
  core_.set_listener(&server_->listener());
}

void MountTest::TearDown() {
  if (!server_) return;
  core_.set_listener(nullptr);
  server_->stop();
  EXPECT_FALSE(find_mount(mount_.path()));
}

std::map<std::string, std::uint64_t> MountTest::counts() const {
  std::map<std::string, std::uint64_t> named;
  const RequestCounts counts = server_->counts();
  for (std::size_t i = 0; i < kRequestKinds; ++i) {
    const auto kind = static_cast<RequestKind>(i);
    const bool in_background = kind == RequestKind::kForget || kind == RequestKind::kRelease ||
                               kind == RequestKind::kReleasedir;
    if (counts[i] > 0 && !in_background) named[name_of(kind)] = counts[i];
  }
  return named;
}

std::map<std::string, std::uint64_t> MountTest::counted(const std::function<void()>& what) {
  auto before = counts();
  what();
  std::map<std::string, std::uint64_t> more;
  for (const auto& [name, count] : counts()) {
    if (count > before[name]) more[name] = count - before[name];
  }
  return more;
}

void MountTest::await_count(RequestKind kind, std::uint64_t at_least) const {
  while (count(kind) < at_least) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

vfs::Attributes MountTest::side_lookup(const std::string& name) {
  return core_
      .run<Result<vfs::Attributes>>(
          [&] { return core_.vfs().lookup(other(), vfs::kRootIno, name); })
      .value();
}

namespace {

Task<Result<void>> write_from_the_side(vfs::Vfs& vfs, vfs::Caller caller, Ino ino,
                                       std::uint64_t offset, std::string bytes) {
  CO_TRY(auto handle, co_await vfs.open_file(caller, ino, O_WRONLY));
  CO_TRY(auto count, co_await vfs.write(caller, handle, offset, as_bytes(bytes), false));
  (void)count;
  auto released = co_await vfs.release(handle);
  co_return released;
}

Task<Result<void>> create_from_the_side(vfs::Vfs& vfs, vfs::Caller caller, std::string name) {
  CO_TRY(auto made, co_await vfs.create(caller, vfs::kRootIno, std::move(name),
                                        vfs::NewNode{S_IFREG | 0644, 0, 0}, O_WRONLY));
  auto released = co_await vfs.release(made.first);
  co_return released;
}

}  // namespace

void MountTest::side_write(Ino ino, std::uint64_t offset, const std::string& bytes) {
  auto written = core_.run<Result<void>>(
      [&] { return write_from_the_side(core_.vfs(), other(), ino, offset, bytes); });
  ASSERT_TRUE(written) << written.error().message();
}

void MountTest::side_create(const std::string& name) {
  auto made =
      core_.run<Result<void>>([&] { return create_from_the_side(core_.vfs(), other(), name); });
  ASSERT_TRUE(made) << made.error().message();
}

void MountTest::flush_invalidations() {
  core_.run<void>([this] { return server_->flush_invalidations(); });
}

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

void write_file(const std::string& path, const std::string& bytes) {
  const Fd fd(open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644));
  ASSERT_GE(fd, 0) << path;
  ASSERT_EQ(write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
}

std::string read_file(const std::string& path) {
  const Fd fd(open(path.c_str(), O_RDONLY));
  std::string bytes;
  char part[65536];
  for (ssize_t got = 0; (got = read(fd, part, sizeof part)) > 0;) {
    bytes.append(part, static_cast<std::size_t>(got));
  }
  return bytes;
}

namespace {

std::string mode_name(const ::testing::TestParamInfo<IoUring>& info) {
  return info.param == IoUring::kOn ? "IoUring" : "Readers";
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Modes, MountTest, ::testing::Values(IoUring::kOn, IoUring::kOff),
                         mode_name);

}  // namespace cairn::fuse
