#include "fsd/runtime/real_runtime.h"

#include <sys/random.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "fsd/base/check.h"
#include "fsd/runtime/asio_timers.h"
#include "fsd/runtime/thread_pool.h"

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

/// An io_context that runs until it is stopped.
class IoThreads {
 public:
  IoThreads(int count, const char* name) : io_(count) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this, name] {
        pthread_setname_np(pthread_self(), name);
        io_.run();
      });
    }
  }
  void stop() { io_.stop(); }
  void join() {
    for (std::thread& thread : threads_) thread.join();
  }
  [[nodiscard]] IoPlace place() { return {io_, executor_}; }

 private:
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{
      io_.get_executor()};
  IoExecutor executor_{io_};
  std::vector<std::thread> threads_;
};

}  // namespace

struct RealRuntime::Impl {
  IoThreads io;
  std::deque<IoThreads> transfers;
  std::vector<IoPlace> transfer_places;
  Strand core{io.place().executor};
  ThreadPool pool;
  ThreadPool indexing{1, "cairn-index"};
  AsioTimers timers{io.place().io, core};
  RealClock clock;
  RealRandom random;
  Runtime runtime{core, pool, indexing, timers, clock, random};
  bool stopped = false;

  explicit Impl(Options options)
      : io(options.io_threads, "cairn-io"), pool(options.pool_threads, "cairn-pool") {
    for (int i = 0; i < options.transfer_threads; ++i) {
      transfer_places.push_back(transfers.emplace_back(1, "cairn-transfer").place());
    }
  }
};

RealRuntime::RealRuntime(Options options) : impl_(std::make_unique<Impl>(options)) {}
RealRuntime::~RealRuntime() { stop(); }
Runtime& RealRuntime::runtime() { return impl_->runtime; }
boost::asio::io_context& RealRuntime::io() { return impl_->io.place().io; }
IoPlace RealRuntime::io_place() { return impl_->io.place(); }
std::span<const IoPlace> RealRuntime::transfer_places() { return impl_->transfer_places; }

void RealRuntime::stop() {
  if (impl_->stopped) return;
  impl_->stopped = true;
  impl_->io.stop();
  for (IoThreads& one : impl_->transfers) one.stop();
  impl_->io.join();
  for (IoThreads& one : impl_->transfers) one.join();
  impl_->pool.stop();
  impl_->indexing.stop();
  impl_->timers.clear();
}

}  // namespace cairn
