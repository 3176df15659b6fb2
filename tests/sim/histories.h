#pragma once

#include <optional>
#include <string>

namespace cairn::sim {

// Histories for rules that worlds drawn at random rarely need, told request by request. Each
// returns what went wrong; nothing while the rules are in force.

using Wrong = std::optional<std::string>;

/// An epoch-start arrives when the successor is long at work and has deleted the slot.
Wrong late_epoch_start();
/// The same, and what the local index then says.
Wrong late_epoch_start_in_index();
/// The bucket is an older copy than the local index.
Wrong index_ahead_of_bucket();
/// A follower reads slots that are being deleted.
Wrong follower_overtaken();
/// A segment of another epoch stands where the log goes on.
Wrong foreign_epoch();
/// Somebody's lifecycle rule deletes an object of the log.
Wrong hole_in_log();
/// The writing of a manifest is lost, and what is there looks like it.
Wrong lost_manifest();
/// A manifest is written, and nobody hears of it.
Wrong unknown_manifest();
/// A successor has claimed the manifest and gets no further, while the writer goes on.
Wrong stuck_successor();

}  // namespace cairn::sim
