#include "fsd/object_store/s3/engine_set.h"

#include <algorithm>
#include <utility>

namespace cairn::object_store::s3 {

EngineSet::EngineSet(IoPlace small, std::span<const IoPlace> transfers,
                     CurlEngine::Options options) {
  const BlockPool bodies = ResponseBody::make_blocks();
  auto for_transfers = options;
  for_transfers.connections_max /= 2 * std::max<std::size_t>(1, transfers.size());
  for (const IoPlace& place : transfers) {
    if (for_transfers.connections_max == 0) break;
    transfers_.push_back({.engine = std::make_unique<CurlEngine>(place, for_transfers, bodies)});
    options.connections_max -= for_transfers.connections_max;
  }
  small_.emplace(small, std::move(options), bodies);
}

Task<Result<HttpResponse>> EngineSet::send(Strand& core, HttpRequest request, std::uint64_t bytes) {
  if (bytes < kTransferBytesMin || transfers_.empty()) {
    co_return co_await s3::send(*small_, core, std::move(request));
  }
  // The number first: each has so many connections.
  const auto load = [](const Transfers& one) { return std::pair(one.requests, one.bytes); };
  Transfers& least = *std::ranges::min_element(transfers_, {}, load);
  ++least.requests;
  least.bytes += bytes;
  Result<HttpResponse> response = co_await s3::send(*least.engine, core, std::move(request));
  --least.requests;
  least.bytes -= bytes;
  co_return response;
}

Task<> EngineSet::stop(Strand& core) {
  co_await s3::stop(*small_, core);
  for (Transfers& one : transfers_) co_await s3::stop(*one.engine, core);
}

}  // namespace cairn::object_store::s3
