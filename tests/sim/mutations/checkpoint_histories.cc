// Histories about checkpoints and deletion.

#include "tests/sim/mutations/histories.h"
#include "tests/sim/mutations/story.h"

namespace cairn::sim {
namespace {

using engine::Rule;

/// A daemon that checkpoints after two segments, and whose checkpoint is stopped on its way.
struct Stopped {
  Host& a;
  std::shared_ptr<Trap> trap;
};
Stopped stopped_checkpoint(Story& story, const char* key) {
  Host& a = story.host("a");
  a.options.checkpoint_segments = 2;
  a.start();
  auto trap = a.wire().trap(Op::kPut, key);
  a.put_file("c-f");
  a.put("c-a");
  if (trap->caught.empty()) story.wrong("the story does not go as told: no checkpoint");
  return {a, trap};
}

/// While a checkpoint is under way, a file comes and goes behind its position.
std::optional<std::string> delete_below() {
  Story story;
  auto [a, table] = stopped_checkpoint(story, "meta/");
  a.put_file("c-g");
  a.drop_file("c-g");
  a.put("c-z");
  story.open(*table);
  story.pass(std::chrono::seconds(1));
  return story.finish();
}

/// While a checkpoint is under way, a file goes, and that never gets to the bucket.
std::optional<std::string> death_below() {
  Story story;
  auto [a, table] = stopped_checkpoint(story, "meta/");
  auto put = a.wire().trap(Op::kPut, slot(7));
  a.drop_file("c-f");
  story.open(*table);
  story.pass(std::chrono::milliseconds(500));
  return story.finish();
}

/// a lists the tables and falls asleep; b takes over and writes some.
std::optional<std::string> sweep_earlier() {
  Story story;
  Host& a = story.host("a");
  Host& b = story.host("b");
  auto listing = a.connect().trap(Op::kList, "meta/");
  a.start();
  a.put("c-a");
  b.options.checkpoint_segments = 2;
  b.start();
  b.checkpoint_and_delete();
  story.open(*listing);
  return story.finish();
}

/// a's checkpoint is in the manifest, and b has gone on from there; a hears neither.
std::optional<std::string> no_cleaning() {
  Story story;
  auto [a, swap] = stopped_checkpoint(story, "manifest");
  Host& b = story.host("b");
  story.apply(*swap);
  b.start();
  swap->open = true;
  story.fail(*swap);
  story.pass(std::chrono::milliseconds(500));
  return story.finish();
}

/// Nothing is heard of a's checkpoint, and then it arrives.
std::optional<std::string> no_abandoning() {
  Story story;
  auto [a, swap] = stopped_checkpoint(story, "manifest");
  auto look = a.wire().trap(Op::kGet, "manifest");
  const auto late = swap->caught;
  swap->open = true;
  story.fail(*swap);
  look->open = true;
  story.fail(*look, object_store::StoreErrc::kAccessDenied);
  story.pass(std::chrono::milliseconds(500));
  a.crash();
  for (const auto& request : late) request->apply();
  return story.finish();
}

/// The manifest without the old tables never gets to the bucket.
std::optional<std::string> remove_after() {
  Story story;
  auto [a, first] = stopped_checkpoint(story, "manifest");
  story.open(*first);
  story.pass(std::chrono::milliseconds(500));
  auto second = a.wire().trap(Op::kPut, "manifest");
  for (int i = 0; i < 60 && second->caught.empty(); ++i) a.put("c-many-" + std::to_string(i));
  // A few deltas, and then new base tables: the one before the last is let through.
  for (int i = 0; i < 20 && !second->caught.empty(); ++i) {
    const auto before = story.bucket.store.objects();
    bool base = false;
    for (const auto& [key, stored] : before) {
      base |= key.ends_with("-base") && key > format::table_name(Epoch(1), 1, format::TableKind::kBase);
    }
    if (base) break;
    story.answer(*second);
    for (int k = 0; k < 9 && second->caught.empty(); ++k) {
      a.put("c-more-" + std::to_string(i) + "-" + std::to_string(k));
    }
  }
  return story.finish();
}

/// a's checkpoint never gets to the bucket.
std::optional<std::string> generation() {
  Story story;
  Host& a = story.host("a");
  a.options.checkpoint_segments = 3;
  a.start();
  auto swap = a.wire().trap(Op::kPut, "manifest");
  a.put_file("c-f");
  a.drop_file("c-f");
  a.put("c-a");
  if (swap->caught.empty()) story.wrong("the story does not go as told: no checkpoint");
  const auto late = swap->caught;
  story.fail(*swap);
  story.pass(std::chrono::milliseconds(500));
  return story.finish();
}

constexpr RuleHistory kHistories[] = {
    {Rule::kDeleteBelow, "DELBOUND", "deletion below the log's start", delete_below},
    {Rule::kDeathBelow, "DEATHDUR", "... of what died below it", death_below},
    {Rule::kSweepEarlier, "EPKEY", "tables of earlier epochs are swept", sweep_earlier},
    {Rule::kNoCleaning, "NOCLEAN", "who is fenced leaves his tables", no_cleaning},
    {Rule::kNoAbandoning, "NOABANDON", "tables of an unknown outcome stay", no_abandoning},
    {Rule::kRemoveAfter, "DELAFTERCAS", "replaced tables go afterwards", remove_after},
    {Rule::kGeneration, "GEN", "each writing of the manifest differs", generation},
};

}  // namespace

std::span<const RuleHistory> checkpoint_histories() { return kHistories; }

}  // namespace cairn::sim
