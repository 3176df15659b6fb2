#include "fsd/daemon/store_stack.h"

#include <cstdlib>

namespace cairn::daemon {
namespace {

/// A slow link can be had for benchmarks and demonstrations, by the environment:
/// CAIRN_LINK_BYTES_PER_S and CAIRN_LINK_LATENCY_MS.
std::uint64_t from_environment(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
}

object_store::LimitedStore::Options limits(const config::Settings& settings) {
  object_store::LimitedStore::Options options;
  // A bucket's requests wait for their connections, the small ones not behind the large ones.
  const bool is_bucket =
      settings.storage.url && settings.storage.url->kind == config::StorageUrl::Kind::kS3;
  if (is_bucket) options.concurrent_max = SIZE_MAX;
  options.up_bytes_per_s = from_environment("CAIRN_LINK_BYTES_PER_S");
  options.down_bytes_per_s = options.up_bytes_per_s;
  options.latency = std::chrono::milliseconds(from_environment("CAIRN_LINK_LATENCY_MS"));
  return options;
}

object_store::RetryingStore::Options retries(const config::Settings& settings) {
  object_store::RetryingStore::Options options;
  options.soft_timeout = settings.storage.soft_timeout;
  return options;
}

}  // namespace

StoreStack::StoreStack(MadeStore made, Runtime& runtime, const config::Settings& settings)
    : made_(std::move(made)),
      counting_(*made_.store),
      limited_(counting_, runtime, limits(settings)),
      retrying_(limited_, runtime, retries(settings)) {}

void StoreStack::give_up() {
  retrying_.stop();
  if (made_.stop) made_.stop().detach();
}

Task<> StoreStack::stop() {
  retrying_.stop();
  if (made_.stop) co_await made_.stop();
}

}  // namespace cairn::daemon
