#include "fsd/vfs/acl.h"

#include <cerrno>

#include "protocol/wire/decoder.h"
#include "protocol/wire/encoder.h"

// The rules are Linux's (fs/posix_acl.c), which are those of the withdrawn POSIX.1e draft 17.

namespace cairn::vfs {
namespace {

constexpr std::uint32_t kVersion = 2;
constexpr std::size_t kEntryBytes = 8;

/// Entries come in the order owner, users, owning group, groups, mask, others; a mask must be there
/// if there are named users or groups.
bool valid(const std::vector<Acl::Entry>& entries) {
  int expected = Acl::kUserObj;
  bool needs_mask = false;
  for (const Acl::Entry& e : entries) {
    if ((e.permissions & ~7U) != 0) return false;
    switch (e.tag) {
      case Acl::kUserObj:
        if (expected != Acl::kUserObj) return false;
        expected = Acl::kUser;
        break;
      case Acl::kUser:
        if (expected != Acl::kUser || e.id == Acl::kNoId) return false;
        needs_mask = true;
        break;
      case Acl::kGroupObj:
        if (expected != Acl::kUser) return false;
        expected = Acl::kGroup;
        break;
      case Acl::kGroup:
        if (expected != Acl::kGroup || e.id == Acl::kNoId) return false;
        needs_mask = true;
        break;
      case Acl::kMask:
        if (expected != Acl::kGroup) return false;
        expected = Acl::kOther;
        break;
      case Acl::kOther:
        if (expected != Acl::kOther && (expected != Acl::kGroup || needs_mask)) return false;
        expected = 0;
        break;
      default:
        return false;
    }
  }
  return expected == 0;
}

}  // namespace

Result<Acl> Acl::decode(std::string_view bytes) {
  wire::Decoder in(bytes);
  const std::uint32_t version = in.u32();
  if (!in.ok() || in.left() % kEntryBytes != 0) return errno_error(EINVAL);
  if (version != kVersion) return errno_error(EOPNOTSUPP);
  if (in.left() / kEntryBytes > kEntriesMax) return errno_error(ENOSPC);
  std::vector<Entry> entries;
  entries.reserve(in.left() / kEntryBytes);
  while (in.left() > 0) {
    Entry entry;
    entry.tag = static_cast<Tag>(in.u16());
    entry.permissions = in.u16();
    entry.id = in.u32();
    if (entry.tag != kUser && entry.tag != kGroup) entry.id = kNoId;
    entries.push_back(entry);
  }
  if (!entries.empty() && !valid(entries)) return errno_error(EINVAL);
  return Acl(std::move(entries));
}

std::string Acl::encode() const {
  wire::Encoder out;
  out.u32(kVersion);
  for (const Entry& e : entries_) out.u16(e.tag).u16(e.permissions).u32(e.id);
  return std::move(out).take();
}

const Acl::Entry* Acl::find(Tag tag) const {
  for (const Entry& e : entries_) {
    if (e.tag == tag) return &e;
  }
  return nullptr;
}
Acl::Entry* Acl::find(Tag tag) { return const_cast<Entry*>(std::as_const(*this).find(tag)); }

std::uint32_t Acl::mode_bits() const {
  std::uint32_t mode = 0;
  for (const Entry& e : entries_) {
    if (e.tag == kUserObj) mode |= static_cast<std::uint32_t>(e.permissions) << 6;
    if (e.tag == kGroupObj) mode |= static_cast<std::uint32_t>(e.permissions) << 3;
    if (e.tag == kOther) mode |= e.permissions;
  }
  if (const Entry* mask = find(kMask)) {
    mode = (mode & ~070U) | static_cast<std::uint32_t>(mask->permissions) << 3;
  }
  return mode;
}

bool Acl::minimal() const {
  for (const Entry& e : entries_) {
    if (e.tag != kUserObj && e.tag != kGroupObj && e.tag != kOther) return false;
  }
  return true;
}

void Acl::set_mode(std::uint32_t mode) {
  const bool masked = find(kMask) != nullptr;
  for (Entry& e : entries_) {
    if (e.tag == kUserObj) e.permissions = mode >> 6 & 7;
    if (e.tag == (masked ? kMask : kGroupObj)) e.permissions = mode >> 3 & 7;
    if (e.tag == kOther) e.permissions = mode & 7;
  }
}

void Acl::mask_for_creation(std::uint32_t& mode) {
  auto keep_common = [&mode](Entry& e, unsigned shift) {
    e.permissions &= mode >> shift & 7;
    mode &= ~(7U << shift) | static_cast<std::uint32_t>(e.permissions) << shift;
  };
  if (Entry* e = find(kUserObj)) keep_common(*e, 6);
  if (Entry* e = find(kOther)) keep_common(*e, 0);
  Entry* group = find(kMask);
  if (group == nullptr) group = find(kGroupObj);
  if (group != nullptr) keep_common(*group, 3);
}

bool Acl::allows(const Subject& subject, std::uint32_t owner, std::uint32_t group,
                 std::uint32_t wanted) const {
  const Entry* mask = find(kMask);
  auto grants = [wanted](const Entry& e) { return (e.permissions & wanted) == wanted; };
  auto grants_masked = [&](const Entry& e) { return grants(e) && (!mask || grants(*mask)); };
  bool some_group = false;
  for (const Entry& e : entries_) {
    switch (e.tag) {
      case kUserObj:
        if (subject.uid == owner) return grants(e);
        break;
      case kUser:
        if (subject.uid == e.id) return grants_masked(e);
        break;
      case kGroupObj:
      case kGroup:
        if (!subject.in_group(e.tag == kGroup ? e.id : group)) break;
        some_group = true;
        if (grants(e)) return grants_masked(e);
        break;
      case kMask:
        break;
      case kOther:
        return !some_group && grants(e);
    }
  }
  return false;
}

}  // namespace cairn::vfs
