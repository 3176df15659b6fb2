#pragma once

#include <string_view>

namespace cairn::fuse {

/// Will this thread never return to its program? So it is when SIGKILL is pending for it: the
/// kernel makes that of every signal that ends a process, unless it dumps core (then once that
/// begins), and of another thread's exit or exec. False where it cannot be told: a number of 0, or
/// one of another pid namespace than that of our /proc.
/// Threads: any.
[[nodiscard]] bool is_dying(int thread);

/// The same, from what /proc/THREAD/status says.
[[nodiscard]] bool has_kill_pending(std::string_view status);

}  // namespace cairn::fuse
