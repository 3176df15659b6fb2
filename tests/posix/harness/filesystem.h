#pragma once

namespace cairn::posix {

/// What the kernel calls the filesystem under test.
enum class Kind { kTmpfs, kExt, kFuse, kNinep, kOther };

/// What some filesystems cannot do at all, whatever their server does.
enum class Feature {
  kTmpfile,       // O_TMPFILE
  kRenameFlags,   // renameat2 with RENAME_NOREPLACE or RENAME_EXCHANGE
  kFallocate,     // fallocate at all
  kZeroRange,     // FALLOC_FL_ZERO_RANGE
  kShiftRange,    // FALLOC_FL_COLLAPSE_RANGE and _INSERT_RANGE
  kUserXattr,     // user.* attributes
  kBirthTime,     // statx's btime
  kHoles,         // SEEK_HOLE finds holes
  kMappedWrites,  // MAP_SHARED with PROT_WRITE
  kAtimeOnRead,   // read(2) changes atime at once
  kDirectIo,      // O_DIRECT
};

/// The filesystem that holds the scratch directories. Found out once.
Kind filesystem_kind();

/// True where the feature is out of reach; a case about it then has nothing to check and returns.
bool lacks(Feature feature);

/// Cases that had nothing to check because the libfuse below a mount is too old: other builds of
/// the same daemon pass them.
int count_not_on_this_libfuse();

}  // namespace cairn::posix
