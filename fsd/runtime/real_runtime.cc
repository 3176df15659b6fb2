#include "fsd/runtime/real_runtime.h"

#include <sys/random.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
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
