#pragma once

#include <cstdint>

#include "fsd/base/id.h"
#include "fsd/base/result.h"
#include "fsd/engine/volume.h"
#include "fsd/vfs/sip_hash.h"

namespace cairn::vfs {

/// What the POSIX core counts for the whole volume, kept exact in one counter record: inodes, the
/// bytes that extents cover, and which inode numbers are taken.
///
/// Inode numbers are leased: the record names the end of a lease, and a daemon that starts goes on
/// there. So a number that was given out and lost in a crash is not given out again, and a client
/// that still holds it gets ESTALE and never another file.
///
/// Lifetime: owned by Vfs.   Threads: core only.
/// Invariants: after store(), the record says what the members say.
/// Fails with: EIO (the record is damaged).
class Counters {
 public:
  explicit Counters(engine::Volume& volume) : volume_(volume) {}

  /// False: the volume is new.
  Result<bool> load();
  /// In the transaction that makes a new volume.
  void create(SipKey name_key);
  /// In the first transaction after load(), before next_ino(): takes a new lease.
  void renew_lease();

  [[nodiscard]] Ino next_ino();
  /// An earlier daemon may have given this number out.
  [[nodiscard]] bool is_of_the_past(Ino ino) const { return ino.value() < first_ino_; }
  void add_inode() { ++inodes_, changed_ = true; }
  void remove_inode();
  void change_bytes(std::uint64_t before, std::uint64_t after);
  /// Puts the record if anything has changed: at the end of each transaction.
  void store();

  [[nodiscard]] std::uint64_t inodes() const { return inodes_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] SipKey name_key() const { return name_key_; }

  /// Numbers per lease. Restarts use up half of one on average, and 32-bit clients like small
  /// numbers; a crash that loses more than half a lease of created files could repeat numbers.
  static constexpr std::uint64_t kLease = 1U << 18;

 private:
  engine::Volume& volume_;
  std::uint64_t first_ino_ = 0;  // that this daemon may give out
  std::uint64_t next_ino_ = 0;
  std::uint64_t lease_end_ = 0;
  std::uint64_t inodes_ = 0;
  std::uint64_t bytes_ = 0;
  SipKey name_key_;
  bool changed_ = false;
};

}  // namespace cairn::vfs
