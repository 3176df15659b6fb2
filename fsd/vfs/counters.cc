#include "fsd/vfs/counters.h"

#include <algorithm>

#include "fsd/base/log.h"
#include "fsd/format/core_counters.h"

namespace cairn::vfs {
namespace {

const std::string& record_key() {
  static const std::string key = format::core_counters_key();
  return key;
}

}  // namespace

Result<bool> Counters::load() {
  TRY(auto found, volume_.find(record_key()));
  if (!found) return false;
  const auto record = format::decode_core_counters(*found);
  if (!record) {
    log::error("{}", record.error().what);
    return record.error();
  }
  lease_end_ = record->lease_end;
  inodes_ = record->inodes;
  bytes_ = record->bytes;
  name_key_ = {record->name_key0, record->name_key1};
  first_ino_ = next_ino_ = lease_end_;
  return true;
}

void Counters::create(SipKey name_key) {
  name_key_ = name_key;
  next_ino_ = kRootIno.value() + 1;
  lease_end_ = next_ino_;
  renew_lease();
}

void Counters::renew_lease() {
  lease_end_ = next_ino_ + lease_;
  lease_in_ = volume_.open_segment();
  changed_ = true;
}

std::optional<Seq> Counters::awaited_segment() {
  if (durable_lease_end_ != lease_end_ && volume_.durable_end() > lease_in_) {
    durable_lease_end_ = lease_end_;
  }
  const std::uint64_t reserve = lease_ / 8;  // more than are asked for at the same time
  if (next_ino_ + reserve < durable_lease_end_) return std::nullopt;
  return lease_in_;
}

Ino Counters::next_ino() {
  if (lease_end_ - next_ino_ < lease_ / 2) renew_lease();
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
  const format::CoreCounters record{.lease_end = lease_end_,
                                    .inodes = inodes_,
                                    .bytes = bytes_,
                                    .name_key0 = name_key_.k0,
                                    .name_key1 = name_key_.k1};
  volume_.put(record_key(), format::encode(record));
}

}  // namespace cairn::vfs
