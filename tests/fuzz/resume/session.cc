// Resumable sessions on a volume in memory: a client that goes by the rules with requests that the
// input chooses, connections that drop and a server that crashes when the input says so, and frames
// of anybody in between. Nothing is answered twice; at the end nothing is left behind.

#include <sys/stat.h>

#include <deque>
#include <memory>
#include <set>

#include "fsd/base/check.h"
#include "fsd/format/keys.h"
#include "fsd/frontends/ninep/session_registry.h"
#include "protocol/resume/client.h"
#include "tests/fuzz/p9/choices.h"
#include "tests/support/memory_volume.h"
#include "tests/support/sim_runtime.h"

namespace {

using namespace cairn;
using namespace cairn::p9;

class NoUsers final : public UserDatabase {
 public:
  Task<Groups> groups_of(std::uint32_t) override { co_return Groups{}; }
};

class Socket final : public MessageSocket {
 public:
  void send(std::string message) override {
    if (!closed) to_client.push_back(std::move(message));
  }
  [[nodiscard]] std::size_t unsent_bytes() const override { return 0; }
  void hold_back(bool held) override { held_back = held; }
  void close(std::uint16_t, std::string_view) override { closed = true; }

  std::shared_ptr<User> user;
  std::deque<std::string> to_client;
  std::deque<std::string> to_server;
  bool held_back = false;
  bool closed = false;
};

class World {
 public:
  World() {
    open();
    connect();
    ask(kNoTag, Tversion{.msize = 8192, .version = kVersion});
    carry(100);
    ask(0, Tattach{.fid = 0, .afid = kNoFid, .n_uname = 0});
    carry(100);
  }
  ~World() {
    cut();
    run(registry_->stop());
    registry_.reset();
    door_.reset();
    fs_.reset();
    // Whoever comes next waits for nobody.
    auto opened = sim_.wait(vfs::Vfs::open(sim_.runtime(), volume_, {}));
    CHECK(opened);
    fs_ = std::move(*opened);
    remove_all(vfs::kRootIno);
    run(fs_->stop());
    for (const auto& [key, value] : volume_.keys()) {
      CHECK(!key.starts_with(static_cast<char>(format::KeyKind::kOrphan)));
    }
    CHECK(volume_.referenced_bytes() == 0);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void step(Choices& choices) {
    const std::uint8_t choice = choices.byte();
    switch (choice) {
      case 255:
        cut();
        return connect();
      case 254:
        return crash();
      case 253:
        CHECK(sim_.wait(fs_->sync_all()));
        return;
      case 252: {
        const std::uint8_t count = choices.byte();
        return inject(as_string(choices.take(count)));
      }
      case 251:
        return inject_changed(choices);
      case 250:
        sim_.run_for(std::chrono::seconds(choices.byte()));
        return;
      case 249:
        return stranger(choices);
      default:
        if (choice >= 200) return carry(choice - 199U);
        constexpr std::size_t kTypes = std::variant_size_v<Request>;
        const Request request =
            choose_request(choices, choice % kTypes, std::make_index_sequence<kTypes>());
        ask(std::holds_alternative<Tversion>(request) ? kNoTag : next_tag(), request);
    }
  }

 private:
  void open() {
    auto opened = sim_.wait(vfs::Vfs::open(sim_.runtime(), volume_, {.grace = true}));
    CHECK(opened);
    fs_ = std::move(*opened);
    door_ = std::make_unique<Door>(
        Door{.vfs = *fs_,
             .runtime = sim_.runtime(),
             .users = users_,
             .limits = {.fids_max = 16, .requests_max = 16, .lock_waits_max = 4}});
    registry_ = std::make_unique<SessionRegistry>(
        *door_, SessionRegistry::Options{.grace = std::chrono::seconds(60), .sessions_max = 4});
    CHECK(registry_->start());
  }
  void connect() {
    socket_ = std::make_shared<Socket>();
    socket_->user = registry_->accept(socket_, exported_,
                                      {.trusted = true, .uid = kNobody, .name = "fuzz"}, [] {});
    client_.on_connected();
  }
  void cut() {
    if (!socket_) return;
    client_.on_disconnected();
    const auto socket = std::exchange(socket_, nullptr);
    socket->closed = true;
    std::exchange(socket->user, nullptr)->on_closed();
  }
  void crash() {
    cut();
    run(registry_->stop());
    registry_.reset();
    door_.reset();
    fs_.reset();
    volume_.crash();
    open();
    connect();
  }
  /// As far as frames go; a connection that was closed is made anew.
  void carry(std::size_t count) {
    for (; count > 0 && socket_; --count) {
      if (!socket_->to_server.empty() && !socket_->held_back && !socket_->closed) {
        const std::string frame = std::move(socket_->to_server.front());
        socket_->to_server.pop_front();
        socket_->user->on_message(frame);
        last_frame_ = frame;
      } else if (!socket_->to_client.empty()) {
        const std::string frame = std::move(socket_->to_client.front());
        socket_->to_client.pop_front();
        if (!client_.on_frame(frame)) begin_anew();
      } else if (socket_->closed) {
        // Refused before it was welcome: the server knows it as somebody who is elsewhere.
        if (!client_.is_connected()) return begin_anew();
        cut();
        connect();
      } else {
        sim_.run_ready();
        return;
      }
    }
  }
  void begin_anew() {
    cut();
    client_.begin_anew();
    connect();
  }
  void ask(std::uint16_t tag, const Request& request) {
    if (!asked_.insert(tag).second) return;
    std::string message;
    append(message, tag, request);
    if (message.size() <= 4096) {
      client_.request(std::move(message));
    } else {
      asked_.erase(tag);
    }
  }
  std::uint16_t next_tag() { return static_cast<std::uint16_t>(++last_tag_ % 64); }
  void on_reply(const std::string& message) {
    const auto header = peek_header(as_bytes(message));
    CHECK(header && header->size == message.size());
    CHECK(decode_reply(header->type, as_bytes(message).subspan(kHeaderBytes)));
    // What somebody else has said in the client's name is answered, too.
    CHECK(asked_.erase(header->tag) == 1 || has_injected_);
  }

  /// A frame that the client has not sent.
  void inject(std::string_view frame) {
    has_injected_ = true;
    if (socket_ && !socket_->closed) socket_->user->on_message(std::string(frame));
  }
  /// One that it has sent, changed somewhere.
  void inject_changed(Choices& choices) {
    if (last_frame_.empty()) return;
    std::string frame = last_frame_;
    for (int left = choices.byte() % 4; left >= 0; --left) {
      frame[choices.byte() % frame.size()] = static_cast<char>(choices.byte());
    }
    inject(frame);
  }
  /// Somebody else's connection.
  void stranger(Choices& choices) {
    const auto socket = std::make_shared<Socket>();
    const auto user = registry_->accept(socket, exported_,
                                        {.trusted = false, .uid = 7, .name = "stranger"}, [] {});
    if (choices.byte() % 2 == 0) user->on_message(resume::encode(resume::Hello{}));
    for (int left = choices.byte() % 4; left > 0 && !socket->closed; --left) {
      const std::uint8_t count = choices.byte();
      user->on_message(std::string(as_string(choices.take(count))));
    }
    user->on_closed();
  }

  void run(Task<> task) {
    while (!task.done()) CHECK(sim_.run_one());
  }
  void remove_all(Ino directory) {
    const auto handle = sim_.wait(fs_->open_directory({}, directory));
    CHECK(handle);
    std::vector<std::pair<std::string, Ino>> entries;
    CHECK(fs_->read_directory(*handle, 0, [&](const vfs::DirectoryEntry& entry) {
      if (entry.name != "." && entry.name != "..") entries.emplace_back(entry.name, entry.ino);
      return true;
    }));
    CHECK(sim_.wait(fs_->release_directory(*handle)));
    for (const auto& [name, ino] : entries) {
      if (sim_.wait(fs_->unlink({}, directory, name))) continue;
      remove_all(ino);
      CHECK(sim_.wait(fs_->remove_directory({}, directory, name)));
    }
  }

  testing::SimRuntime sim_{1};
  testing::MemoryVolume volume_;
  NoUsers users_;
  Export exported_;
  std::unique_ptr<vfs::Vfs> fs_;
  std::unique_ptr<Door> door_;
  std::unique_ptr<SessionRegistry> registry_;
  std::shared_ptr<Socket> socket_;
  resume::Client client_{{.kept_bytes_max = 8192},
                         {.send =
                              [this](std::string frame) {
                                if (socket_) socket_->to_server.push_back(std::move(frame));
                              },
                          .reply = [this](std::string message) { on_reply(message); }}};
  std::set<std::uint16_t> asked_;  // and not answered
  std::uint64_t last_tag_ = 0;
  std::string last_frame_;
  bool has_injected_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices(Bytes(data, size));
  World world;
  for (int steps = 0; !choices.empty() && steps < 1000; ++steps) world.step(choices);
  return 0;
}
