#include "fsd/object_store/s3/curl_engine.h"

// How libcurl's multi interface meets asio here.
//
// All of libcurl's state belongs to one strand. A request enters it on the thread that brings it;
// if the strand is free, curl_multi_socket_action runs at once and the bytes leave before start()
// returns. Then the socket waits in asio's epoll; one io thread wakes for the answer, enters the
// strand, lets libcurl read it, leaves, and only then hands the result on (deliver()): what the
// result sets off, such as the next request, finds the strand free and leaves on this same thread.
//
// What keeps system calls and wake-ups few:
//  - A kept connection's descriptor stays registered with asio between requests. It is registered
//    anew only after asio waited on it for writing: from then on epoll would report "writable" each
//    time it is armed, and wake a thread for nothing.
//  - The one asio timer is moved only to earlier moments. libcurl asks for a check in one second
//    with each request; a timer that fires too early just looks and is set again.
//
// Reading an answer of some megabytes takes milliseconds. So whoever brings a request, and holds
// the core, never reads other requests' answers on top: what was queued meanwhile, the io thread
// goes on with. The io thread itself sends what was queued while it was reading before it hands its
// result on, since what that sets off may keep it busy in the core.
//
// Descriptors are libcurl's: asio only borrows them, and release()s them before they are closed.

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "fsd/base/check.h"
#include "fsd/object_store/object_store.h"
#include "fsd/object_store/s3/curl_transfer.h"
#include "fsd/runtime/await.h"

namespace cairn::object_store::s3 {
namespace {

// tidy-allow(clock): libcurl counts real time; what is simulated has no libcurl.
using MonotonicClock = std::chrono::steady_clock;
using MonotonicTime = MonotonicClock::time_point;

/// A socket of libcurl's that asio watches.
struct Watch {
  Watch(boost::asio::io_context& io, curl_socket_t socket, bool own)
      : descriptor(io, socket), fd(socket), ours(own) {}
  boost::asio::posix::stream_descriptor descriptor;
  curl_socket_t fd;
  bool ours;  // opened by us: stays registered until libcurl closes it
  bool wants_read = false;
  bool wants_write = false;
  bool reading = false;  // a wait is under way
  bool writing = false;
  bool waited_for_write = false;
  bool gone = false;  // released; handlers that still come are stale
};

Error cancelled() { return {StoreErrc::kCancelled, "stopped"}; }

void init_libcurl_once() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  CHECK(code == CURLE_OK);
}

}  // namespace

class CurlEngine::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(IoPlace place, Options options, BlockPool bodies);

  void start(HttpRequest request, Done done);
  void stop(Stopped stopped);

 private:
  /// Hands results on after each time that the strand was drained by the backstop.
  class Backstop final : public Executor {
   public:
    Backstop(Executor& executor, Impl& impl) : executor_(executor), impl_(impl) {}
    void post(Work work) override {
      executor_.post([self = impl_.shared_from_this(), work = std::move(work)]() mutable {
        work();
        self->deliver();
      });
    }

   private:
    Executor& executor_;
    Impl& impl_;
  };
  struct Waiting {
    HttpRequest request;
    Done done;
  };
  struct Finished {
    Done done;
    Result<HttpResponse> result;
  };

  template <class F>
  void run(F work, int drain_max = Strand::kDrainMax);
  void deliver();
  // The rest: inside the strand only.
  void admit(Waiting waiting);
  void launch(Waiting waiting);
  void settle();
  void act(curl_socket_t socket, int events);
  void collect();
  void finish(CurlTransfer& transfer, CURLcode code);
  void add_finished(Done done, Result<HttpResponse> result);
  void arm_timer();
  void arm(const std::shared_ptr<Watch>& watch);
  void wait(const std::shared_ptr<Watch>& watch, bool for_write);
  void on_ready(const std::shared_ptr<Watch>& watch, bool for_write,
                const boost::system::error_code& error);
  void forget(curl_socket_t socket);
  void shut_down();

  static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void*);
  static int on_timer(CURLM*, long timeout_ms, void* self);
  static curl_socket_t on_open(void* self, curlsocktype, curl_sockaddr* address);
  static int on_close(void* self, curl_socket_t socket);

  boost::asio::io_context& io_;
  const Options options_;
  Backstop backstop_;
  Strand strand_;

  // Owned by the strand.
  CURLM* multi_ = nullptr;
  CURLSH* share_ = nullptr;  // TLS sessions, so that a new connection resumes one
  bool stopped_ = false;
  std::unordered_map<curl_socket_t, std::shared_ptr<Watch>> watches_;
  std::unordered_set<curl_socket_t> opened_;
  BlockPool bodies_;
  std::vector<std::unique_ptr<CurlTransfer>> idle_;
  std::unordered_map<CurlTransfer*, std::unique_ptr<CurlTransfer>> active_;
  std::deque<Waiting> waiting_;  // past connections_max, in order of arrival
  boost::asio::steady_timer timer_;
  std::optional<MonotonicTime> deadline_;  // when libcurl wants to be called
  std::optional<MonotonicTime> armed_;     // when timer_ fires

  std::mutex finished_mutex_;
  std::vector<Finished> finished_;  // guarded by finished_mutex_
};

CurlEngine::Impl::Impl(IoPlace place, Options options, BlockPool bodies)
    : io_(place.io),
      options_(std::move(options)),
      backstop_(place.executor, *this),
      strand_(backstop_),
      bodies_(std::move(bodies)),
      timer_(place.io) {
  init_libcurl_once();
  multi_ = curl_multi_init();
  share_ = curl_share_init();
  CHECK(multi_ != nullptr && share_ != nullptr);
  CHECK(curl_share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) == CURLSHE_OK);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Impl::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Impl::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(options_.connections_max));
}

template <class F>
void CurlEngine::Impl::run(F work, int drain_max) {
  // For what is drained here. What is queued holds no reference: the queue is a part of *this.
  const auto self = shared_from_this();
  strand_.dispatch(std::move(work), drain_max);
  deliver();
}

void CurlEngine::Impl::deliver() {
  std::vector<Finished> finished;
  {
    std::lock_guard lock(finished_mutex_);
    finished.swap(finished_);
  }
  for (Finished& one : finished) one.done(std::move(one.result));
}

void CurlEngine::Impl::start(HttpRequest request, Done done) {
  auto admitted = [this, waiting = Waiting{std::move(request), std::move(done)}]() mutable {
    admit(std::move(waiting));
  };
  run(std::move(admitted), 0);
}

void CurlEngine::Impl::stop(Stopped stopped) {
  auto shut = [this, stopped = std::move(stopped)]() mutable {
    shut_down();
    if (!stopped) return;
    add_finished([told = std::move(stopped)](auto) mutable { told(); }, cancelled());
  };
  run(std::move(shut), 0);
}

void CurlEngine::Impl::admit(Waiting waiting) {
  if (stopped_) {
    add_finished(std::move(waiting.done), cancelled());
  } else if (active_.size() >= options_.connections_max) {
    waiting_.push_back(std::move(waiting));
  } else {
    launch(std::move(waiting));
    settle();
  }
}

void CurlEngine::Impl::launch(Waiting waiting) {
  std::unique_ptr<CurlTransfer> transfer;
  if (idle_.empty()) {
    transfer = std::make_unique<CurlTransfer>();
  } else {
    transfer = std::move(idle_.back());
    idle_.pop_back();
  }
  transfer->prepare(std::move(waiting.request), std::move(waiting.done), options_, bodies_);
  CURL* easy = transfer->easy();
  curl_easy_setopt(easy, CURLOPT_SHARE, share_);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &Impl::on_open);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &Impl::on_close);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, this);
  CurlTransfer* key = transfer.get();
  active_.emplace(key, std::move(transfer));
  CHECK(curl_multi_add_handle(multi_, easy) == CURLM_OK);
}

/// Calls libcurl for as long as it wants to be called at once, and sees to what it has finished.
void CurlEngine::Impl::settle() {
  constexpr int kRoundsMax = 32;  // then by way of the timer, so that others get their turn
  for (int round = 0; round < kRoundsMax && !stopped_; ++round) {
    collect();
    if (!deadline_ || *deadline_ > MonotonicClock::now()) break;
    deadline_.reset();
    act(CURL_SOCKET_TIMEOUT, 0);
  }
  if (!stopped_) arm_timer();
}

void CurlEngine::Impl::act(curl_socket_t socket, int events) {
  int running = 0;
  CHECK(curl_multi_socket_action(multi_, socket, events, &running) == CURLM_OK);
}

void CurlEngine::Impl::collect() {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    void* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    finish(*static_cast<CurlTransfer*>(transfer), message->data.result);
  }
  while (!waiting_.empty() && active_.size() < options_.connections_max) {
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    launch(std::move(next));
  }
}

void CurlEngine::Impl::finish(CurlTransfer& transfer, CURLcode code) {
  curl_multi_remove_handle(multi_, transfer.easy());
  Done done = transfer.take_done();
  add_finished(std::move(done), transfer.finish(code));
  const auto found = active_.find(&transfer);
  CHECK(found != active_.end());
  idle_.push_back(std::move(found->second));
  active_.erase(found);
}

void CurlEngine::Impl::add_finished(Done done, Result<HttpResponse> result) {
  std::lock_guard lock(finished_mutex_);
  finished_.push_back({std::move(done), std::move(result)});
}

void CurlEngine::Impl::arm_timer() {
  if (!deadline_ || (armed_ && *armed_ <= *deadline_)) return;
  armed_ = deadline_;
  timer_.expires_at(*armed_);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (error) return;  // moved to an earlier moment, or stopped
    self->run([impl = self.get()] {
      impl->armed_.reset();
      impl->settle();
    });
  });
}

int CurlEngine::Impl::on_timer(CURLM*, long timeout_ms, void* self) {
  auto& impl = *static_cast<Impl*>(self);
  if (timeout_ms < 0) {
    impl.deadline_.reset();
  } else {
    impl.deadline_ = MonotonicClock::now() + std::chrono::milliseconds(timeout_ms);
  }
  return 0;
}

int CurlEngine::Impl::on_socket(CURL*, curl_socket_t socket, int what, void* self, void*) {
  auto& impl = *static_cast<Impl*>(self);
  auto found = impl.watches_.find(socket);
  if (what == CURL_POLL_REMOVE) {
    if (found == impl.watches_.end()) return 0;
    Watch& watch = *found->second;
    watch.wants_read = watch.wants_write = false;
    // One that never got connected, libcurl closes without a word; the next has its number.
    if (!watch.ours || watch.waited_for_write) impl.forget(socket);
    return 0;
  }
  if (found == impl.watches_.end()) {
    const bool ours = impl.opened_.contains(socket);
    auto watch = std::make_shared<Watch>(impl.io_, socket, ours);
    found = impl.watches_.emplace(socket, std::move(watch)).first;
  }
  const std::shared_ptr<Watch> watch = found->second;
  watch->wants_read = (what & CURL_POLL_IN) != 0;
  watch->wants_write = (what & CURL_POLL_OUT) != 0;
  impl.arm(watch);
  return 0;
}

void CurlEngine::Impl::arm(const std::shared_ptr<Watch>& watch) {
  if (watch->waited_for_write && !watch->wants_write && !watch->writing && !watch->reading) {
    watch->waited_for_write = false;
    watch->descriptor.release();
    boost::system::error_code error;
    watch->descriptor.assign(watch->fd, error);
    if (error) return forget(watch->fd);  // libcurl finds out by its timer
  }
  if (watch->wants_read && !watch->reading) wait(watch, false);
  if (watch->wants_write && !watch->writing) wait(watch, true);
}

void CurlEngine::Impl::wait(const std::shared_ptr<Watch>& watch, bool for_write) {
  (for_write ? watch->writing : watch->reading) = true;
  if (for_write) watch->waited_for_write = true;
  using Descriptor = boost::asio::posix::stream_descriptor;
  watch->descriptor.async_wait(
      for_write ? Descriptor::wait_write : Descriptor::wait_read,
      [self = shared_from_this(), watch, for_write](const boost::system::error_code& error) {
        self->run([impl = self.get(), watch, for_write, error] {
          impl->on_ready(watch, for_write, error);
        });
      });
}

void CurlEngine::Impl::on_ready(const std::shared_ptr<Watch>& watch, bool for_write,
                                const boost::system::error_code& error) {
  (for_write ? watch->writing : watch->reading) = false;
  if (watch->gone || stopped_) return;
  if (for_write ? watch->wants_write : watch->wants_read) {
    int events = for_write ? CURL_CSELECT_OUT : CURL_CSELECT_IN;
    if (error) events |= CURL_CSELECT_ERR;
    act(watch->fd, events);
  }
  if (!watch->gone) arm(watch);
  settle();
}

void CurlEngine::Impl::forget(curl_socket_t socket) {
  const auto found = watches_.find(socket);
  if (found == watches_.end()) return;
  found->second->gone = true;
  found->second->descriptor.release();
  watches_.erase(found);
}

curl_socket_t CurlEngine::Impl::on_open(void* self, curlsocktype, curl_sockaddr* address) {
  const int fd = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  auto& impl = *static_cast<Impl*>(self);
  impl.forget(fd);  // whatever had this number is closed
  impl.opened_.insert(fd);
  return fd;
}

int CurlEngine::Impl::on_close(void* self, curl_socket_t socket) {
  auto& impl = *static_cast<Impl*>(self);
  impl.forget(socket);
  impl.opened_.erase(socket);
  return ::close(socket);
}

void CurlEngine::Impl::shut_down() {
  if (stopped_) return;
  stopped_ = true;
  for (auto& [key, transfer] : active_) {
    curl_multi_remove_handle(multi_, transfer->easy());
    add_finished(transfer->take_done(), cancelled());
  }
  for (Waiting& waiting : waiting_) add_finished(std::move(waiting.done), cancelled());
  waiting_.clear();
  curl_multi_cleanup(multi_);  // closes the kept connections, by on_close()
  active_.clear();
  idle_.clear();
  curl_share_cleanup(share_);
  timer_.cancel();
  while (!watches_.empty()) forget(watches_.begin()->first);
}

CurlEngine::CurlEngine(IoPlace place, Options options, BlockPool bodies)
    : impl_(std::make_shared<Impl>(place, std::move(options), std::move(bodies))) {}
CurlEngine::~CurlEngine() { impl_->stop({}); }
void CurlEngine::start(HttpRequest request, Done done) {
  impl_->start(std::move(request), std::move(done));
}
void CurlEngine::stop(Stopped stopped) { impl_->stop(std::move(stopped)); }

Task<Result<HttpResponse>> send(CurlEngine& engine, Strand& core, HttpRequest request) {
  auto starter = [&engine, &request](CurlEngine::Done done) {
    engine.start(std::move(request), std::move(done));
  };
  co_return co_await FromCallback<Result<HttpResponse>>(core, std::move(starter));
}

Task<> stop(CurlEngine& engine, Strand& core) {
  auto stopper = [&engine](auto done) {
    engine.stop([done = std::move(done)]() mutable { done(true); });
  };
  co_await FromCallback<bool>(core, std::move(stopper));
}

}  // namespace cairn::object_store::s3
