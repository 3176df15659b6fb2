#include "tests/e2e/resume/situations.h"

#include <cerrno>

#include "tests/e2e/resume/caller.h"

namespace cairn::e2e {
namespace {

namespace asio = boost::asio;
namespace flags = p9::open_flag;

void expect(bool held, const char* what) {
  if (!held) fail(what);
}

void create(Caller& caller, std::uint32_t fid, std::string_view name, std::string_view content) {
  caller.walk(0, fid, {});
  caller.get<p9::Rlcreate>(
      p9::Tlcreate{.fid = fid, .name = name, .flags = flags::kReadWrite, .mode = 0644, .gid = 0});
  caller.get<p9::Rwrite>(p9::Twrite{.fid = fid, .offset = 0, .data = as_bytes(content)});
}

void open(Caller& caller, std::uint32_t fid, const std::string& name) {
  caller.walk(0, fid, {name});
  caller.get<p9::Rlopen>(p9::Tlopen{.fid = fid, .flags = flags::kReadWrite});
}

std::uint32_t fsync(Caller& caller, std::uint32_t fid) {
  return caller.error(p9::Tfsync{.fid = fid, .datasync = 0});
}

std::string read(Caller& caller, std::uint32_t fid) {
  return std::string(
      as_string(caller.get<p9::Rread>(p9::Tread{.fid = fid, .offset = 0, .count = 4096}).data));
}

void unlink(Caller& caller, std::string_view name) {
  caller.get<p9::Runlinkat>(p9::Tunlinkat{.dfid = 0, .name = name, .flags = 0});
}

void clunk(Caller& caller, std::uint32_t fid) { caller.get<p9::Rclunk>(p9::Tclunk{.fid = fid}); }

p9::LockStatus lock(Caller& caller, std::uint32_t fid, p9::LockType type) {
  return static_cast<p9::LockStatus>(
      caller
          .get<p9::Rlock>(p9::Tlock{.fid = fid,
                                    .type = static_cast<std::uint8_t>(type),
                                    .flags = 0,
                                    .start = 0,
                                    .length = 100,
                                    .proc_id = 1,
                                    .client_id = "x"})
          .status);
}

void wait_for_log(asio::io_context& io, const Daemon& daemon, std::string_view text) {
  asio::steady_timer timer(io);
  for (int tries = 0; daemon.log().find(text) == std::string::npos; ++tries) {
    expect(tries < 3000, "the daemon's log does not say what it should");
    bool waited = false;
    timer.expires_after(std::chrono::milliseconds(10));
    timer.async_wait([&waited](const boost::system::error_code&) { waited = true; });
    while (!waited) io.run_one();
  }
}

}  // namespace

void locks_outlive_a_crash(asio::io_context& io, Disturbance& way) {
  Caller holder(io, way.url(), 1);
  holder.begin();
  create(holder, 1, "locked", "x");
  expect(lock(holder, 1, p9::LockType::kWrite) == p9::LockStatus::kSuccess, "no lock");
  for (const auto kind : {Mishap::Kind::kKill, Mishap::Kind::kTerm}) {
    holder.disconnect();
    way.happen(kind);
    Caller other(io, way.url(), 2);
    other.begin();
    // What was not durable is not there until its author has come back.
    if (kind == Mishap::Kind::kTerm) {
      open(other, 1, "locked");
      expect(lock(other, 1, p9::LockType::kWrite) != p9::LockStatus::kSuccess,
             "another client gets the lock before its holder comes back");
      clunk(other, 1);
    }
    holder.connect();
    expect(read(holder, 1) == "x", "the content is another");
    open(other, 1, "locked");
    expect(lock(other, 1, p9::LockType::kWrite) != p9::LockStatus::kSuccess,
           "another client gets the lock after its holder has come back");
    other.finish();
  }
  expect(lock(holder, 1, p9::LockType::kUnlock) == p9::LockStatus::kSuccess, "no unlock");
  Caller other(io, way.url(), 3);
  other.begin();
  open(other, 1, "locked");
  expect(lock(other, 1, p9::LockType::kWrite) == p9::LockStatus::kSuccess,
         "nobody has the lock, and nobody gets it");
  holder.finish();
  other.finish();
}

void an_unlinked_file_outlives_a_crash(asio::io_context& io, Disturbance& way) {
  Caller caller(io, way.url(), 4);
  caller.begin();
  create(caller, 1, "unlinked", "durable");
  expect(fsync(caller, 1) == 0, "no fsync");
  unlink(caller, "unlinked");
  for (const auto kind : {Mishap::Kind::kKill, Mishap::Kind::kTerm, Mishap::Kind::kKill}) {
    way.happen(kind);
    expect(read(caller, 1) == "durable", "the unlinked file is not there any more");
    expect(fsync(caller, 1) == 0, "no fsync");
  }
  clunk(caller, 1);
  caller.finish();
}

void who_does_not_come_back_in_time_is_told(asio::io_context& io, Daemon& daemon,
                                            Disturbance& way) {
  Caller caller(io, way.url(), 5);
  caller.begin();
  std::uint32_t fid = 1;
  for (const bool killed : {false, true}) {
    const std::string name = "named" + std::to_string(fid);
    create(caller, fid, name, "named");
    create(caller, fid + 1, "nameless", "nameless");
    expect(fsync(caller, fid + 1) == 0, "no fsync");
    unlink(caller, "nameless");
    expect(fsync(caller, 0) == 0, "no fsync of the directory");
    caller.disconnect();
    if (killed) way.happen(Mishap::Kind::kKill);
    wait_for_log(io, daemon, "did not come back");
    caller.connect();
    expect(read(caller, fid) == "named", "a file with a name is gone");
    expect(caller.error(p9::Tread{.fid = fid + 1, .offset = 0, .count = 1}) == ESTALE,
           "a file without a name is not stale after the grace time");
    static_cast<void>(caller.error(p9::Tclunk{.fid = fid + 1}));
    expect(caller.error(p9::Tread{.fid = fid + 1, .offset = 0, .count = 1}) == EBADF,
           "a stale fid is there after its clunk");
    fid += 2;
  }
  caller.finish();
}

void what_cannot_be_done_again_is_told(asio::io_context& io, Disturbance& way) {
  Caller author(io, way.url(), 6);
  author.begin();
  create(author, 1, "contended", "durable");
  create(author, 2, "quiet", "durable");
  expect(fsync(author, 1) == 0 && fsync(author, 2) == 0, "no fsync");
  for (const std::uint32_t fid : {1U, 2U}) {
    author.get<p9::Rwrite>(p9::Twrite{.fid = fid, .offset = 0, .data = as_bytes("author.")});
  }
  author.disconnect();
  way.happen(Mishap::Kind::kKill);
  Caller other(io, way.url(), 7);
  other.begin();
  open(other, 1, "contended");
  expect(read(other, 1) == "durable", "what was never synced is there");
  other.get<p9::Rwrite>(p9::Twrite{.fid = 1, .offset = 0, .data = as_bytes("another")});
  author.connect();
  expect(read(author, 1) == "another", "another client's write was overwritten");
  expect(read(author, 2) == "author.", "a write was not done again");
  expect(fsync(author, 1) == EIO, "a loss is not told");
  expect(fsync(author, 1) == 0, "a loss is told twice");
  expect(fsync(author, 2) == 0, "a loss is told that was none");
  expect(author.session().counts().lost == 1, "the client does not know of its loss");
  author.finish();
  other.finish();
}

}  // namespace cairn::e2e
