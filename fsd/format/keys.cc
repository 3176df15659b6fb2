#include "fsd/format/keys.h"

#include "fsd/base/check.h"

namespace cairn::format {

std::string inode_key(Ino ino) { return KeyBuilder(KeyKind::kInode).u64(ino.value()).take(); }
std::string dirent_key(Ino parent, std::uint64_t cookie) {
  return KeyBuilder(KeyKind::kDirent).u64(parent.value()).u64(cookie).take();
}
std::string extent_key(Ino ino, std::uint64_t file_offset) {
  return KeyBuilder(KeyKind::kExtent).u64(ino.value()).u64(file_offset).take();
}
std::string symlink_key(Ino ino) { return KeyBuilder(KeyKind::kSymlink).u64(ino.value()).take(); }
std::string xattr_key(Ino ino, std::string_view name) {
  return KeyBuilder(KeyKind::kXattr).u64(ino.value()).text(name).take();
}
std::string orphan_key(Ino ino) { return KeyBuilder(KeyKind::kOrphan).u64(ino.value()).take(); }
std::string trim_key(Ino ino) { return KeyBuilder(KeyKind::kTrim).u64(ino.value()).take(); }
std::string counter_key(std::string_view name) {
  return KeyBuilder(KeyKind::kCounter).text(name).take();
}
std::string segment_key(Seq segment) {
  return KeyBuilder(KeyKind::kSegment).u64(segment.value()).take();
}
std::string frames_key(Seq segment) {
  return KeyBuilder(KeyKind::kFrames).u64(segment.value()).take();
}
std::string doomed_key(Seq death, Seq segment) {
  return KeyBuilder(KeyKind::kDoomed).u64(death.value()).u64(segment.value()).take();
}
std::string reverse_key(Seq segment, std::uint64_t data_offset, Ino ino,
                        std::uint64_t file_offset) {
  return KeyBuilder(KeyKind::kReverse)
      .u64(segment.value())
      .u64(data_offset)
      .u64(ino.value())
      .u64(file_offset)
      .take();
}

std::uint64_t key_u64(std::string_view key, std::size_t index) {
  CHECK(key.size() >= 1 + 8 * (index + 1));
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    value = value << 8 | static_cast<std::uint8_t>(key[1 + 8 * index + i]);
  }
  return value;
}

bool is_key(std::string_view key, KeyKind kind, std::size_t fields) {
  return key.size() >= 1 + 8 * fields && key[0] == static_cast<char>(kind);
}

}  // namespace cairn::format
