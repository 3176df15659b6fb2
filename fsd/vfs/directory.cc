#include "fsd/vfs/directory.h"

#include "fsd/base/log.h"
#include "fsd/format/keys.h"

// A name's record lies at dirent(parent, cookie). The cookie is 57 bits of the name's keyed hash
// and 6 bits of slot; it is both the key that a lookup computes and the position that readdir hands
// out, 63 bits as d_off allows. An entry keeps its cookie for as long as it has its name, whatever
// else comes and goes, so a listing that goes on after a cookie sees everything that stays exactly
// once. That is why a removed entry's slot is left empty and later slots are not moved up; so a
// miss has to look at all slots of its hash, which is one scan that nearly always finds nothing.
//
// The hash is keyed per volume: nobody outside can make names that collide.

namespace cairn::vfs {
namespace {

Error damaged_entry(Ino directory, const Error& error) {
  log::error("directory {}: {}", directory.value(), error.message());
  return error;
}

}  // namespace

std::uint64_t Directory::first_cookie(std::string_view name) const {
  const std::uint64_t hash = sip_hash(key_, name) & hash_mask_;
  const std::uint64_t cookie = hash >> 1 & ~(kSlots - 1);
  return cookie == 0 ? kSlots : cookie;  // the first slots are "." and ".."
}

Result<Directory::Slot> Directory::find(Ino directory, std::string_view name) const {
  const std::uint64_t first = first_cookie(name);
  const std::string first_key = format::dirent_key(directory, first);
  TRY(auto bytes, volume_.find(first_key));
  if (bytes) {
    auto record = format::decode_dirent(*bytes);
    if (!record) return damaged_entry(directory, record.error());
    if (record->name == name) return Slot{true, first, record->ino, record->type};
  }
  Slot slot{false, bytes ? first + 1 : first, Ino(), 0};
  Result<void> outcome;
  auto look = [&](std::string_view key, std::string_view value) {
    const std::uint64_t cookie = format::key_u64(key, 1);
    auto record = format::decode_dirent(value);
    if (!record) {
      outcome = damaged_entry(directory, record.error());
      return false;
    }
    if (record->name == name) {
      slot = Slot{true, cookie, record->ino, record->type};
      return false;
    }
    if (cookie == slot.cookie) ++slot.cookie;
    return true;
  };
  TRY_OK(volume_.scan(format::dirent_key(directory, first + 1),
                      format::dirent_key(directory, first + kSlots), look));
  TRY_OK(std::move(outcome));
  if (slot.cookie >= first + kSlots) return errno_error(ENOSPC, "too many names of one hash");
  return slot;
}

void Directory::put(Ino directory, std::uint64_t cookie, std::string_view name, Ino ino,
                    std::uint32_t mode) {
  format::DirentRecord record{ino, static_cast<std::uint8_t>(mode >> 12 & 017), std::string(name)};
  volume_.put(format::dirent_key(directory, cookie), format::encode(record));
}

void Directory::erase(Ino directory, std::uint64_t cookie) {
  volume_.erase(format::dirent_key(directory, cookie));
}

Result<void> Directory::list(Ino directory, std::uint64_t after, std::size_t count_max,
                             std::vector<Entry>& into) const {
  into.clear();
  Result<void> outcome;
  auto collect = [&](std::string_view key, std::string_view value) {
    auto record = format::decode_dirent(value);
    if (!record) {
      outcome = damaged_entry(directory, record.error());
      return false;
    }
    into.push_back(Entry{format::key_u64(key, 1), std::move(*record)});
    return into.size() < count_max;
  };
  TRY_OK(volume_.scan(format::dirent_key(directory, after + 1),
                      format::dirent_key(directory.next(), 0), collect));
  // What came before a damaged entry can still be shown.
  if (!outcome && into.empty()) return outcome;
  return {};
}

}  // namespace cairn::vfs
