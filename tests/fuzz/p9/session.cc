// Sessions on a volume in memory, fed with whatever messages the input makes: raw ones, and, so
// that it gets far, requests of every type whose numbers and names are small choices. Every request
// gets at most one reply, and that one unless it was flushed or waits for a lock; replies decode,
// answer what was asked, and fit into the size that was agreed on; a session closes and leaves no
// fid, handle or lock behind.

#include "fsd/frontends/ninep/session.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <deque>

#include "fsd/base/check.h"
#include "tests/fuzz/p9/choices.h"
#include "tests/fuzz/p9/fuzz_volume.h"

namespace {

using namespace cairn;
using namespace cairn::p9;

/// Knows everybody, but says so only when told to.
class SlowUsers final : public UserDatabase {
 public:
  Task<Groups> groups_of(std::uint32_t uid) override {
    const std::uint64_t asked = ++asked_;
    while (told_ < asked) co_await change_.wait();
    co_return Groups{.known = uid < 8, .gid = uid, .groups = {uid + 1}};
  }
  void tell() { tell_up_to(asked_); }
  void tell_from_now_on() { tell_up_to(UINT64_MAX); }

 private:
  void tell_up_to(std::uint64_t question) {
    told_ = std::max(told_, question);
    change_.notify_all();
  }

  std::uint64_t asked_ = 0;
  std::uint64_t told_ = 0;
  Condition change_;
};

/// A session and what its client has to be told yet.
class Watched {
 public:
  Watched(Door& door, const Export& exported, Peer peer)
      : session_(
            door, exported, std::move(peer), [this](std::string reply) { on_reply(reply); },
            [this] { CHECK(session_.has_room()); }) {}

  /// False: the session is over.
  bool send(std::string message) {
    const Header header = *peek_header(as_bytes(message));
    Asked asked{.order = ++sent_, .tag = header.tag, .type = header.type, .flushes = 0};
    const auto request = decode_request(header.type, as_bytes(message).subspan(kHeaderBytes));
    if (request) {
      if (const auto* flush = std::get_if<Tflush>(&*request)) asked.flushes = flush->oldtag;
    } else {
      asked.type = 0;  // to be refused
    }
    asked_.push_back(asked);
    if (session_.receive(std::move(message))) return true;
    // It is not answered; what it follows may be.
    std::erase_if(asked_, [&](const Asked& one) { return one.order == asked.order; });
    return false;
  }
  /// Nothing but waiting for a lock is under way.
  void check_answered() const {
    for (const Asked& asked : asked_) {
      CHECK(asked.type == static_cast<std::uint8_t>(MessageType::kTlock));
    }
  }
  Session& session() { return session_; }

 private:
  struct Asked {
    std::uint64_t order;
    std::uint16_t tag;
    std::uint8_t type;
    std::uint16_t flushes;
  };

  void on_reply(const std::string& message) {
    const auto header = peek_header(as_bytes(message));
    CHECK(header && header->size == message.size());
    CHECK(message.size() <= session_.message_bytes_max());
    CHECK(decode_reply(header->type, as_bytes(message).subspan(kHeaderBytes)));
    const auto found = std::ranges::find(asked_, header->tag, &Asked::tag);
    CHECK(found != asked_.end());
    const Asked asked = *found;
    asked_.erase(found);
    if (header->type == static_cast<std::uint8_t>(MessageType::kRlerror)) return;
    CHECK(asked.type + 1 == header->type);
    // What was asked before and ended by this one is not answered any more.
    const bool ends_all = asked.type == static_cast<std::uint8_t>(MessageType::kTversion);
    const bool ends_one = asked.type == static_cast<std::uint8_t>(MessageType::kTflush);
    std::erase_if(asked_, [&](const Asked& before) {
      return before.order < asked.order && (ends_all || (ends_one && before.tag == asked.flushes));
    });
  }

  std::uint64_t sent_ = 0;
  std::deque<Asked> asked_;  // and not answered
  Session session_;
};

class World {
 public:
  World() {
    for (auto& session : sessions_) session = connect(true);
  }
  ~World() {
    users_.tell_from_now_on();
    volume_.sim.run_ready();
    for (auto& session : sessions_) {
      CHECK(session->session().has_room());
      std::string message;
      append(message, 0xFFFE, Request(Tflush{.oldtag = 0xFFFE}));
      if (session->send(std::move(message))) session->check_answered();
      hang_up(session);
    }
    volume_.check_that_nothing_stays();
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void step(Choices& choices) {
    const std::uint8_t choice = choices.byte();
    auto& session = sessions_[choice >> 7U];
    constexpr std::size_t kTypes = std::variant_size_v<Request>;
    switch (const std::size_t what = choice & 127U; what) {
      case 127: {
        std::string message(kHeaderBytes, '\0');
        message += as_string(choices.take(choices.byte()));
        const std::uint8_t type = choices.byte();
        const std::uint8_t tag = choices.byte();
        return send(session, with_header(std::move(message), type, tag));
      }
      case 126:
        return users_.tell();
      case 125:
        hang_up(session);
        session = connect(choices.byte() % 2 == 0);
        return;
      case 124:
        volume_.sim.run_ready();
        return;
      default: {
        const Request request =
            choose_request(choices, what % kTypes, std::make_index_sequence<kTypes>());
        std::uint16_t tag = ++last_tag_ % 64;
        if (std::holds_alternative<Tversion>(request)) tag = kNoTag;
        if (what >= kTypes * 3) tag = choices.byte();
        std::string message;
        append(message, tag, request);
        return send(session, std::move(message));
      }
    }
  }

 private:
  static std::string with_header(std::string message, std::uint8_t type, std::uint8_t tag) {
    std::string header;
    append(header, tag, Request(Tstatfs{}));
    message.replace(0, kHeaderBytes, header, 0, kHeaderBytes);
    message[0] = static_cast<char>(message.size() & 255U);
    message[1] = static_cast<char>(message.size() >> 8U);
    message[4] = static_cast<char>(type);
    return message;
  }
  /// A client that has done what all do.
  std::unique_ptr<Watched> connect(bool is_trusted) {
    auto watched = std::make_unique<Watched>(door_, exported_,
                                             Peer{.trusted = is_trusted, .uid = 3, .name = "fuzz"});
    for (const Request& request :
         {Request(Tversion{.msize = 4096, .version = kVersion}),
          Request(Tattach{.fid = 0, .afid = kNoFid, .n_uname = is_trusted ? 0U : 3U})}) {
      std::string message;
      append(message, std::holds_alternative<Tversion>(request) ? kNoTag : 0, request);
      CHECK(watched->send(std::move(message)));
    }
    users_.tell();
    return watched;
  }
  void send(std::unique_ptr<Watched>& session, std::string message) {
    if (message.size() > session->session().message_bytes_max()) return;  // no transport lets it by
    if (session->send(std::move(message))) return;
    hang_up(session);
    session = connect(true);
  }
  void hang_up(std::unique_ptr<Watched>& session) {
    Task<> closed = session->session().close();
    if (!closed.done()) users_.tell();
    while (!closed.done()) CHECK(volume_.sim.run_one());
    session.reset();
  }
  FuzzVolume volume_;
  SlowUsers users_;
  Export exported_;
  Door door_{.vfs = *volume_.fs,
             .runtime = volume_.sim.runtime(),
             .users = users_,
             .limits = {.fids_max = 16, .requests_max = 16, .lock_waits_max = 4}};
  std::array<std::unique_ptr<Watched>, 2> sessions_;
  std::uint16_t last_tag_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices(Bytes(data, size));
  World world;
  for (int steps = 0; !choices.empty() && steps < 1000; ++steps) world.step(choices);
  return 0;
}
