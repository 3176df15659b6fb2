// Resumable sessions on a volume in memory: a client that goes by the rules with requests that the
// input chooses, connections that drop and a server that crashes when the input says so, and frames
// of anybody in between. Nothing is answered twice; at the end nothing is left behind.

#include <sys/stat.h>

#include <deque>
#include <memory>
#include <set>

#include "fsd/base/check.h"
#include "fsd/frontends/ninep/session_registry.h"
#include "protocol/resume/client.h"
#include "tests/fuzz/p9/choices.h"
#include "tests/fuzz/p9/fuzz_volume.h"
#include "tests/support/fake_message_socket.h"

namespace {

using namespace cairn;
using namespace cairn::p9;

class NoUsers final : public UserDatabase {
 public:
  Task<Groups> groups_of(std::uint32_t) override { co_return Groups{}; }
};

using Socket = testing::FakeMessageSocket;

class World {
 public:
  World() {
    serve();
    connect();
    ask(kNoTag, Tversion{.msize = 8192, .version = kVersion});
    carry(100);
    ask(0, Tattach{.fid = 0, .afid = kNoFid, .n_uname = 0});
    carry(100);
  }
  ~World() {
    cut();
    stop_serving();
    volume_.fs.reset();
    volume_.open();  // whoever comes next waits for nobody
    volume_.check_that_nothing_stays();
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
        volume_.hold_syncs(false);
        CHECK(volume_.sim.wait(volume_.fs->sync_all()));
        return;
      case 252: {
        const std::uint8_t count = choices.byte();
        return inject(as_string(choices.take(count)));
      }
      case 251:
        return inject_changed(choices);
      case 250:
        volume_.sim.run_for(std::chrono::seconds(choices.byte()));
        return;
      case 249:
        return stranger(choices);
      case 248:
        return volume_.hold_syncs(true);
      default:
        if (choice >= 200) return carry(choice - 199U);
        constexpr std::size_t kTypes = std::variant_size_v<Request>;
        const Request request =
            choose_request(choices, choice % kTypes, std::make_index_sequence<kTypes>());
        ask(std::holds_alternative<Tversion>(request) ? kNoTag : next_tag(), request);
    }
  }

 private:
  void serve() {
    door_ = std::make_unique<Door>(
        Door{.vfs = *volume_.fs,
             .runtime = volume_.sim.runtime(),
             .users = users_,
             .limits = {.fids_max = 16, .requests_max = 16, .lock_waits_max = 4}});
    registry_ = std::make_unique<SessionRegistry>(
        *door_, SessionRegistry::Options{.grace = std::chrono::seconds(60),
                                         .sessions_max = 4,
                                         .sessions_per_client_max = 2,
                                         .bytes_max = 16U << 10});
    CHECK(registry_->start());
  }
  /// With what waits for the volume under way.
  void stop_serving() {
    Task<> stopped = registry_->stop();
    volume_.hold_syncs(false);
    volume_.run(std::move(stopped));
    registry_.reset();
    door_.reset();
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
    stop_serving();
    volume_.crash();
    volume_.open({.grace = true});
    serve();
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
        volume_.sim.run_ready();
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

  FuzzVolume volume_{{.grace = true}};
  NoUsers users_;
  Export exported_;
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
