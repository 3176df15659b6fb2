#pragma once

#include <cstdint>
#include <optional>

#include "fsd/base/id.h"
#include "fsd/base/result.h"
#include "fsd/engine/volume.h"
#include "fsd/vfs/sip_hash.h"
#include "fsd/vfs/types.h"

namespace cairn::vfs {

/// What the POSIX core counts for the whole volume, kept exact in one counter record: inodes, the
/// bytes that extents cover, and which inode numbers are taken.
///
/// Inode numbers are leased: the record names the end of a lease, and a daemon that starts goes on
/// there. So a number that was given out and lost in a crash is not given out again, and a client
/// that still holds it gets ESTALE and never another file. A lease is renewed when half of it is
/// left; before numbers of the new one are given out it has to be durable.
///
/// Lifetime: owned by Vfs.   Threads: core only.
/// Invariants: after store(), the record says what the members say.
/// Fails with: EIO (the record is damaged).
class Counters {
 public:
  /// `lease`: how many numbers one has.
  explicit Counters(engine::Volume& volume, std::uint64_t lease = kInodeLease)
      : volume_(volume), lease_(lease) {}

  /// False: the volume is new.
  Result<bool> load();
  /// In the transaction that makes a new volume.
  void create(SipKey name_key);
  /// In the first transaction after load(), before next_ino(): takes a new lease.
  void renew_lease();

  /// The segment that has to be durable before many more numbers are given out: the lease that is
  /// durable comes to its end. Usually none. (For whoever asks and then waits for room, there are
  /// enough left.)
  [[nodiscard]] std::optional<Seq> awaited_segment();
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

 private:
  engine::Volume& volume_;
  const std::uint64_t lease_;
  std::uint64_t first_ino_ = 0;  // that this daemon may give out
  std::uint64_t next_ino_ = 0;
  std::uint64_t lease_end_ = 0;
  std::uint64_t durable_lease_end_ = 0;
  Seq lease_in_;  // the segment that has the newest lease
  std::uint64_t inodes_ = 0;
  std::uint64_t bytes_ = 0;
  SipKey name_key_;
  bool changed_ = false;
};

}  // namespace cairn::vfs
