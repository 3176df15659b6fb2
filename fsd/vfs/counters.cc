#include "fsd/vfs/counters.h"

#include <algorithm>

#include "fsd/base/log.h"
#include "fsd/format/inode_record.h"
#include "fsd/format/keys.h"
#include "fsd/vfs/types.h"
#include "protocol/wire/decoder.h"
#include "protocol/wire/encoder.h"

namespace cairn::vfs {
namespace {

constexpr std::uint8_t kVersion = 1;
const std::string& record_key() {
  static const std::string key = format::counter_key("vfs");
  return key;
}

}  // namespace

Result<bool> Counters::load() {
  TRY(auto found, volume_.find(record_key()));
  if (!found) return false;
  wire::Decoder in(*found);
  const std::uint8_t version = in.u8();
  if (in.ok() && version > kVersion) {
    return Error(format::FormatErrc::kNewer, "the volume's counters are of a newer format");
  }
  lease_end_ = in.varint();
  inodes_ = in.varint();
  bytes_ = in.varint();
  name_key_.k0 = in.u64();
  name_key_.k1 = in.u64();
  if (!in.finished() || version == 0 || lease_end_ <= kRootIno.value()) {
    log::error("the record of the volume's counters is damaged");
    return Error(format::FormatErrc::kDamaged, "the volume's counters are damaged");
  }
  next_ino_ = lease_end_;
  return true;
}

void Counters::create(SipKey name_key) {
  name_key_ = name_key;
  next_ino_ = kRootIno.value() + 1;
  lease_end_ = next_ino_;
  renew_lease();
}

void Counters::renew_lease() {
  lease_end_ = next_ino_ + kLease;
  changed_ = true;
}

Ino Counters::next_ino() {
  if (lease_end_ - next_ino_ < kLease / 2) renew_lease();
  return Ino(next_ino_++);
}

void Counters::remove_inode() {
  if (inodes_ > 0) --inodes_;
  changed_ = true;
}

void Counters::change_bytes(std::uint64_t before, std::uint64_t after) {
  if (before == after) return;
  // A damaged inode record may have lost its own count: never below zero.
  bytes_ -= std::min(bytes_, before);
  bytes_ += after;
  changed_ = true;
}

void Counters::store() {
  if (!changed_) return;
  changed_ = false;
  wire::Encoder out;
  out.u8(kVersion).varint(lease_end_).varint(inodes_).varint(bytes_);
  out.u64(name_key_.k0).u64(name_key_.k1);
  volume_.put(record_key(), out.view());
}

}  // namespace cairn::vfs
