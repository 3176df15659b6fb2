#include "fsd/runtime/real_runtime.h"

#include <sys/random.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "fsd/base/check.h"

namespace cairn {
namespace {

class RealClock final : public Clock {
 public:
  Duration monotonic() override { return std::chrono::steady_clock::now().time_since_epoch(); }
  Duration wall() override { return std::chrono::system_clock::now().time_since_epoch(); }
};

class RealRandom final : public Random {
 public:
  void fill(MutableByteView bytes) override {
    while (!bytes.empty()) {
      const ssize_t got = getrandom(bytes.data(), bytes.size(), 0);
      if (got < 0) {
        CHECK(errno == EINTR);
        continue;
      }
      bytes = bytes.subspan(static_cast<std::size_t>(got));
    }
  }
};

/// Threads that take work from one queue, in order.
class ThreadPool final : public Executor {
 public:
  ThreadPool(int threads, const char* name) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this, name] {
        pthread_setname_np(pthread_self(), name);
        run();
      });
    }
  }
  void post(Work work) override {
    {
      std::lock_guard lock(mutex_);
      if (stopped_) return;
      queue_.push_back(std::move(work));
    }
    ready_.notify_one();
  }
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    ready_.notify_all();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    queue_.clear();
  }

 private:
  void run() {
    for (;;) {
      Work work;
      {
        std::unique_lock lock(mutex_);
        ready_.wait(lock, [this] { return stopped_ || !queue_.empty(); });
        if (stopped_) return;
        work = std::move(queue_.front());
        queue_.pop_front();
      }
      work();
    }
  }

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Work> queue_;  // guarded by mutex_
  bool stopped_ = false;    // guarded by mutex_
  std::vector<std::thread> threads_;
};

class IoExecutor final : public Executor {
 public:
  explicit IoExecutor(boost::asio::io_context& io) : io_(io) {}
  void post(Work work) override {
    // asio wants copyable-or-movable handlers; a move_only_function is movable.
    boost::asio::post(io_, std::move(work));
  }

 private:
  boost::asio::io_context& io_;
};

/// One asio timer for all, moved only to earlier moments: each commit schedules a timer seconds
/// ahead and cancels it again, and asio would wake the io thread for either, in the middle of the
/// commit. A timer that fires too early looks, and is set again.
class AsioTimers final : public Timers {
 public:
  AsioTimers(boost::asio::io_context& io, Strand& core) : timer_(io), core_(core) {}

  Token schedule(Duration after, Work work) override {
    const Token token = ++last_;
    const Moment moment = std::chrono::steady_clock::now() + after;
    queue_.emplace(std::pair(moment, token), std::move(work));
    moments_.emplace(token, moment);
    arm();
    return token;
  }
  bool cancel(Token token) override {
    const auto found = moments_.find(token);
    if (found == moments_.end()) return false;
    queue_.erase({found->second, token});
    moments_.erase(found);
    return true;
  }
  void clear() {
    queue_.clear();
    moments_.clear();
  }

 private:
  using Moment = std::chrono::steady_clock::time_point;

  void arm() {
    if (queue_.empty()) return;
    const Moment first = queue_.begin()->first.first;
    if (armed_ && *armed_ <= first) return;
    armed_ = first;
    timer_.expires_at(first);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;  // moved to an earlier moment, or stopped
      core_.dispatch([this] { fire(); });
    });
  }
  void fire() {
    const Moment now = std::chrono::steady_clock::now();
    armed_.reset();
    while (!queue_.empty() && queue_.begin()->first.first <= now) {
      auto first = queue_.extract(queue_.begin());
      moments_.erase(first.key().second);
      first.mapped()();
    }
    arm();
  }

  boost::asio::steady_timer timer_;
  std::optional<Moment> armed_;  // when timer_ fires
  Strand& core_;
  std::map<std::pair<Moment, Token>, Work> queue_;
  std::unordered_map<Token, Moment> moments_;
  Token last_ = 0;
};

}  // namespace

struct RealRuntime::Impl {
  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard{io.get_executor()};
  IoExecutor io_executor{io};
  Strand core{io_executor};
  ThreadPool pool;
  ThreadPool indexing{1, "cairn-index"};
  AsioTimers timers{io, core};
  RealClock clock;
  RealRandom random;
  Runtime runtime{core, pool, indexing, timers, clock, random};
  std::vector<std::thread> io_threads;
  bool stopped = false;

  explicit Impl(Options options) : pool(options.pool_threads, "cairn-pool") {
    for (int i = 0; i < options.io_threads; ++i) {
      io_threads.emplace_back([this] {
        pthread_setname_np(pthread_self(), "cairn-io");
        io.run();
      });
    }
  }
};

RealRuntime::RealRuntime(Options options) : impl_(std::make_unique<Impl>(options)) {}
RealRuntime::~RealRuntime() { stop(); }
Runtime& RealRuntime::runtime() { return impl_->runtime; }
boost::asio::io_context& RealRuntime::io() { return impl_->io; }
Executor& RealRuntime::io_executor() { return impl_->io_executor; }

void RealRuntime::stop() {
  if (impl_->stopped) return;
  impl_->stopped = true;
  impl_->io.stop();
  for (auto& thread : impl_->io_threads) thread.join();
  impl_->pool.stop();
  impl_->indexing.stop();
  impl_->timers.clear();
}

}  // namespace cairn
