// What `cairn status` and `cairn flush` ask a running daemon.

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "fsd/daemon/daemon.h"

namespace cairn::daemon {

using nlohmann::json;

namespace {

json requests(const object_store::RequestCounts& counts) {
  return {{"requests", counts.requests}, {"failures", counts.failures}, {"bytes", counts.bytes}};
}

json engine_status(const engine::EngineStats& stats) {
  return {{"epoch", stats.epoch.value()},
          {"open_segment", stats.open_segment.value()},
          {"durable_end", stats.durable_end.value()},
          {"log_start", stats.log_start.value()},
          {"segments_in_flight", stats.segments_in_flight},
          {"bytes_in_flight", stats.bytes_in_flight},
          {"bytes_not_sealed", stats.open_bytes},
          {"overlay_bytes", stats.overlay_bytes},
          {"index_disk_bytes", stats.index_disk_bytes},
          {"checkpoints", stats.checkpoints},
          {"segments_deleted", stats.segments_deleted},
          {"replayed_at_start", stats.replayed},
          {"index_rebuilt_at_start", stats.index_rebuilt},
          {"link_bytes_per_second", static_cast<std::uint64_t>(stats.link_bytes_per_second)}};
}

std::uint64_t anonymous_memory() {
  std::uint64_t kib = 0;
  if (FILE* file = std::fopen("/proc/self/status", "re")) {
    char line[256];
    while (std::fgets(line, sizeof line, file) != nullptr) {
      unsigned long long value = 0;
      if (std::sscanf(line, "RssAnon: %llu kB", &value) == 1) kib = value;
    }
    std::fclose(file);
  }
  return kib * 1024;
}

}  // namespace

std::string Daemon::status() {
  const auto& counts = store_->counting().counts();
  const auto filesystem = vfs_->stats();
  const auto& cache = engine_->cache();
  json report = {
      {"volume", settings_.storage.url->text()},
      {"pid", getpid()},
      {"encrypted", volume_->volume.sealer.kind() == format::Sealer::Kind::kEncrypted},
      {"read_only", settings_.read_only},
      {"uptime_s", (runtime_.runtime().clock.monotonic() - started_).count() / 1'000'000'000},
      {"filesystem",
       {{"bytes_used", filesystem.bytes_used},
        {"bytes_total", filesystem.bytes_total},
        {"inodes_used", filesystem.inodes_used}}},
      {"engine", engine_status(engine_->stats())},
      {"store",
       {{"get", requests(counts.gets)},
        {"put", requests(counts.puts)},
        {"delete", requests(counts.removes)},
        {"list", requests(counts.lists)}}},
      {"cache",
       {{"bytes", cache.counters().bytes},
        {"bytes_max", cache.bytes_max()},
        {"hits", cache.counters().hits},
        {"misses", cache.counters().misses}}},
      {"memory", {{"anonymous_bytes", anonymous_memory()}}},
  };
  if (!settings_.aws.endpoint.empty()) report["endpoint"] = settings_.aws.endpoint;
  if (auto outage = store_->retrying().outage()) {
    report["store"]["away_s"] = outage->lasts.count() / 1'000'000'000;
    report["store"]["waiting"] = outage->waiting;
    report["store"]["last_failure"] = outage->last_failure;
  }
  if (const fuse::FuseServer* fuse = doors_->fuse()) {
    report["fuse"] = {{"mountpoint", fuse->mountpoint()}, {"how", fuse->description()}};
    json& by_kind = report["fuse"]["requests"] = json::object();
    const fuse::RequestCounts kinds = fuse->counts();
    for (std::size_t i = 0; i < fuse::kRequestKinds; ++i) {
      if (kinds[i] > 0) by_kind[fuse::name_of(static_cast<fuse::RequestKind>(i))] = kinds[i];
    }
  }
  if (const p9::NinepServer* ninep = doors_->ninep()) {
    report["9p"] = {{"addresses", ninep->addresses()}, {"connections", ninep->connections()}};
  }
  if (failure_) report["failed"] = failure_->message();
  return report.dump();
}

Task<std::string> Daemon::flush() {
  auto synced = co_await vfs_->sync_all();
  json answer = {{"ok", synced.has_value()}};
  if (!synced) answer["error"] = synced.error().message();
  co_return answer.dump();
}

Task<std::string> Daemon::answer(std::string command) {
  if (!serving_) {
    const bool stopping = stopping_;
    const char* state = stopping ? "the daemon is stopping" : "the daemon is starting";
    json away = {{"ok", false}, {"error", state}, {"stopping", stopping}, {"pid", getpid()}};
    co_return away.dump();
  }
  if (command == "status") co_return status();
  if (command == "flush") co_return co_await flush();
  json unknown = {{"ok", false}, {"error", "this daemon does not know the command"}};
  co_return unknown.dump();
}

}  // namespace cairn::daemon
