#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "fsd/base/result.h"
#include "fsd/base/task.h"
#include "fsd/object_store/s3/curl_engine.h"
#include "fsd/object_store/s3/http.h"
#include "fsd/runtime/io_place.h"

namespace cairn::object_store::s3 {

/// A store's requests: small ones on one engine, large ones shared out among others. Receiving some
/// megabytes takes a thread milliseconds, more with TLS; a commit's answer does not wait behind
/// that, and a fast link is not bound to what one thread can take in.
/// Lifetime: the places outlive it; it outlives what send() returns.   Threads: core only.
class EngineSet {
 public:
  /// All of them together have the options' connections_max. One engine is for all where there are
  /// no places for `transfers`, or too few connections to share out.
  EngineSet(IoPlace small, std::span<const IoPlace> transfers, CurlEngine::Options options);

  [[nodiscard]] CurlEngine& for_small() { return *small_; }
  /// Carries a request whose bodies, its own and the answer's, are about `bytes` long; goes on in
  /// `core` with the answer. Fails with: what CurlEngine says.
  Task<Result<HttpResponse>> send(Strand& core, HttpRequest request, std::uint64_t bytes);
  /// Ends everything with kCancelled; later requests are refused so.
  Task<> stop(Strand& core);

  static constexpr std::uint64_t kTransferBytesMin = 256U << 10;

 private:
  struct Transfers {
    std::unique_ptr<CurlEngine> engine;
    std::size_t requests = 0;  // under way
    std::uint64_t bytes = 0;
  };

  std::vector<Transfers> transfers_;
  std::optional<CurlEngine> small_;  // made after what it leaves the connections to
};

}  // namespace cairn::object_store::s3
