#include "tests/e2e/resume/caller.h"

#include <cstdio>
#include <cstdlib>

namespace cairn::e2e {
namespace {

constexpr std::size_t kTagAt = 5;
constexpr std::uint32_t kMessageBytesMax = 256U << 10;

}  // namespace

void fail(const std::string& why) {
  std::fprintf(stderr, "FAILED: %s\n", why.c_str());
  std::exit(1);
}

std::string encode(const p9::Request& request) {
  std::string message;
  p9::append(message, 0, request);
  return message;
}

p9::Reply decode(const std::string& message) {
  const auto header = p9::peek_header(as_bytes(message));
  if (!header || header->size != message.size()) fail("a reply is not whole");
  const auto reply = p9::decode_reply(header->type, as_bytes(message).subspan(p9::kHeaderBytes));
  if (!reply) fail("a reply of type " + std::to_string(header->type) + " is malformed");
  return *reply;
}

Caller::Caller(boost::asio::io_context& io, const std::string& url, std::uint64_t seed)
    : io_(io), random_(seed) {
  vm::ResumingConnection::Options options;
  options.socket.url = *vm::SocketUrl::parse(url);
  options.retry_first = std::chrono::milliseconds(5);
  options.retry_max = std::chrono::milliseconds(20);
  vm::ResumingConnection::Events events;
  events.reply = [this](std::string message) { on_reply(std::move(message)); };
  events.on_up = [] {};
  events.on_down = [](const vm::WebSocket::End& end) {
    using Kind = vm::WebSocket::End::Kind;
    if (end.kind == Kind::kRefused || end.kind == Kind::kNotOurs || end.close_code == 1002) {
      fail(end.message());
    }
  };
  link_ = std::make_unique<vm::ResumingConnection>(io, random_, options, std::move(events));
  connect();
}

void Caller::connect() {
  if (const auto started = link_->start(); !started) fail(started.error().message());
}

void Caller::begin() {
  get<p9::Rversion>(p9::Tversion{.msize = kMessageBytesMax, .version = p9::kVersion});
  get<p9::Rattach>(
      p9::Tattach{.fid = 0, .afid = p9::kNoFid, .uname = "", .aname = "", .n_uname = 0});
}

void Caller::send(std::string message, Done done) {
  while (waiting_.contains(next_tag_) || next_tag_ == p9::kNoTag) ++next_tag_;
  message[kTagAt] = static_cast<char>(next_tag_);
  message[kTagAt + 1] = static_cast<char>(next_tag_ >> 8);
  waiting_.emplace(next_tag_++, std::move(done));
  link_->request(std::move(message));
}

void Caller::on_reply(std::string message) {
  const auto header = p9::peek_header(as_bytes(message));
  const auto found = header ? waiting_.find(header->tag) : waiting_.end();
  if (found == waiting_.end()) fail("a reply that nobody waits for");
  const Done done = std::move(found->second);
  waiting_.erase(found);
  done(message);
}

p9::Reply Caller::ask(const p9::Request& request) {
  bool there = false;
  send(encode(request), [this, &there](const std::string& message) {
    kept_ = message;
    there = true;
  });
  run_until([&there] { return there; });
  return decode(kept_);
}

std::uint32_t Caller::error(const p9::Request& request) {
  const p9::Reply reply = ask(request);
  const auto* found = std::get_if<p9::Rlerror>(&reply);
  return found == nullptr ? 0 : found->ecode;
}

void Caller::walk(std::uint32_t fid, std::uint32_t newfid, const std::vector<std::string>& names) {
  p9::Twalk walk{.fid = fid, .newfid = newfid};
  for (const std::string& name : names) walk.names.push_back(name);
  if (get<p9::Rwalk>(walk).qids.size() != names.size()) fail("a walk ended on its way");
}

void Caller::finish() {
  bool done = false;
  link_->finish([&done](bool) { done = true; });
  run_until([&done] { return done; });
}

void Caller::run_until(const std::function<bool()>& is_true) {
  while (!is_true()) {
    if (io_.run_one_for(std::chrono::seconds(60)) == 0) fail("nothing happens for a minute");
  }
}

}  // namespace cairn::e2e
