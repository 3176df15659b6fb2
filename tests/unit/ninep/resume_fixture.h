#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "fsd/frontends/ninep/session_registry.h"
#include "protocol/resume/client.h"
#include "tests/support/fake_message_socket.h"
#include "tests/unit/ninep/session_fixture.h"

namespace cairn::p9 {

using TestSocket = testing::FakeMessageSocket;

/// A client of cairn.resume.v1 whose connection tests can cut.
class ResumingClient final : public Requester {
 public:
  explicit ResumingClient(testing::SimRuntime& sim, resume::Client::Options options = {})
      : Requester(sim),
        client_(options, {.send =
                              [this](std::string frame) {
                                if (socket_) socket_->to_server.push_back(std::move(frame));
                              },
                          .reply =
                              [this](std::string message) {
                                take(std::move(message));
                                if (on_reply) std::exchange(on_reply, nullptr)();
                              }}) {}
  ~ResumingClient() override { cut(); }

  void connect(SessionRegistry& registry, const Export& exported,
               Peer peer = {.trusted = true, .uid = kNobody, .name = "test", .key = "test"}) {
    socket_ = std::make_shared<TestSocket>();
    socket_->user = registry.accept(socket_, exported, std::move(peer), [] {});
    client_.on_connected();
  }
  /// The connection is gone, with what is under way on it.
  void cut() {
    if (!socket_) return;
    client_.on_disconnected();
    const auto socket = std::exchange(socket_, nullptr);
    socket->closed = true;
    if (const auto user = std::exchange(socket->user, nullptr)) user->on_closed();
  }
  /// Carries one frame. False: there is none.
  bool carry(bool prefer_server = true) {
    if (!socket_) return false;
    if (prefer_server) return carry_to_server() || carry_to_client();
    return carry_to_client() || carry_to_server();
  }
  void settle() {
    while (advance()) {
    }
  }
  /// All that the client has said gets there; nothing comes back.
  void carry_all_to_server() {
    while (carry_to_server()) {
    }
  }

  Result<void> send_raw(std::string message) override {
    client_.request(std::move(message));
    return {};
  }
  /// Called once, from inside of the next reply.
  std::function<void()> on_reply;
  resume::Client& resume() { return client_; }
  TestSocket* socket() { return socket_.get(); }

 protected:
  bool advance() override {
    return carry() ||
           (!client_.is_connected() || client_.unanswered() > 0 ? sim_.run_one() : false);
  }

 private:
  bool carry_to_server() {
    if (!socket_ || socket_->to_server.empty() || socket_->held_back || socket_->closed) {
      return false;
    }
    std::string frame = std::move(socket_->to_server.front());
    socket_->to_server.pop_front();
    const auto socket = socket_;
    socket->user->on_message(std::move(frame));
    return true;
  }
  bool carry_to_client() {
    if (!socket_ || socket_->to_client.empty()) return false;
    const std::string frame = std::move(socket_->to_client.front());
    socket_->to_client.pop_front();
    EXPECT_TRUE(client_.on_frame(frame));
    return true;
  }

  resume::Client client_;
  std::shared_ptr<TestSocket> socket_;
};

class ResumeTest : public vfs::VfsTest {
 protected:
  static constexpr Duration kGrace = std::chrono::seconds(120);

  void SetUp() override { serve(); }
  void TearDown() override {
    client.cut();
    stop_serving();
  }

  void serve() {
    door = std::make_unique<Door>(
        Door{.vfs = *fs, .runtime = sim.runtime(), .users = users, .limits = limits});
    registry = std::make_unique<SessionRegistry>(*door, options);
    ASSERT_THAT(registry->start(), Succeeds());
    listener = std::make_unique<VersionListener>(*door);
    fs->set_listener(listener.get());
  }
  void stop_serving() {
    if (!registry) return;
    run_void(registry->stop());
    registry.reset();
    fs->set_listener(nullptr);
    door.reset();
  }
  /// The daemon is killed and starts again; clients have to come back.
  void crash() {
    for (ResumingClient* one : clients) one->cut();
    // What the dying sessions do is undone with all that is not durable.
    stop_serving();
    fs.reset();
    volume.crash();
    open({.grace = true});
    serve();
  }
  /// The daemon is stopped in order and starts again.
  void restart() {
    for (ResumingClient* one : clients) one->cut();
    stop_serving();
    reopen_durably();
    serve();
  }
  void come_back() { client.connect(*registry, exported); }
  /// A client that has attached fid 0 as root.
  void begin(ResumingClient& one) {
    one.connect(*registry, exported);
    one.begin();
    one.attach(0);
  }
  std::vector<format::SessionRecord> run_records() { return *fs->sessions().records(); }
  void make_durable() { ASSERT_THAT(run(fs->sync_all()), Succeeds()); }

  std::string content(std::string_view name) {
    auto ino = fs->peek_entry(vfs::kRootIno, name);
    if (!ino || *ino == Ino()) return "(none)";
    auto handle = run(fs->open_file({}, *ino, O_RDONLY));
    if (!handle) return "(not readable)";
    std::string bytes(65536, '\0');
    auto got =
        run(fs->read(*handle, 0, {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()}));
    bytes.resize(got ? *got : 0);
    static_cast<void>(run(fs->release(*handle)));
    return bytes;
  }

  /// By somebody who has no session: does he get the file locked? He gives it back.
  Result<void> lock_elsewhere(std::string_view name, std::uint64_t start = 0,
                              std::uint64_t end = INT64_MAX) {
    TRY(const Ino ino, fs->peek_entry(vfs::kRootIno, name));
    TRY(const vfs::HandleId handle, run(fs->open_file({}, ino, O_RDWR)));
    const vfs::RangeLock lock{.type = vfs::LockType::kWrite,
                              .start = start,
                              .end = end,
                              .owner = {.client = 1, .owner = 1}};
    const Result<void> locked = run(fs->set_lock(handle, lock, false, 1));
    static_cast<void>(run(fs->release(handle)));
    return locked;
  }

  Limits limits;
  Export exported;
  TwoUsers users;
  SessionRegistry::Options options{.grace = kGrace, .sessions_max = 16};
  std::unique_ptr<Door> door;
  std::unique_ptr<SessionRegistry> registry;
  ResumingClient client{sim};
  std::vector<ResumingClient*> clients{&client};

 private:
  /// As the server has it.
  struct VersionListener final : vfs::ChangeListener {
    explicit VersionListener(Door& of) : door(of) {}
    void on_entry_changed(Ino parent, std::string_view, std::uint64_t origin) override {
      door.versions.on_changed(parent, origin);
    }
    void on_attributes_changed(Ino ino, std::uint64_t origin) override {
      door.versions.on_changed(ino, origin);
    }
    void on_data_changed(Ino ino, std::uint64_t, std::uint64_t, std::uint64_t origin) override {
      door.versions.on_changed(ino, origin);
    }
    Door& door;
  };
  void reopen_durably() {
    run_void(fs->stop());
    ASSERT_THAT(run(fs->sync_all()), Succeeds());
    fs.reset();
    volume.crash();
    open({.grace = true});
  }
  std::unique_ptr<VersionListener> listener;
};

}  // namespace cairn::p9
