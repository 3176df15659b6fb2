#include "vmrunner/machine/bridge.h"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "fsd/base/bytes.h"
#include "fsd/base/log.h"
#include "protocol/p9/codec.h"

namespace cairn::vm {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kMessageBytesMax = (1U << 20) + p9::kIoHeadBytes;
/// Sessions that were not told to end yet, or have not heard the daemon's answer to that.
constexpr std::size_t kSessionsMax = 16;
constexpr std::uint8_t kRlerror = 7, kTversion = 100, kTflush = 108, kRflush = 109;

std::string error_reply(std::uint16_t tag, std::uint32_t ecode) {
  const std::uint32_t size = p9::kHeaderBytes + sizeof ecode;
  std::string out(size, '\0');
  std::memcpy(out.data(), &size, sizeof size);
  out[4] = kRlerror;
  std::memcpy(out.data() + 5, &tag, sizeof tag);
  std::memcpy(out.data() + p9::kHeaderBytes, &ecode, sizeof ecode);
  return out;
}

}  // namespace

/// One mount of the guest's, and its session with the daemon.
class Bridge::Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(Bridge& owner)
      : owner_(owner),
        link_(owner.io_, owner.random_, owner.options_,
              {.reply = [this](std::string message) { answer(message); },
               .on_up = [this] { on_up(); },
               .on_down = owner.events_.on_down}) {}

  Result<void> start() { return link_.start(); }
  void attach(std::shared_ptr<VhostDevice> device) { device_ = std::move(device); }

  /// False: it makes no sense, and the chain is still the caller's.
  [[nodiscard]] bool request(std::string message, Virtqueue::Chain& chain) {
    const auto header = p9::peek_header(as_bytes(message));
    if (!header || header->size < p9::kHeaderBytes || header->size > message.size() ||
        waiting_.contains(header->tag)) {
      return false;
    }
    message.resize(header->size);
    if (header->type == kTflush && message.size() >= p9::kHeaderBytes + 2) {
      std::memcpy(&flushes_[header->tag], message.data() + p9::kHeaderBytes, 2);
    }
    waiting_.emplace(header->tag, std::move(chain));
    link_.request(std::move(message));
    return true;
  }
  /// Without answers: nobody waits for them.
  void give_all_back() {
    for (const auto& [tag, chain] : waiting_) {
      if (device_) device_->give_back(chain.head, 0);
    }
    detach();
  }
  /// The guest's buffers are no longer ours.
  void detach() {
    device_.reset();
    waiting_.clear();
    flushes_.clear();
  }
  void finish() {
    detach();
    if (std::exchange(finishing_, true)) return;
    link_.finish([self = shared_from_this()](bool told) {
      if (told && self->record_) self->record_->forget();
      asio::post(self->owner_.io_, [self] { self->owner_.on_finished(self); });
    });
  }
  [[nodiscard]] const resume::Client& client() const { return link_.client(); }

 private:
  void on_up() {
    const resume::SessionId& id = link_.client().id();
    if (id != recorded_) {  // by another name, the daemon does not know the one before any more
      if (record_) record_->forget();
      record_ = owner_.records_.keep(owner_.options_.socket.url.text(), id);
      recorded_ = id;
    }
    owner_.events_.on_up();
  }
  void answer(const std::string& message) {
    const auto header = p9::peek_header(as_bytes(message));
    if (!header) return;
    if (header->type == kRflush) {
      // A server need not answer what was flushed; the driver wants its buffers back, and before
      // it is told that its tag is free.
      if (const auto flushed = flushes_.extract(header->tag)) {
        give(flushed.mapped(), error_reply(flushed.mapped(), EINTR));
      }
    }
    give(header->tag, message);
  }
  void give(std::uint16_t tag, const std::string& message) {
    const auto found = waiting_.extract(tag);
    if (!found || !device_) return;
    const Virtqueue::Chain& chain = found.mapped();
    const bool fits = message.size() <= chain.room();
    const std::uint32_t written = chain.write(fits ? message : error_reply(tag, EMSGSIZE));
    device_->give_back(chain.head, written);
  }

  Bridge& owner_;
  ResumingConnection link_;
  std::shared_ptr<VhostDevice> device_;
  std::map<std::uint16_t, Virtqueue::Chain> waiting_;  // for a reply, by tag
  std::map<std::uint16_t, std::uint16_t> flushes_;     // tags of Tflush, and what they flush
  resume::SessionId recorded_{};
  std::optional<SessionRecords::Entry> record_;
  bool finishing_ = false;
};

Bridge::Bridge(asio::io_context& io, Random& random, ResumingConnection::Options options,
               const SessionRecords& records, Events events)
    : io_(io),
      random_(random),
      options_(std::move(options)),
      records_(records),
      events_(std::move(events)) {}

Bridge::~Bridge() = default;

std::shared_ptr<Bridge::Session> Bridge::make() {
  auto session = std::make_shared<Session>(*this);
  sessions_.insert(session);
  return session;
}

Result<void> Bridge::start() {
  next_ = make();
  return next_->start();
}

void Bridge::plug(const std::string& socket, const GuestMemory& memory) {
  ::unlink(socket.c_str());  // of the machine before
  device_ = std::make_shared<VhostDevice>(
      io_, socket, memory,
      VhostDevice::Events{
          .on_request = [this](Virtqueue::Chain chain) { on_request(std::move(chain)); },
          .on_reset = [this] { end_mount(); }});
  device_->begin();
}

void Bridge::unplug() {
  if (device_) std::exchange(device_, nullptr)->close();
  end_mount();
}

/// The message is read once: the guest may write another one there while we look at it.
void Bridge::on_request(Virtqueue::Chain chain) {
  std::string message = chain.read(kMessageBytesMax);
  const auto header = p9::peek_header(as_bytes(message));
  if (header && header->type == kTversion && !begin_mount()) {
    return refuse(chain, header->tag, EAGAIN);
  }
  if (header && !mounted_) return refuse(chain, header->tag, EIO);
  if (mounted_ && mounted_->request(std::move(message), chain)) return;
  if (!std::exchange(said_no_9p_, true)) log::warn("the machine has sent something that is no 9P");
  device_->give_back(chain.head, 0);
}

/// A mount begins with Tversion, and what was mounted before is not any more. False: the guest has
/// mounted faster than its sessions can end.
bool Bridge::begin_mount() {
  if (mounted_) mounted_->give_all_back();
  end_mount();
  if (!next_ && sessions_.size() >= kSessionsMax) return false;
  mounted_ = std::exchange(next_, nullptr);
  if (!mounted_) {
    mounted_ = make();
    if (!mounted_->start()) end_mount();
  }
  if (mounted_) mounted_->attach(device_);
  return true;
}

void Bridge::refuse(const Virtqueue::Chain& chain, std::uint16_t tag, std::uint32_t ecode) {
  device_->give_back(chain.head, chain.write(error_reply(tag, ecode)));
}

void Bridge::end_mount() {
  if (mounted_) std::exchange(mounted_, nullptr)->finish();
}

void Bridge::on_finished(const std::shared_ptr<Session>& session) {
  sessions_.erase(session);
  if (sessions_.empty() && done_) std::exchange(done_, nullptr)();
}

void Bridge::finish(std::function<void()> done) {
  unplug();
  if (sessions_.empty()) return done();
  done_ = std::move(done);
  const auto sessions = sessions_;
  for (const auto& session : sessions) session->finish();
}

resume::Client::Counts Bridge::counts() const {
  resume::Client::Counts all;
  for (const auto& session : sessions_) {
    const auto& one = session->client().counts();
    all.resumed += one.resumed;
    all.rebuilt += one.rebuilt;
    all.sent_again += one.sent_again;
    all.lost += one.lost;
    all.stale += one.stale;
  }
  return all;
}

std::size_t Bridge::unanswered() const { return mounted_ ? mounted_->client().unanswered() : 0; }

}  // namespace cairn::vm
