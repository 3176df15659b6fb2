#include "tests/support/volume_audit.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <map>
#include <set>
#include <vector>

#include "fsd/format/core_counters.h"
#include "fsd/format/inode_record.h"
#include "fsd/format/keys.h"
#include "fsd/format/segment_record.h"
#include "fsd/format/term_list.h"
#include "fsd/vfs/types.h"

namespace cairn::testing {
namespace {

using format::key_u64;
using format::KeyKind;
using Wrong = std::optional<std::string>;

/// What is known of one inode from others' records.
struct Seen {
  std::optional<format::InodeRecord> record;
  std::uint32_t names = 0;
  std::uint32_t subdirectories = 0;
  std::uint64_t entries = 0;
  std::uint64_t extent_bytes = 0;
  bool xattrs = false;
  bool symlink = false;
  bool orphan = false;
  bool trims = false;
};

class Audit {
 public:
  Wrong run(engine::Volume& volume, bool settled) {
    const auto scanned =
        volume.scan("", "\x7f", [this](std::string_view key, std::string_view value) {
          read(key, value);
          return !wrong_;
        });
    if (!scanned) return "it cannot be read: " + scanned.error().message();
    if (wrong_) return wrong_;
    for (const auto& [ino, seen] : inodes_) check_inode(ino, seen);
    if (reverse_ != shared_) wrong("reverse records are not those of the shared extents");
    check_counters();
    if (settled && live_ != references_) wrong("the segments' live bytes are not the references");
    return wrong_;
  }

 private:
  void wrong(std::string sentence) {
    if (!wrong_) wrong_ = std::move(sentence);
  }
  template <class T>
  std::optional<T> good(const Result<T>& record, const char* what) {
    if (!record) wrong(fmt::format("a record of {} does not decode", what));
    return record ? std::optional<T>(*record) : std::nullopt;
  }

  void read(std::string_view key, std::string_view value) {
    switch (static_cast<KeyKind>(key[0])) {
      case KeyKind::kInode:
        if (const auto r = good(format::decode_inode(value), "an inode")) at(key).record = *r;
        break;
      case KeyKind::kDirent:
        return read_entry(key, value);
      case KeyKind::kExtent:
        return read_extent(key, value);
      case KeyKind::kSegment:
        if (const auto r = good(format::decode_segment_record(value), "a segment")) {
          if (r->live > 0) live_[key_u64(key, 0)] = r->live;
        }
        break;
      case KeyKind::kReverse:
        reverse_.emplace(key);
        break;
      case KeyKind::kSymlink:
        at(key).symlink = true;
        break;
      case KeyKind::kXattr:
        at(key).xattrs = true;
        break;
      case KeyKind::kOrphan:
        at(key).orphan = true;
        break;
      case KeyKind::kTrim:
        at(key).trims = true;
        break;
      case KeyKind::kCounter:
        if (key == format::term_list_key() && !format::decode_term_list(value)) {
          wrong("the list of terms does not decode");
        }
        if (key != format::core_counters_key()) break;
        if (const auto r = good(format::decode_core_counters(value), "counters")) counters_ = *r;
        break;
      default:
        break;  // the engine's
    }
  }
  Seen& at(std::string_view key) { return inodes_[key_u64(key, 0)]; }

  void read_entry(std::string_view key, std::string_view value) {
    const auto record = format::decode_dirent(value);
    if (!good(record, "an entry")) return;
    Seen& parent = at(key);
    ++parent.entries;
    if (record->type == S_IFDIR >> 12) ++parent.subdirectories;
    Seen& child = inodes_[record->ino.value()];
    ++child.names;
    types_.emplace_back(record->ino.value(), record->type);
  }

  void read_extent(std::string_view key, std::string_view value) {
    const auto record = format::decode_extent(value);
    if (!good(record, "an extent")) return;
    at(key).extent_bytes += record->length;
    const std::pair place(key_u64(key, 0), key_u64(key, 1));
    if (last_extent_.first == place.first && last_end_ > place.second) {
      wrong(fmt::format("extents of inode {} overlap", place.first));
    }
    last_extent_ = place;
    last_end_ = place.second + record->length;
    if (record->segment == Seq()) return;
    references_[record->segment.value()] += record->length;
    if (record->shared) {
      shared_.insert(format::reverse_key(record->segment, record->data_offset, Ino(place.first),
                                         place.second));
    }
  }

  void check_inode(std::uint64_t ino, const Seen& seen) {
    if (!seen.record) return wrong(fmt::format("inode {} has records, and does not exist", ino));
    const format::InodeRecord& r = *seen.record;
    const bool root = Ino(ino) == vfs::kRootIno;
    const std::uint32_t links =
        S_ISDIR(r.mode) ? (seen.names > 0 || root ? 2 + seen.subdirectories : 0) : seen.names;
    if (r.nlink != links) {
      return wrong(fmt::format("inode {} has {} links, and says {}", ino, links, r.nlink));
    }
    if (seen.orphan != (r.nlink == 0)) {
      return wrong(fmt::format("inode {} has {} links and {} orphan record", ino, r.nlink,
                               seen.orphan ? "an" : "no"));
    }
    if (r.blocks != seen.extent_bytes) {
      wrong(fmt::format("inode {} has extents of {} bytes, and says {}", ino, seen.extent_bytes,
                        r.blocks));
    }
    if (S_ISDIR(r.mode) && r.size != seen.entries) {
      wrong(fmt::format("directory {} has {} entries, and says {}", ino, seen.entries, r.size));
    }
    if (S_ISLNK(r.mode) != seen.symlink) wrong(fmt::format("inode {}: symlink or not?", ino));
    if (!S_ISREG(r.mode) && (seen.extent_bytes > 0 || seen.trims)) {
      wrong(fmt::format("inode {} has bytes and is no file", ino));
    }
    if (((r.flags & format::kInodeHasXattr) != 0) != seen.xattrs) {
      wrong(fmt::format("inode {} does not know its attributes", ino));
    }
    inode_count_ += 1;
    bytes_ += r.blocks;
  }

  void check_counters() {
    for (const auto& [ino, type] : types_) {
      if (!wrong_ && inodes_[ino].record->mode >> 12 != type) {
        wrong(fmt::format("an entry says another type than inode {}", ino));
      }
    }
    if (inodes_.empty() && !counters_) return;  // nobody has made the root yet
    if (!counters_) return wrong("the counters are missing");
    if (counters_->inodes != inode_count_ || counters_->bytes != bytes_) {
      wrong(fmt::format("{} inodes of {} bytes are there, and {} of {} counted", inode_count_,
                        bytes_, counters_->inodes, counters_->bytes));
    }
  }

  Wrong wrong_;
  std::map<std::uint64_t, Seen> inodes_;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> types_;  // as entries say
  std::pair<std::uint64_t, std::uint64_t> last_extent_;
  std::uint64_t last_end_ = 0;
  std::map<std::uint64_t, std::uint64_t> references_;  // segment: bytes
  std::map<std::uint64_t, std::uint64_t> live_;
  std::set<std::string> shared_;
  std::set<std::string> reverse_;
  std::optional<format::CoreCounters> counters_;
  std::uint64_t inode_count_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace

Wrong audit(engine::Volume& volume, bool settled) {
  Audit audit;
  return audit.run(volume, settled);
}

Wrong find_leftovers(engine::Volume& volume) {
  Wrong left;
  const std::string root = format::inode_key(vfs::kRootIno);
  const auto scanned = volume.scan("", "\x7f", [&](std::string_view key, std::string_view value) {
    const auto kind = static_cast<KeyKind>(key[0]);
    bool needed = kind == KeyKind::kFrames || kind == KeyKind::kDoomed || kind == KeyKind{'q'};
    needed |= key == root || key == format::core_counters_key() || key == format::term_list_key();
    if (kind == KeyKind::kSegment) {
      const auto record = format::decode_segment_record(value);
      needed = record && record->live == 0;
    }
    if (!needed) left = fmt::format("a record of kind {} is left over", key[0]);
    return !left;
  });
  if (!scanned) left = "it cannot be read: " + scanned.error().message();
  return left;
}

}  // namespace cairn::testing
