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
  Host& a = story.host("a");
  a.start();
  a.put("c-a");
  a.checkpoint();
  a.puts("c-many-", 150);
  auto swap = a.wire().trap(Op::kPut, "manifest");
  a.checkpoint();
  if (swap->caught.empty()) story.wrong("the story does not go as told: no checkpoint");
  return story.finish();
}

/// The first try to replace the manifest is lost, so what is read is the manifest from before.
std::optional<std::string> generation() {
  Story story;
  Host& a = story.host("a");
  a.start();
  a.puts("c-many-", 40);
  a.checkpoint();
  a.put("c-x");
  auto swap = a.wire().trap(Op::kPut, "manifest");
  a.checkpoint();
  if (swap->caught.empty()) story.wrong("the story does not go as told: no checkpoint");
  swap->open = true;
  story.fail(*swap);
  a.put("c-y");
  a.checkpoint();
  return story.finish();
}

/// While a follower loads the tables, the writer replaces them.
std::optional<std::string> follower_loads() {
  Story story;
  Host& a = story.host("a");
  Host& f = story.host("follower");
  a.start();
  a.put("c-a");
  a.checkpoint();
  f.options.read_only = true;
  auto tables = f.connect().trap(Op::kGet, "meta/");
  f.start();
  if (tables->caught.empty()) story.wrong("the story does not go as told: no tables are read");
  a.puts("c-many-", 150);
  a.checkpoint();
  story.open(*tables);
  if (!f.live()) story.wrong("a follower does not start: " + f.error()->message());
  story.check_state(f);
  return story.finish();
}

constexpr RuleHistory kHistories[] = {
    {Rule::kDeleteBelow, "delete_below", "deletion below the log's start", delete_below},
    {Rule::kDeathBelow, "death_below", "... of what died below it", death_below},
    {Rule::kSweepEarlier, "sweep_earlier", "tables of earlier epochs are swept", sweep_earlier},
    {Rule::kNoCleaning, "no_cleaning", "who is fenced leaves his tables", no_cleaning},
    {Rule::kNoAbandoning, "no_abandoning", "tables of an unknown outcome stay", no_abandoning},
    {Rule::kRemoveAfter, "remove_after", "replaced tables go afterwards", remove_after},
    {Rule::kGeneration, "generation", "each writing of the manifest differs", generation},
    {{}, "follower_loads", "tables are replaced meanwhile", follower_loads},
};

}  // namespace

std::span<const RuleHistory> checkpoint_histories() { return kHistories; }

}  // namespace cairn::sim
