#include "fsd/engine/take_over.h"

// Taking a volume over. The rules, each of which loses acknowledged data when it is left out
// (tests/sim/README.md says which test guards which):
//   1. The manifest goes to the next epoch, with a nonce of ours, by compare-and-swap.
//   2. The index is brought to a position that can be believed (index_loader.h).
//   3. The log is replayed from there, each segment saying where it goes on, to the first empty
//      slot N. What was read is believed only after the manifest, read afterwards, still shows us.
//   4. An epoch-start is put into N. Its next_seq is N + window: what the predecessor still has
//      under way lands in the gap. Somebody else's segment in N is replayed like any other.
//   5. The manifest is read once more: we are live only if it still shows us. Only then does the
//      epoch-start enter the index.

#include "fsd/base/log.h"
#include "fsd/engine/index_loader.h"
#include "fsd/engine/limits.h"
#include "fsd/engine/log_put.h"
#include "fsd/engine/protocol_rules.h"
#include "fsd/engine/volume.h"
#include "fsd/format/names.h"

namespace cairn::engine {
namespace {

constexpr int kManifestTriesMax = 16;

Error superseded() {
  return Error(EngineErrc::kFenced, "another daemon is taking this volume over at the same time");
}

/// Step 1.
Task<Result<StoredManifest>> claim(ManifestClient& client, format::WriterNonce nonce) {
  for (int i = 0; i < kManifestTriesMax; ++i) {
    CO_TRY(StoredManifest read, co_await client.get());
    format::Manifest wanted = read.manifest;
    wanted.epoch = wanted.epoch.next();
    wanted.nonce = nonce;
    if (rule(Rule::kGeneration)) ++wanted.generation;
    CO_TRY(auto replaced, co_await client.replace(std::move(read), std::move(wanted)));
    if (replaced) co_return std::move(*replaced);
  }
  co_return superseded();
}

/// Nothing if the manifest still shows this writer.
Task<Result<void>> still_ours(ManifestClient& client, format::Manifest ours) {
  CO_TRY(StoredManifest now, co_await client.get());
  if (now.manifest.epoch == ours.epoch &&
      (now.manifest.nonce == ours.nonce || !rule(Rule::kNonce))) {
    co_return Result<void>();
  }
  co_return superseded();
}

/// Refuses a log with a hole: what stands this far behind an empty slot was written after the slot
/// had been filled. False: the slot was filled meanwhile, by a writer that still runs; replay on.
Task<Result<bool>> check_no_hole(LogAccess access, LogReader& reader, Seq end) {
  const std::uint64_t window = access.parameters.window;
  CO_TRY(const bool hole, co_await reader.anything_in(Seq(end.value() + window), window));
  if (!hole || !rule(Rule::kHole)) co_return true;
  CO_TRY(const bool filled, co_await reader.anything_in(end, 1));
  if (filled) co_return false;
  co_return Error(EngineErrc::kLost,
                  "an object of the log is missing and later ones are there: something has "
                  "deleted it (a lifecycle rule?); restore it from a backup or a version",
                  format::log_name(end));
}

struct Taker {
  LogAccess access;
  LogReader reader;
  ManifestClient client;
  OpenedLog opened;

  explicit Taker(LogAccess a)
      : access(std::move(a)),
        reader(access.store, access.sealer, access.parameters.identity),
        client(access.store, access.sealer, access.parameters.identity, access.runtime.random) {}

  /// Step 3: to the first empty slot.
  Task<Result<void>> replay() {
    for (;;) {
      CO_TRY(auto read, co_await reader.read_run(opened.tip, kReplayParallel));
      auto run = std::make_shared<LogReader::Run>(std::move(read));
      if (rule(Rule::kBelieveAfterLook)) {
        CO_TRY_OK(co_await still_ours(client, opened.manifest.manifest));
      }
      if (run->broken) co_return *run->broken;
      CO_TRY_OK(co_await apply_run(access, run, opened.tip));
      opened.tip = run->end;
      opened.replayed += run->segments.size();
      if (run->at_end_of_log) co_return Result<void>();
    }
  }

  /// Step 4. False: the slot was filled meanwhile.
  Task<Result<bool>> put_epoch_start() {
    const format::Manifest& manifest = opened.manifest.manifest;
    format::SegmentHeader header{
        .identity = access.parameters.identity,
        .epoch = manifest.epoch,
        .nonce = manifest.nonce,
        .seq = opened.tip.next_seq,
        .id = format::SegmentId::random(access.runtime.random),
        .previous = opened.tip.last,
        .next_seq = Seq(opened.tip.next_seq.value() + access.parameters.window),
        .kind = format::SegmentKind::kEpochStart,
        .frame_bytes = access.parameters.frame_bytes};
    auto sealed = format::seal_segment(header, {}, {}, format::Compression::none(), access.sealer);
    CO_TRY(const bool ours,
           co_await put_segment(access.runtime, access.store, reader, header,
                                SharedBytes::from(std::move(sealed.object)), nullptr));
    if (!ours) co_return false;
    const bool look_first = rule(Rule::kLiveAfterLook) && rule(Rule::kIndexLate);
    if (look_first) CO_TRY_OK(co_await still_ours(client, manifest));  // step 5
    auto run = std::make_shared<LogReader::Run>();
    run->segments.emplace_back().header = header;
    run->end = position_after(header);
    CO_TRY_OK(co_await apply_run(access, run, opened.tip));
    if (!rule(Rule::kIndexLate)) CO_TRY_OK(co_await still_ours(client, manifest));
    opened.tip = run->end;
    opened.log_end = header.seq;
    co_return true;
  }
};

Task<Result<OpenedLog>> run_take_over(std::shared_ptr<Taker> taker) {
  OpenedLog& opened = taker->opened;
  opened.nonce = format::WriterNonce::random(taker->access.runtime.random);
  CO_TRY(opened.manifest, co_await claim(taker->client, opened.nonce));
  auto loaded =
      co_await load_index(taker->access, taker->reader, opened.manifest.manifest, opened.rebuilt);
  if (!loaded) {
    // What a successor has replaced may be gone: then this is the reason.
    CO_TRY_OK(co_await still_ours(taker->client, opened.manifest.manifest));
    co_return loaded.error();
  }
  opened.tip = *loaded;
  for (;;) {
    CO_TRY_OK(co_await taker->replay());
    auto at_end = co_await check_no_hole(taker->access, taker->reader, opened.tip.next_seq);
    if (!at_end) {
      // A successor may have deleted the slot: then this is the reason.
      CO_TRY_OK(co_await still_ours(taker->client, opened.manifest.manifest));
      co_return at_end.error();
    }
    if (!*at_end) continue;
    CO_TRY(const bool live, co_await taker->put_epoch_start());
    if (live) co_return std::move(opened);
  }
}

/// Brings a follower's index to where the manifest says. Tables that are gone have been replaced by
/// the writer if the manifest has changed meanwhile: then it says where to load from now.
Task<Result<void>> load_for_reading(std::shared_ptr<Taker> taker) {
  OpenedLog& opened = taker->opened;
  for (;;) {
    auto loaded =
        co_await load_index(taker->access, taker->reader, opened.manifest.manifest, opened.rebuilt);
    if (loaded) {
      opened.tip = *loaded;
      co_return Result<void>();
    }
    if (!is(loaded.error(), EngineErrc::kLost)) co_return loaded.error();
    CO_TRY(StoredManifest now, co_await taker->client.get());
    if (same_version(now.manifest, opened.manifest.manifest)) co_return loaded.error();
    opened.manifest = std::move(now);
  }
}

Task<Result<OpenedLog>> run_follow(std::shared_ptr<Taker> taker) {
  OpenedLog& opened = taker->opened;
  CO_TRY(opened.manifest, co_await taker->client.get());
  CO_TRY_OK(co_await load_for_reading(taker));
  for (;;) {
    CO_TRY(auto read, co_await taker->reader.read_run(opened.tip, kReplayParallel));
    auto run = std::make_shared<LogReader::Run>(std::move(read));
    // Slots below the log's start may be gone, and written again by a sleeper: load again then.
    CO_TRY(StoredManifest now, co_await taker->client.get());
    if (now.manifest.checkpoint.next_seq > opened.tip.next_seq && rule(Rule::kFollowerLook)) {
      opened.manifest = std::move(now);
      CO_TRY_OK(co_await load_for_reading(taker));
      continue;
    }
    if (run->broken) co_return *run->broken;
    CO_TRY_OK(co_await apply_run(taker->access, run, opened.tip));
    opened.tip = run->end;
    opened.replayed += run->segments.size();
    if (run->at_end_of_log) co_return std::move(opened);
  }
}

}  // namespace

Task<Result<OpenedLog>> take_over(LogAccess access) {
  return run_take_over(std::make_shared<Taker>(std::move(access)));
}
Task<Result<OpenedLog>> follow_log(LogAccess access) {
  return run_follow(std::make_shared<Taker>(std::move(access)));
}

}  // namespace cairn::engine
