#pragma once

#include <string_view>

#include "fsd/vfs/permissions.h"
#include "fsd/vfs/types.h"

namespace cairn::vfs {

enum class XattrUse { kRead, kWrite };

/// Linux's rules of the namespaces: which attributes exist on which kinds of file, and who may read
/// and set them. ACLs pass here; setting them has rules of its own.
/// Fails with: EOPNOTSUPP (unknown namespace), EINVAL (no name in it), EPERM, EACCES, ENODATA (what
/// may not be read is not there).
Result<void> check_xattr(const Permissions& permissions, const Caller& caller, Ino ino,
                         const InodeRecord& inode, std::string_view name, XattrUse use);
[[nodiscard]] bool is_acl(std::string_view name);

}  // namespace cairn::vfs
