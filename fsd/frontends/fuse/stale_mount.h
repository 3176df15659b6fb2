#pragma once

#include <optional>
#include <string>

#include "fsd/base/result.h"

namespace cairn::fuse {

/// One line of /proc/self/mountinfo.
struct MountEntry {
  std::string device;  // "major:minor"
  std::string target;
  std::string type;    // "fuse.cairn"
  std::string source;  // "cairn:<volume>"
};

/// Undoes mountinfo's octal escapes.
[[nodiscard]] std::string unescape_mount_field(std::string_view field);
[[nodiscard]] std::optional<MountEntry> parse_mountinfo_line(std::string_view line);
/// The topmost mount on `target` (an absolute path without symbolic links).
[[nodiscard]] std::optional<MountEntry> find_mount(const std::string& target);

/// What a mount fails with: "cannot mount: SENTENCE".
[[nodiscard]] Error mount_failure(int number, std::string sentence);

struct MountpointRules {
  bool allow_nonempty = false;
  std::string cache_dir;  // must neither lie below the mountpoint nor hold it; may be empty
};

/// Makes sure that something can be mounted on `mountpoint`, and returns its real path. A dead
/// mount that an earlier daemon of ours left there is taken away.
/// Fails with: one sentence for people; a mount of others' is left alone, with the command named.
[[nodiscard]] Result<std::string> prepare_mountpoint(const std::string& mountpoint,
                                                     const MountpointRules& rules);

/// Takes the mount away if nobody uses it; EBUSY else (for root; others' go away lazily).
[[nodiscard]] Result<void> unmount_unused(const std::string& mountpoint);

/// Takes the mount away whoever uses it. The connection is aborted (for root): what is still asked
/// through open files fails, instead of waiting for a daemon whose rings keep its end open.
[[nodiscard]] Result<void> unmount(const std::string& mountpoint);

}  // namespace cairn::fuse
