#include "fsd/frontends/ninep/message_session.h"

#include <deque>

#include "fsd/base/log.h"

// As with a StreamConnection, a client's own slowness holds it back: while its requests under way
// hold what they may, or it does not take its replies, nothing is read from it.

namespace cairn::p9 {
namespace {

class MessageSession final : public MessageSocket::User,
                             public std::enable_shared_from_this<MessageSession> {
 public:
  MessageSession(Door& door, const Export& exported, Peer peer,
                 std::shared_ptr<MessageSocket> socket, std::function<void()> on_end)
      : socket_(std::move(socket)),
        on_end_(std::move(on_end)),
        session_(
            door, exported, std::move(peer),
            [this](std::string reply) { socket_->send(std::move(reply)); }, [this] { go_on(); }) {}

  void on_message(std::string message) override {
    if (ended_) return;
    waiting_.push_back(std::move(message));
    go_on();
  }
  void on_drained() override { go_on(); }
  void on_closed() override {
    ended_ = true;
    waiting_.clear();
    close(shared_from_this()).detach();
  }

 private:
  void go_on();
  const char* receive(std::string message);
  [[nodiscard]] bool may_go_on() const {
    return session_.has_room() && socket_->unsent_bytes() <= MessageSocket::kUnsentBytesMax;
  }
  static Task<> close(std::shared_ptr<MessageSession> self);

  const std::shared_ptr<MessageSocket> socket_;
  const std::function<void()> on_end_;
  Session session_;
  std::deque<std::string> waiting_;  // what came and was not passed in
  bool held_back_ = false;
  bool passing_in_ = false;
  bool ended_ = false;  // nothing is passed in any more
};

/// Passes in what came, as far as that may be, and lets more come or not.
void MessageSession::go_on() {
  if (passing_in_ || ended_) return;
  passing_in_ = true;  // a request that ends at once makes room at once
  while (!waiting_.empty() && may_go_on()) {
    std::string message = std::move(waiting_.front());
    waiting_.pop_front();
    const char* wrong = receive(std::move(message));
    if (wrong == nullptr) continue;
    ended_ = true;
    log::warn("9p: {}: {}; the connection is closed", session_.peer().name, wrong);
    return socket_->close(kCloseProtocolError, wrong);
  }
  passing_in_ = false;
  const bool hold_back = !waiting_.empty() || !may_go_on();
  if (hold_back == held_back_) return;
  held_back_ = hold_back;
  socket_->hold_back(hold_back);
}

/// What is wrong with it; null if nothing is.
const char* MessageSession::receive(std::string message) {
  const auto header = peek_header(as_bytes(message));
  if (!header) return "a frame is shorter than the head of a message";
  if (header->size != message.size()) return "a frame is not one message";
  if (message.size() > session_.message_bytes_max()) return "a message is longer than agreed";
  const auto taken = session_.receive(std::move(message));
  return taken ? nullptr : taken.error().what;
}

Task<> MessageSession::close(std::shared_ptr<MessageSession> self) {
  co_await self->session_.close();
  self->on_end_();
}

}  // namespace

std::shared_ptr<MessageSocket::User> make_message_session(Door& door, const Export& exported,
                                                          Peer peer,
                                                          std::shared_ptr<MessageSocket> socket,
                                                          std::function<void()> on_end) {
  return std::make_shared<MessageSession>(door, exported, std::move(peer), std::move(socket),
                                          std::move(on_end));
}

}  // namespace cairn::p9
