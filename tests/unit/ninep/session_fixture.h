#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "fsd/frontends/ninep/session.h"
#include "tests/unit/vfs/vfs_fixture.h"

namespace cairn::p9 {

using vfs::FailsWith;
using vfs::Succeeds;

/// Users of a system that has two: 1000 (group 1000, and 27 besides) and 1001 (group 100).
class TwoUsers final : public UserDatabase {
 public:
  Task<Groups> groups_of(std::uint32_t uid) override {
    if (uid == 1000) co_return Groups{.known = true, .gid = 1000, .groups = {27}};
    if (uid == 1001) co_return Groups{.known = true, .gid = 100, .groups = {}};
    co_return Groups{};
  }
};

/// A client of 9P2000.L, whatever carries its messages.
class Requester {
 public:
  explicit Requester(testing::SimRuntime& sim) : sim_(sim) {}
  virtual ~Requester() = default;

  /// Sends and does not wait; the tag.
  std::uint16_t send(const Request& request) {
    const std::uint16_t tag = std::holds_alternative<Tversion>(request) ? kNoTag : next_tag_++;
    EXPECT_THAT(send_as(tag, request), Succeeds());
    return tag;
  }
  Result<void> send_as(std::uint16_t tag, const Request& request) {
    std::string message;
    append(message, tag, request);
    return send_raw(std::move(message));
  }
  virtual Result<void> send_raw(std::string message) = 0;

  [[nodiscard]] bool has_answer(std::uint16_t tag) const { return answers_.contains(tag); }
  /// The reply to `tag`; it stays where its strings point to.
  Reply answer(std::uint16_t tag) {
    while (!answers_.contains(tag)) {
      if (!advance()) {
        ADD_FAILURE() << "no answer to tag " << tag;
        return Rlerror{.ecode = 0xFFFF};
      }
    }
    kept_.push_back(std::move(answers_[tag]));
    answers_.erase(tag);
    const std::string& message = kept_.back();
    const Header header = *peek_header(as_bytes(message));
    EXPECT_EQ(header.size, message.size());
    const auto decoded = decode_reply(header.type, as_bytes(message).subspan(kHeaderBytes));
    EXPECT_TRUE(decoded);
    return decoded.value_or(Rlerror{.ecode = 0xFFFF});
  }
  Reply ask(const Request& request) { return answer(send(request)); }
  /// The reply, which has to be a T.
  template <class T>
  T get(const Request& request) {
    const Reply reply = ask(request);
    if (const auto* found = std::get_if<T>(&reply)) return *found;
    const auto* error = std::get_if<Rlerror>(&reply);
    ADD_FAILURE() << "errno " << (error != nullptr ? error->ecode : 0);
    return T{};
  }
  /// The errno of the reply; 0 if it is none.
  int error(const Request& request) {
    const Reply reply = ask(request);
    const auto* found = std::get_if<Rlerror>(&reply);
    return found == nullptr ? 0 : static_cast<int>(found->ecode);
  }

  // What tests do most.
  void begin(std::uint32_t msize = 65536) {
    EXPECT_EQ(get<Rversion>(Tversion{.msize = msize, .version = kVersion}).version, kVersion);
  }
  void attach(std::uint32_t fid, std::uint32_t uid = 0, std::string_view aname = "") {
    get<Rattach>(Tattach{.fid = fid, .afid = kNoFid, .uname = "", .aname = aname, .n_uname = uid});
  }
  static Twalk walk_request(std::uint32_t fid, std::uint32_t newfid,
                            std::initializer_list<std::string_view> names) {
    Twalk walk{.fid = fid, .newfid = newfid};
    for (const std::string_view name : names) walk.names.push_back(name);
    return walk;
  }
  /// The number of names that were walked.
  std::size_t walk(std::uint32_t fid, std::uint32_t newfid,
                   std::initializer_list<std::string_view> names) {
    return get<Rwalk>(walk_request(fid, newfid, names)).qids.size();
  }
  int walk_error(std::uint32_t fid, std::uint32_t newfid,
                 std::initializer_list<std::string_view> names) {
    return error(walk_request(fid, newfid, names));
  }
  /// `newfid` becomes a new file, open for reading and writing.
  void create(std::uint32_t dir, std::uint32_t newfid, std::string_view name,
              std::string_view content = "") {
    open_new(dir, newfid, name);
    if (!content.empty()) write(newfid, 0, content);
  }
  /// The same with flags; the file may be there.
  void open_new(std::uint32_t dir, std::uint32_t newfid, std::string_view name,
                std::uint32_t flags = 0) {
    walk(dir, newfid, {});
    get<Rlcreate>(Tlcreate{.fid = newfid,
                           .name = name,
                           .flags = open_flag::kReadWrite | flags,
                           .mode = 0644,
                           .gid = 0});
  }
  /// On the whole file, for one owner; it has to be had at once.
  void lock(std::uint32_t fid, std::uint32_t owner = 1) {
    const Tlock request{.fid = fid,
                        .type = static_cast<std::uint8_t>(LockType::kWrite),
                        .flags = 0,
                        .start = 0,
                        .length = 0,
                        .proc_id = owner,
                        .client_id = "c"};
    EXPECT_EQ(get<Rlock>(request).status, 0);
  }
  void write(std::uint32_t fid, std::uint64_t offset, std::string_view bytes) {
    EXPECT_EQ(get<Rwrite>(Twrite{.fid = fid, .offset = offset, .data = as_bytes(bytes)}).count,
              bytes.size());
  }
  std::string read(std::uint32_t fid, std::uint64_t offset = 0, std::uint32_t count = 4096) {
    const auto reply = get<Rread>(Tread{.fid = fid, .offset = offset, .count = count});
    return std::string(as_string(reply.data));
  }
  void clunk(std::uint32_t fid) { get<Rclunk>(Tclunk{.fid = fid}); }
  Rgetattr stat(std::uint32_t fid) {
    return get<Rgetattr>(Tgetattr{.fid = fid, .request_mask = getattr::kBasic});
  }

 protected:
  /// Lets something happen. False: there is nothing to wait for.
  virtual bool advance() { return sim_.run_one(); }
  void take(std::string reply) {
    const std::uint16_t tag = peek_header(as_bytes(reply))->tag;
    EXPECT_FALSE(answers_.contains(tag)) << "answered twice";
    answers_[tag] = std::move(reply);
  }

  testing::SimRuntime& sim_;

 private:
  std::map<std::uint16_t, std::string> answers_;
  std::deque<std::string> kept_;
  std::uint16_t next_tag_ = 1;
};

/// One that speaks to a Session without anything in between.
class Client final : public Requester {
 public:
  Client(Door& door, testing::SimRuntime& sim, const Export& exported, Peer peer)
      : Requester(sim),
        session_(std::make_unique<Session>(
            door, exported, std::move(peer), [this](std::string reply) { take(std::move(reply)); },
            [this] { ++rooms; })) {}
  ~Client() override { hang_up(); }

  void hang_up() {
    if (!session_) return;
    Task<> closed = session_->close();
    while (!closed.done()) ASSERT_TRUE(sim_.run_one());
    session_.reset();
  }
  Session& session() { return *session_; }
  Result<void> send_raw(std::string message) override {
    return session_->receive(std::move(message));
  }

  int rooms = 0;

 private:
  std::unique_ptr<Session> session_;
};

class SessionTest : public vfs::VfsTest {
 protected:
  ~SessionTest() override { client.reset(); }

  /// A trusted client that has attached fid 0 as root.
  void SetUp() override {
    door = std::make_unique<Door>(
        Door{.vfs = *fs, .runtime = sim.runtime(), .users = users, .limits = limits});
    client = connect();
    client->begin();
    client->attach(0);
  }
  std::unique_ptr<Client> connect(Peer peer = {.trusted = true, .uid = 0, .name = "test"}) {
    return std::make_unique<Client>(*door, sim, exported, std::move(peer));
  }

  Limits limits;
  Export exported;
  TwoUsers users;
  std::unique_ptr<Door> door;
  std::unique_ptr<Client> client;
};

}  // namespace cairn::p9
