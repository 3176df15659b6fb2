#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fsd/format/keys.h"
#include "fsd/vfs/file_data.h"
#include "tests/support/memory_volume.h"
#include "tests/support/sim_runtime.h"

namespace cairn::vfs {

/// FileData over a volume in memory, with the inode records that the POSIX core would keep, stored
/// in the volume so that a crash takes them back too.
class FileWorld {
 public:
  explicit FileWorld(std::uint64_t seed = 1, std::size_t extents_per_step = kExtentsPerStep)
      : sim(seed), step(extents_per_step) {
    restart();
  }

  void restart() {
    auto on_freed = [this](Ino ino, std::uint64_t bytes) {
      InodeRecord record = inode(ino);
      EXPECT_GE(record.blocks, bytes);
      record.blocks -= bytes;
      store(ino, record);
      return Result<void>();
    };
    data = std::make_unique<FileData>(sim.runtime(), volume, on_freed, step);
  }
  void crash() {
    volume.crash();
    restart();
  }
  InodeRecord inode(Ino ino) {
    auto found = volume.find(format::inode_key(ino));
    return *found ? *format::decode_inode(**found) : InodeRecord{};
  }
  void store(Ino ino, const InodeRecord& record) {
    volume.put(format::inode_key(ino), format::encode(record));
  }

  int write(Ino ino, std::uint64_t offset, std::string_view bytes) {
    return change(ino,
                  [&](InodeRecord& r) { return data->write(ino, r, offset, as_bytes(bytes)); });
  }
  int truncate(Ino ino, std::uint64_t size) {
    return change(ino, [&](InodeRecord& r) { return data->truncate(ino, r, size); });
  }
  int allocate(Ino ino, int mode, std::uint64_t offset, std::uint64_t length) {
    return change(ino,
                  [&](InodeRecord& r) { return data->allocate(ino, r, mode, offset, length); });
  }
  Result<std::uint64_t> copy(Ino from, std::uint64_t from_offset, Ino to, std::uint64_t to_offset,
                             std::uint64_t length) {
    InodeRecord source = inode(from);
    InodeRecord target = inode(to);
    InodeRecord& other = from == to ? source : target;
    auto done = data->copy_range(from, source, from_offset, to, other, to_offset, length);
    if (done) {
      store(from, source);
      store(to, other);
    }
    return done;
  }
  std::string read(Ino ino, std::uint64_t offset, std::size_t length) {
    std::string bytes(length, '?');
    auto count =
        sim.wait(data->read(ino, inode(ino).size, offset,
                            {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()}));
    EXPECT_TRUE(count);
    bytes.resize(count ? *count : 0);
    return bytes;
  }
  void finish_trims() {
    EXPECT_TRUE(sim.wait([this] { return data->finish_trims(); }));
  }
  void free_all(Ino ino) {
    EXPECT_TRUE(sim.wait([this, ino] { return data->free_all(ino); }));
  }
  void sync() { EXPECT_TRUE(sim.wait(volume.sync(volume.open_segment()))); }

  /// All extent records of a file.
  std::vector<Extent> extents(Ino ino) {
    std::vector<Extent> result;
    auto scanned =
        volume.scan(format::extent_key(ino, 0), format::extent_key(ino.next(), 0),
                    [&](std::string_view key, std::string_view value) {
                      result.push_back({format::key_u64(key, 1), *format::decode_extent(value)});
                      return true;
                    });
    EXPECT_TRUE(scanned);
    return result;
  }
  std::size_t count_keys(format::KeyKind kind) {
    return static_cast<std::size_t>(std::count_if(
        volume.keys().begin(), volume.keys().end(),
        [kind](const auto& entry) { return entry.first[0] == static_cast<char>(kind); }));
  }
  /// The stale spans of a file, as stored.
  std::vector<Span> stale(Ino ino) {
    std::vector<Span> result;
    for (const auto& [key, value] : volume.keys()) {
      if (!format::is_key(key, format::KeyKind::kTrim, 3)) continue;
      if (format::key_u64(key, 0) != ino.value()) continue;
      result.push_back({format::key_u64(key, 1), format::key_u64(key, 2)});
    }
    return result;
  }
  /// What must hold after every step.
  void check_invariants() {
    std::map<std::uint64_t, std::uint64_t> blocks;
    std::map<std::string, int> reverse;
    std::int64_t referenced = 0;
    std::uint64_t last_ino = 0;
    std::uint64_t last_end = 0;
    for (const auto& [key, value] : volume.keys()) {
      if (!format::is_key(key, format::KeyKind::kExtent, 2)) continue;
      const Ino ino(format::key_u64(key, 0));
      const Extent extent{format::key_u64(key, 1), *format::decode_extent(value)};
      if (ino.value() == last_ino) {
        EXPECT_GE(extent.offset, last_end) << "extents overlap";
      }
      last_ino = ino.value();
      last_end = extent.end();
      blocks[ino.value()] += extent.record.length;
      for (const Span& span : stale(ino)) {
        const bool apart = extent.end() <= span.begin || span.end <= extent.offset;
        const bool within = span.begin <= extent.offset && extent.end() <= span.end;
        EXPECT_TRUE(apart || within) << "an extent straddles the end of a stale span";
      }
      if (extent.preallocated()) {
        EXPECT_FALSE(extent.record.shared);
        continue;
      }
      referenced += static_cast<std::int64_t>(extent.record.length);
      if (extent.record.shared) {
        ++reverse[format::reverse_key(extent.record.segment, extent.record.data_offset, ino,
                                      extent.offset)];
        EXPECT_TRUE(inode(ino).flags & format::kInodeShared);
      }
    }
    EXPECT_EQ(referenced, volume.referenced_bytes());
    for (const auto& [ino, sum] : blocks) EXPECT_EQ(inode(Ino(ino)).blocks, sum) << "ino " << ino;
    for (const auto& [key, value] : volume.keys()) {
      if (format::is_key(key, format::KeyKind::kInode, 1) &&
          inode(Ino(format::key_u64(key, 0))).blocks != 0) {
        EXPECT_TRUE(blocks.contains(format::key_u64(key, 0)));
      }
      if (format::is_key(key, format::KeyKind::kReverse, 4)) {
        EXPECT_EQ(reverse.erase(key), 1U) << "a reverse record too many";
      }
    }
    EXPECT_TRUE(reverse.empty()) << "a reverse record is missing";
  }

  testing::SimRuntime sim;
  std::size_t step;
  testing::MemoryVolume volume;
  std::unique_ptr<FileData> data;

 private:
  template <class Operation>
  int change(Ino ino, Operation operation) {
    InodeRecord record = inode(ino);
    const InodeRecord before = record;
    auto result = operation(record);
    if (!result) {
      EXPECT_EQ(record, before) << "an error changes nothing";
      return to_errno(result.error());
    }
    store(ino, record);
    return 0;
  }
};

}  // namespace cairn::vfs
