#include "fsd/frontends/ninep/fid_table.h"

#include <cerrno>

#include "protocol/p9/constants.h"

namespace cairn::p9 {

Fid::Fid(Door& door, std::uint64_t client, std::shared_ptr<const Identity> user_of, Place at,
         std::uint64_t change)
    : user(std::move(user_of)), place(std::move(at)), door_(door) {
  door_.vfs.remember(place.ino);
  door_.versions.add(place.ino, client, change);
}

Fid::~Fid() {
  // These two end at once; there is nobody left to tell of an error.
  if (kind_ == Kind::kFile) door_.vfs.release(handle_).detach();
  if (kind_ == Kind::kDirectory) door_.vfs.release_directory(handle_).detach();
  if (counter_ != nullptr) *counter_ -= counted_bytes_;
  door_.versions.drop(place.ino);
  door_.vfs.forget(place.ino, 1);
}

void Fid::opened(Kind kind, vfs::HandleId handle, int flags) {
  kind_ = kind;
  handle_ = handle;
  open_flags_ = flags;
}

void Fid::reads_xattr(std::string value, std::size_t& counter) {
  kind_ = Kind::kXattrRead;
  xattr_value = std::move(value);
  count(xattr_value.size(), counter);
}

void Fid::writes_xattr(std::string name, std::size_t bytes, int flags, std::size_t& counter) {
  kind_ = Kind::kXattrWrite;
  xattr_name = std::move(name);
  xattr_bytes = bytes;
  xattr_flags = flags;
  count(bytes, counter);
}

void Fid::count(std::size_t bytes, std::size_t& counter) {
  if (counter_ != nullptr) *counter_ -= counted_bytes_;
  counter_ = &counter;
  counted_bytes_ = bytes;
  counter += bytes;
}

Result<FidRef> FidTable::get(std::uint32_t number) const {
  const auto found = fids_.find(number);
  if (found != fids_.end()) return found->second;
  const auto stale = stale_.find(number);
  return stale != stale_.end() ? stale->second.error : errno_error(EBADF, "no such fid");
}

Result<void> FidTable::check_free(std::uint32_t number) const {
  if (number == kNoFid) return errno_error(EINVAL, "NOFID is no fid");
  if (fids_.contains(number) || stale_.contains(number)) {
    return errno_error(EINVAL, "the fid is in use");
  }
  if (size() >= fids_max_) return errno_error(EMFILE, "too many fids");
  return {};
}

Result<void> FidTable::add(std::uint32_t number, FidRef fid) {
  TRY_OK(check_free(number));
  fids_.emplace(number, std::move(fid));
  return {};
}

void FidTable::add_stale(std::uint32_t number, Stale stale) {
  stale_.insert_or_assign(number, std::move(stale));
}

std::optional<FidTable::Stale> FidTable::take_stale(std::uint32_t number) {
  const auto found = stale_.find(number);
  if (found == stale_.end()) return std::nullopt;
  Stale stale = found->second;
  stale_.erase(found);
  return stale;
}

void FidTable::clear() {
  fids_.clear();
  stale_.clear();
}

}  // namespace cairn::p9
