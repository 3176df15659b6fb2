#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "fsd/frontends/ninep/door.h"
#include "fsd/frontends/ninep/identity.h"
#include "fsd/vfs/vfs.h"

namespace cairn::p9 {

/// What a client's fid stands for. Its inode lives as long as it does, and so does its open file:
/// an operation that holds a FidRef may be overtaken by the fid's clunk.
/// Threads: core only.
class Fid {
 public:
  enum class Kind : std::uint8_t { kPath, kFile, kDirectory, kXattrRead, kXattrWrite };

  /// Where a walk ended. `parent` and `name` are how it got there, as far as anyone knows.
  struct Place {
    Ino ino;
    Ino parent;
    std::string name;
    Ino root;  // of the attach it comes from
  };

  Fid(Door& door, std::uint64_t client, std::shared_ptr<const Identity> user, Place at,
      std::uint64_t change);
  ~Fid();
  Fid(const Fid&) = delete;
  Fid& operator=(const Fid&) = delete;

  /// The file is open now; `flags` as in open(2).
  void opened(Kind kind, vfs::HandleId handle, int flags);

  const std::shared_ptr<const Identity> user;
  const Place place;
  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] vfs::HandleId handle() const { return handle_; }
  [[nodiscard]] int open_flags() const { return open_flags_; }
  /// A crash undid some of what was done to it, and nobody has been told yet.
  bool has_lost = false;

  // An extended attribute, or the list of their names, being read or written. Its bytes are counted
  // in `counter`, which outlives the fid.
  void reads_xattr(std::string value, std::size_t& counter);
  void writes_xattr(std::string name, std::size_t bytes, int flags, std::size_t& counter);
  std::string xattr_name;
  std::string xattr_value;
  std::size_t xattr_bytes = 0;  // announced
  int xattr_flags = 0;

 private:
  void count(std::size_t bytes, std::size_t& counter);

  Door& door_;
  Kind kind_ = Kind::kPath;
  vfs::HandleId handle_;
  int open_flags_ = 0;
  std::size_t counted_bytes_ = 0;
  std::size_t* counter_ = nullptr;
};

using FidRef = std::shared_ptr<Fid>;

/// A session's fids, by the client's numbers.
/// Threads: core only.
/// Fails with: EBADF (no such fid), EINVAL (the number is in use, or is none), EMFILE; what a stale
/// fid answers.
class FidTable {
 public:
  explicit FidTable(std::size_t fids_max) : fids_max_(fids_max) {}
  [[nodiscard]] Result<FidRef> get(std::uint32_t number) const;
  /// May `number` be given to a new fid?
  [[nodiscard]] Result<void> check_free(std::uint32_t number) const;
  Result<void> add(std::uint32_t number, FidRef fid);
  /// `number` stands for another file from now on.
  void replace(std::uint32_t number, FidRef fid) { fids_[number] = std::move(fid); }
  void erase(std::uint32_t number) { fids_.erase(number); }
  /// The number of a fid that could not be brought back: it answers `error` until it is given up.
  struct Stale {
    Error error;
    Ino ino;  // what it stood for; Ino{}: not known
  };
  void add_stale(std::uint32_t number, Stale stale);
  /// Gives such a number up. None: it is not stale.
  std::optional<Stale> take_stale(std::uint32_t number);
  void clear();
  [[nodiscard]] std::size_t size() const { return fids_.size() + stale_.size(); }
  [[nodiscard]] const std::unordered_map<std::uint32_t, FidRef>& all() const { return fids_; }

 private:
  const std::size_t fids_max_;
  std::unordered_map<std::uint32_t, FidRef> fids_;
  std::unordered_map<std::uint32_t, Stale> stale_;
};

}  // namespace cairn::p9
