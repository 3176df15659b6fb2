#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/object_store/s3/http.h"
#include "fsd/runtime/io_place.h"
#include "fsd/runtime/strand.h"

namespace cairn::object_store::s3 {

/// Many HTTP/1.1 requests at a time over kept connections, by libcurl. Sends on the thread that
/// brings a request if no other is at work inside; answers are brought by an io thread.
///
/// Nothing is sent twice, but for one case that libcurl sees to: a kept connection that turns out
/// to be closed before any byte of the answer came is replaced, and the request sent on a new one.
///
/// Lifetime: `place` outlives it. It may be destroyed with requests under way: they end with
/// kCancelled, as long as the place's threads run.
/// Threads: any. `done` is called once per request, on the thread that brought the answer (or,
/// for a request that fails at once, inside start()); never from inside the engine's own strand.
/// Fails with: kUnavailable (no connection, reset, stalled), kDamaged (another length than
/// announced, or more than asked for), kBadRequest (the URL or the CA file cannot be used),
/// kCancelled. An answer of any status is a success here.
class CurlEngine {
 public:
  struct Options {
    std::string ca_file;  // empty: the system's
    std::string proxy;    // empty: what http_proxy, https_proxy and no_proxy say
    std::string user_agent = "cairn";
    std::uint32_t connections_max = 64;
    Duration connect_timeout = std::chrono::seconds(5);
    /// A transfer that moves less than stall_bytes_per_s for this long is given up, also while it
    /// waits for the first byte of an answer. Whole seconds.
    Duration stall_timeout = std::chrono::seconds(20);
    std::uint32_t stall_bytes_per_s = 1024;
  };
  using Done = std::move_only_function<void(Result<HttpResponse>)>;
  using Stopped = std::move_only_function<void()>;

  /// Several engines may share their bodies' memory.
  CurlEngine(IoPlace place, Options options, BlockPool bodies = ResponseBody::make_blocks());
  ~CurlEngine();
  CurlEngine(const CurlEngine&) = delete;
  CurlEngine& operator=(const CurlEngine&) = delete;

  void start(HttpRequest request, Done done);
  /// Ends everything with kCancelled and closes all connections; later requests are refused so.
  /// `stopped`, if any, is called after that, as `done` is.
  void stop(Stopped stopped = {});

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

/// The same for a coroutine of the core, which goes on there with the answer. The engine outlives
/// the Task.
Task<Result<HttpResponse>> send(CurlEngine& engine, Strand& core, HttpRequest request);
/// Ends when the engine has stopped.
Task<> stop(CurlEngine& engine, Strand& core);

}  // namespace cairn::object_store::s3
