// Histories about committing: slots, windows, answers that were lost, writers that sleep.

#include "tests/sim/mutations/histories.h"
#include "tests/sim/mutations/story.h"

namespace cairn::sim {
namespace {

using engine::Rule;

/// Of a window of 2 the first segment is under way and the second one stored: the third must wait.
std::optional<std::string> span() {
  Story story(2);
  Host& a = story.host("a");
  Host& b = story.host("b");
  a.start();
  auto first = a.wire().trap(Op::kPut, slot(3));
  for (int i = 3; i <= 6; ++i) a.put("c-" + std::to_string(i));
  b.start();
  story.check_live(b);
  story.open(*first);
  return story.finish();
}

/// a sleeps with slot 6 under way, which b takes with its epoch-start, and clears up behind itself.
std::optional<std::string> keep_epoch_start() {
  Story story;
  Host& a = story.host("a");
  Host& b = story.host("b");
  a.start();
  a.put("c-a5");
  auto looks = a.wire().trap(Op::kGet, "manifest");
  auto put = a.wire().trap(Op::kPut, slot(6));
  a.put("c-a6");
  b.options.checkpoint_segments = 2;
  b.start();
  b.put("c-b");
  b.checkpoint_and_delete();
  story.open(*put);
  return story.finish();
}

/// a's segment is stored and its answer lost.
std::optional<std::string> read_back() {
  Story story;
  Host& a = story.host("a");
  a.start();
  auto put = a.wire().trap(Op::kPut, slot(5));
  a.put("c-a");
  story.apply(*put);
  put->open = true;
  story.fail(*put);
  story.pass(std::chrono::seconds(2));
  story.check_live(a);
  return story.finish();
}

/// b's epoch-start is in the slot that a's segment is for.
std::optional<std::string> identity() {
  Story story;
  Host& a = story.host("a");
  Host& b = story.host("b");
  a.start();
  auto put = a.wire().trap(Op::kPut, slot(5));
  a.put("c-a");
  b.start();
  story.open(*put);
  if (a.live()) story.wrong("a daemon is live that was superseded");
  return story.finish();
}

/// b has the manifest, and never gets to the end of the log that a writes on.
std::optional<std::string> look() {
  Story story;
  Host& a = story.host("a");
  Host& b = story.host("b");
  a.start();
  a.put("c-a");
  auto start = b.connect().trap(Op::kPut, "log/");
  b.start();
  b.crash();
  for (int i = 0; i < 12 && a.live(); ++i) {
    a.put("c-a" + std::to_string(i));
    story.pass(std::chrono::seconds(1));
  }
  if (a.live()) story.wrong("a daemon outruns its successor");
  return story.finish();
}

constexpr RuleHistory kHistories[] = {
    {Rule::kSpan, "span", "the window is a span", span},
    {Rule::kKeepEpochStart, "keep_epoch_start", "epoch-starts stay", keep_epoch_start},
    {Rule::kIdentity, "identity", "ours is our nonce and id", identity},
    {Rule::kReadBack, "read_back", "its own segment read back", read_back},
    {Rule::kLook, "look", "a look while committing", look},
};

}  // namespace

std::span<const RuleHistory> commit_histories() { return kHistories; }

}  // namespace cairn::sim
