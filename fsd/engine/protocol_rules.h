#pragma once

// The rules of taking over, committing and deleting (docs/design.md and take_over.cc say what they
// are for), by name, so that tests can take one out at a time and see that something notices. In
// the product rule() is constant and leaves no code behind; with CAIRN_PROTOCOL_MUTATIONS, which
// only the target cairn_engine_mutable of the tests sets, it is a switch.

#include <cstdint>

namespace cairn::engine {

enum class Rule : std::uint8_t {
  kNextSeq,           // the log goes on where a segment says, not at its number plus one
  kSpan,              // the window is a span of numbers, not a count of what is under way
  kKeepEpochStart,    // an epoch-start is never deleted
  kLiveAfterLook,     // live only if the manifest, read after the epoch-start, shows us
  kBelieveAfterLook,  // what was read of the log is believed after such a look
  kIndexNotBefore,    // an index that lies before the log's start is not used
  kIndexInLog,        // nor one that ends with a segment which the log does not hold
  kFollowerLook,      // a follower believes what it read after a look at the log's start
  kIdentity,          // "ours" means our nonce and id, not just the slot
  kOwnEpochStart,     // an epoch-start of ours that is found after "taken" counts as put
  kDeleteBelow,       // nothing at or past the log's start is deleted
  kDeathBelow,        // ... nor what died there
  kIndexLate,         // the epoch-start enters the index after the look that follows it
  kSweepEarlier,      // only tables of earlier epochs are swept
  kNoCleaning,        // who is fenced while he publishes leaves his tables
  kNoAbandoning,      // tables of a manifest whose writing is unknown stay
  kRemoveAfter,       // replaced tables go after the manifest that names them no more
  kNonce,             // a manifest is ours only with our nonce
  kGeneration,        // every writing of the manifest has a generation of its own
  kHole,              // a log with a hole is not written to
  kLook,              // a writer that commits looks at the manifest now and then
  kReadBack,          // a segment of ours that is found after "taken" counts as put
  kEpochOrder,        // epochs in the log are what its epoch-starts say
};

#ifdef CAIRN_PROTOCOL_MUTATIONS
/// A bit for each rule that is out. Threads: the simulation's only.
inline std::uint64_t rules_taken_out = 0;
[[nodiscard]] inline bool rule(Rule which) {
  return (rules_taken_out >> static_cast<unsigned>(which) & 1) == 0;
}
#else
[[nodiscard]] constexpr bool rule(Rule) { return true; }
#endif

}  // namespace cairn::engine
