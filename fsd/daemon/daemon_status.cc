// What `cairn status` and `cairn flush` ask a running daemon.

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "fsd/daemon/daemon.h"

namespace cairn::daemon {

using nlohmann::json;

namespace {

/// A store that says nothing for so long shows as an outage; a slow link's pauses do not.
constexpr Duration kSilence = std::chrono::seconds(1);

long long whole_seconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

json requests(const object_store::RequestCounts& counts) {
  return {{"requests", counts.requests}, {"failures", counts.failures}, {"bytes", counts.bytes}};
}

json store_status(const StoreStack& store) {
  const auto& counts = store.counting().counts();
  json report = {{"get", requests(counts.gets)},
                 {"put", requests(counts.puts)},
                 {"delete", requests(counts.removes)},
                 {"list", requests(counts.lists)},
                 {"unanswered", 0}};
  if (const auto unanswered = store.retrying().unanswered()) {
    report["unanswered"] = unanswered->requests;
    report["oldest"] = {{"request", unanswered->oldest_name},
                        {"waits_s", whole_seconds(unanswered->oldest)},
                        {"failures", unanswered->oldest_failures}};
    if (unanswered->silence >= kSilence) report["silent_s"] = whole_seconds(unanswered->silence);
  }
  if (const auto outage = store.retrying().outage()) {
    report["away_s"] = whole_seconds(outage->lasts);
    report["waiting"] = outage->waiting;
    report["last_failure"] = outage->last_failure;
  }
  return report;
}

json waiting_status(const engine::EngineStats& stats) {
  return {{"fsyncs", stats.syncs_waiting},
          {"writers", stats.writers_waiting},
          {"reads", stats.reads_waiting}};
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
          {"index_disk_full", stats.index_disk_full},
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

// What the daemon is and where it stands with the store: told as soon as there is a store, also
// while it stops. Nothing of the doors belongs here.
std::string Daemon::status(nlohmann::json report) {
  report["volume"] = settings_.storage.url->text();
  report["pid"] = getpid();
  report["read_only"] = settings_.read_only;
  report["uptime_s"] = whole_seconds(runtime_.runtime().clock.monotonic() - started_);
  report["memory"] = {{"anonymous_bytes", anonymous_memory()}};
  if (!settings_.aws.endpoint.empty()) report["endpoint"] = settings_.aws.endpoint;
  if (store_made_) report["store"] = store_status(*store_);
  if (failure_) report["failed"] = failure_->message();
  return report.dump();
}

nlohmann::json Daemon::served_status() {
  const auto filesystem = vfs_->stats();
  const auto stats = engine_->stats();
  const auto& cache = engine_->cache();
  json report = {
      {"encrypted", volume_->volume.sealer.kind() == format::Sealer::Kind::kEncrypted},
      {"filesystem",
       {{"bytes_used", filesystem.bytes_used},
        {"bytes_total", filesystem.bytes_total},
        {"inodes_used", filesystem.inodes_used}}},
      {"engine", engine_status(stats)},
      {"waiting", waiting_status(stats)},
      {"cache",
       {{"bytes", cache.counters().bytes},
        {"bytes_max", cache.bytes_max()},
        {"hits", cache.counters().hits},
        {"misses", cache.counters().misses}}},
  };
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
  if (const web::WebServer* web = doors_->web()) {
    report["web"] = {{"addresses", web->addresses()}, {"connections", web->connections()}};
  }
  return report;
}

/// Not serving. The doors are not looked at: the main thread is at work on them.
nlohmann::json Daemon::away_status() {
  const bool stopping = stopping_;
  json report = {{"ok", false}, {"stopping", stopping}};
  report["error"] = stopping ? "the daemon is stopping" : "the daemon is starting";
  if (!stopping) return report;
  if (engine_) {
    const auto stats = engine_->stats();
    const bool open = stats.open_bytes > 0;
    report["engine"] = engine_status(stats);
    report["waiting"] = waiting_status(stats);
    report["left"] = {{"segments", stats.segments_in_flight + (open ? 1 : 0)},
                      {"bytes", stats.bytes_in_flight + stats.open_bytes}};
  }
  if (stop_deadline_) {
    const Duration left = *stop_deadline_ - runtime_.runtime().clock.monotonic();
    report["gives_up_in_s"] = std::max(whole_seconds(left), 0LL);
  }
  return report;
}

Task<std::string> Daemon::flush() {
  auto synced = co_await vfs_->sync_all();
  json answer = {{"ok", synced.has_value()}};
  if (!synced) answer["error"] = synced.error().message();
  co_return answer.dump();
}

Task<std::string> Daemon::answer(std::string command) {
  const bool serves = serving_;
  if (command == "status") co_return status(serves ? served_status() : away_status());
  if (!serves) co_return away_status().dump();
  if (command == "flush") co_return co_await flush();
  json unknown = {{"ok", false}, {"error", "this daemon does not know the command"}};
  co_return unknown.dump();
}

}  // namespace cairn::daemon
