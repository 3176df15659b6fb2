// Histories about taking over: epoch-starts, the looks at the manifest, which index is believed.
// With a window of 4 the first daemon's epoch-start is in slot 1 and its first segment in slot 5.

#include "tests/sim/mutations/histories.h"
#include "tests/sim/mutations/story.h"

namespace cairn::sim {
namespace {

using engine::Rule;

/// a's segment, a file, arrives in slot 5 when b believes that to be empty and has its epoch-start
/// for it under way. a is dead then.
std::shared_ptr<Trap> believe_empty(Story& story, Host& a, Host& b) {
  a.start();
  auto put = a.wire().trap(Op::kPut, slot(5));
  a.put_file("c-f");
  auto start = b.connect().trap(Op::kPut, slot(5));
  b.start();
  story.open(*put);
  a.crash();
  return start;
}

/// Slot 5 is a's, then dead and deleted by c; b, which began before c, believed slot 5 to be empty
/// and has its epoch-start for it under way.
struct LateStart {
  Host& b;
  std::shared_ptr<Trap> start;
};
LateStart late_start(Story& story) {
  Host& a = story.host("a");
  Host& b = story.host("b");
  Host& c = story.host("c");
  auto start = believe_empty(story, a, b);
  c.options.checkpoint_segments = 2;
  c.start();
  c.drop_file("c-f");
  c.checkpoint_and_delete();
  if (story.bucket.holds(slot(5))) story.wrong("the story does not go as told: slot 5 stays");
  return {b, start};
}

std::optional<std::string> live_after_look() {
  Story story;
  LateStart late = late_start(story);
  story.open(*late.start);
  late.b.put("c-b");
  return story.finish();
}

std::optional<std::string> index_late() {
  Story story;
  LateStart late = late_start(story);
  story.open(*late.start);
  return story.finish();
}

/// d has begun after b and before c, and reads slot 5 when b's epoch-start has arrived in it.
std::optional<std::string> believe_after_look() {
  Story story;
  Host& a = story.host("a");
  Host& b = story.host("b");
  Host& c = story.host("c");
  Host& d = story.host("d");
  auto start = believe_empty(story, a, b);
  auto reads = d.connect().trap(Op::kGet, "log/");
  d.start();
  c.options.checkpoint_segments = 2;
  c.start();
  c.drop_file("c-f");
  c.checkpoint_and_delete();
  story.apply(*start);
  b.crash();
  story.open(*reads);
  if (d.live()) story.wrong("a daemon is live that was superseded");
  return story.finish();
}

/// The same with a follower, which has read up to slot 5 and goes on there.
std::optional<std::string> follower_look() {
  Story story;
  Host& a = story.host("a");
  Host& b = story.host("b");
  Host& c = story.host("c");
  Host& f = story.host("follower");
  auto start = believe_empty(story, a, b);
  f.options.read_only = true;
  auto reads = f.connect().trap(Op::kGet, slot(5), 1);
  f.start();
  c.options.checkpoint_segments = 2;
  c.start();
  c.put("c-v");
  c.drop_file("c-f");
  c.checkpoint_and_delete();
  story.apply(*start);
  b.crash();
  story.open(*reads);
  story.check_state(f);
  return story.finish();
}

/// c's epoch-start finds b's in its slot.
std::optional<std::string> next_after_taken() {
  Story story;
  Host& a = story.host("a");
  Host& b = story.host("b");
  Host& c = story.host("c");
  a.start();
  a.put("c-a");
  auto b_start = b.connect().trap(Op::kPut, "log/");
  b.start();
  auto c_start = c.connect().trap(Op::kPut, "log/");
  c.start();
  story.apply(*b_start);
  story.open(*c_start);
  story.check_live(c);
  return story.finish();
}

/// What a has under way arrives behind b's epoch-start, where the log must not go on.
std::optional<std::string> next_of_kept_position() {
  Story story;
  Host& a = story.host("a");
  Host& b = story.host("b");
  a.start();
  auto puts = a.wire().trap(Op::kPut, "log/");
  a.put("c-a5");
  a.put("c-a6");
  const auto late = puts->caught;
  a.crash();
  b.start();
  for (const auto& request : late) request->apply();
  story.check_live(b);
  return story.finish();
}

/// The epoch-start is stored and its answer lost.
std::optional<std::string> own_epoch_start() {
  Story story;
  Host& a = story.host("a");
  Host& b = story.host("b");
  a.start();
  a.put("c-a");
  a.crash();
  auto start = b.connect().trap(Op::kPut, "log/");
  b.start();
  story.apply(*start);
  start->open = true;
  story.fail(*start);
  story.pass(std::chrono::seconds(2));
  story.check_live(b);
  return story.finish();
}

/// Both take the same manifest for their epoch. The slower one must see that it lost.
std::optional<std::string> nonce() {
  Story story;
  Host& a = story.host("a");
  Host& b = story.host("b");
  Host& c = story.host("c");
  a.start();
  a.put("c-a");
  a.crash();
  auto b_swap = b.connect().trap(Op::kPut, "manifest");
  b.start();
  auto c_swap = c.connect().trap(Op::kPut, "manifest");
  c.start();
  story.open(*b_swap);
  b.put("c-b");
  story.open(*c_swap);
  story.check_live(c);
  b.put("c-b2");
  return story.finish();
}

/// Somebody's rule for old objects has deleted slot 6.
std::optional<std::string> hole() {
  Story story;
  Host& a = story.host("a");
  Host& b = story.host("b");
  a.start();
  for (int i = 5; i <= 12; ++i) a.put("c-" + std::to_string(i));
  a.crash();
  const SharedBytes lost = story.bucket.store.objects().at(slot(6)).body;
  story.bucket.store.lose(slot(6));
  b.start();
  if (b.live()) story.wrong("a daemon writes to a log with a hole");
  b.crash();
  (void)story.sim.wait([&] { return story.bucket.store.put(slot(6), lost, {}); });
  return story.finish();
}

/// Somebody's bug has put a segment of another epoch where the log goes on.
std::optional<std::string> forged_epoch(Epoch epoch) {
  Story story;
  Host& a = story.host("a");
  Host& b = story.host("b");
  a.start();
  a.put("c-a");
  a.crash();
  b.start();
  b.put("c-b");
  b.crash();
  const auto& stored = story.bucket.store.objects().at(slot(10));
  auto header = format::decode_segment_header(stored.body.view());
  if (!header) return "the story does not go as told: slot 10 is empty";
  header->previous = header->id;
  header->id.bytes[0] ^= 1;
  header->epoch = epoch;
  header->seq = Seq(11);
  header->next_seq = Seq(12);
  auto sealed =
      format::seal_segment(*header, {}, {}, format::Compression::none(), story.volume.sealer);
  const SharedBytes forged = SharedBytes::from(std::move(sealed.object));
  (void)story.sim.wait([&] { return story.bucket.store.put(slot(11), forged, {}); });
  Host& c = story.host("c");
  if (c.start()) story.wrong("a segment of an epoch that is not this one's is believed");
  c.crash();
  for (const auto& added : {slot(11), slot(12), slot(16)}) {
    if (story.bucket.holds(added)) story.bucket.store.lose(added);
  }
  return story.finish();
}

std::optional<std::string> older_epoch() { return forged_epoch(Epoch(1)); }
std::optional<std::string> epoch_that_never_began() { return forged_epoch(Epoch(9)); }

/// a's index stays where a began; what a wrote from there on is dead and deleted.
std::optional<std::string> index_not_before() {
  Story story;
  Host& a = story.host("a");
  Host& b = story.host("b");
  a.start();
  a.index.set_full(true);
  a.put_file("c-f");
  story.pass(std::chrono::seconds(1));
  a.crash();
  a.index.set_full(false);
  b.options.checkpoint_segments = 2;
  b.start();
  b.drop_file("c-f");
  b.checkpoint_and_delete();
  if (story.bucket.holds(slot(5))) story.wrong("the story does not go as told: slot 5 stays");
  b.crash();
  a.start();
  story.check_state(a);
  story.check_live(a);
  return story.finish();
}

/// The bucket is an older copy; a's index is not.
std::optional<std::string> index_in_log() {
  Story story;
  Host& a = story.host("a");
  Host& b = story.host("b");
  a.start();
  a.put("c-kept");
  a.put("c-undone");
  story.pass(std::chrono::seconds(1));
  a.crash();
  story.bucket.store.lose(slot(6));
  story.values.erase("c-undone");
  b.start();
  b.put("c-b");
  b.crash();
  a.start();
  story.check_state(a);
  story.check_live(a);
  return story.finish();
}

constexpr RuleHistory kHistories[] = {
    {Rule::kLiveAfterLook, "live_after_look", "live after a look at the manifest", live_after_look},
    {Rule::kNextSeq, "next_after_taken", "behind a foreign epoch-start", next_after_taken},
    {Rule::kNextSeq, "next_of_kept_position", "positions keep where the log goes on",
     next_of_kept_position},
    {Rule::kBelieveAfterLook, "believe_after_look", "the log is believed after a look",
     believe_after_look},
    {Rule::kOwnEpochStart, "own_epoch_start", "its own epoch-start read back", own_epoch_start},
    {Rule::kIndexLate, "index_late", "the epoch-start enters the index late", index_late},
    {Rule::kIndexNotBefore, "index_not_before", "no index from before the log's start",
     index_not_before},
    {Rule::kIndexInLog, "index_in_log", "no index of another log", index_in_log},
    {Rule::kFollowerLook, "follower_look", "a follower looks at the log's start", follower_look},
    {Rule::kEpochOrder, "older_epoch", "no older epoch in the log", older_epoch},
    {Rule::kEpochOrder, "epoch_that_never_began", "no epoch that never began",
     epoch_that_never_began},
    {Rule::kHole, "hole", "no start on a log with a hole", hole},
    {Rule::kNonce, "nonce", "two takers of one epoch", nonce},
};

}  // namespace

std::span<const RuleHistory> take_over_histories() { return kHistories; }

}  // namespace cairn::sim
