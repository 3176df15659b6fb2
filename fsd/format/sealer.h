#pragma once

// Sealing: every part of every object ends in 16 bytes that tell whether it is whole, and the very
// part of the very object that it is taken for.
//
// A plain volume's trailer is XXH3-128 of the bytes, seeded with a hash of the object's context,
// the part's number and the associated data: it finds damage and parts in the wrong place, and
// stops nobody who wants to forge one.
//
// An encrypted volume's parts are AES-256-GCM with the tag as trailer. GCM fails badly when one
// (key, nonce) pair seals two different texts. Ours never repeats:
//   - each object has a key of its own, HKDF-Expand (HMAC-SHA256) of the volume's key and the
//     context (domain, writer nonce, number, object id);
//   - the object id is 128 random bits drawn anew whenever an object is opened or encoded, and the
//     writer nonce 128 more for each take-over, so contexts repeat no more than random numbers do,
//     even when two writers seal the same seq or one writer encodes a manifest twice;
//   - within an object the GCM nonce is the part's number, and each part is sealed once. What is
//     sent again after a time-out is the same bytes, not sealed again.
// Keys serve a single object: GCM's limits on data under one key are far away.

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "fsd/base/bytes.h"
#include "fsd/base/result.h"
#include "fsd/format/identity.h"

namespace cairn::format {

/// What kind of object a key is for. The values are part of the format.
enum class Domain : std::uint8_t {
  kSegment = 1,   // log/
  kRepacked = 2,  // data/
  kTable = 3,
  kManifest = 4,
  kVolume = 5,
};

/// The random key of an encrypted volume. Overwritten when it goes.
struct VolumeKey {
  std::array<std::uint8_t, 32> bytes{};
  VolumeKey() = default;
  VolumeKey(const VolumeKey&) = default;
  VolumeKey& operator=(const VolumeKey&) = default;
  ~VolumeKey();
};

inline constexpr std::size_t kSealBytes = 16;

/// Seals and opens the parts of one object. Holds that object's key and nothing else; free to copy.
/// Threads: any (the cipher's contexts belong to the thread).
/// Fails with: FormatErrc::kDamaged when a part is not what was sealed, or not with this key, part
/// number or associated data.
class ObjectSealer {
 public:
  ~ObjectSealer();
  ObjectSealer(const ObjectSealer&) = default;
  ObjectSealer& operator=(const ObjectSealer&) = default;

  [[nodiscard]] std::string seal(std::uint32_t part, ByteView plain, ByteView aad) const;
  [[nodiscard]] Result<std::string> open(std::uint32_t part, ByteView sealed, ByteView aad) const;

  // Without allocation. `plain` may be the front of `into` (in place), or lie apart from it.
  /// `into` is exactly kSealBytes longer than `plain`.
  void seal_into(std::uint32_t part, ByteView plain, ByteView aad, MutableByteView into) const;
  void seal_append(std::uint32_t part, ByteView plain, ByteView aad, std::string& out) const;
  /// `into` is exactly kSealBytes shorter than `sealed`. Its content is void after a failure.
  [[nodiscard]] Result<void> open_into(std::uint32_t part, ByteView sealed, ByteView aad,
                                       MutableByteView into) const;

  /// Whether a part lies in what is stored as it is, before its seal.
  [[nodiscard]] bool is_plain() const { return !encrypted_; }
  /// The part where it lies in `sealed`, without a copy. Only if is_plain().
  [[nodiscard]] Result<ByteView> open_in_place(std::uint32_t part, ByteView sealed,
                                               ByteView aad) const;

 private:
  friend class Sealer;
  ObjectSealer() = default;

  bool encrypted_ = false;
  std::array<std::uint8_t, 32> key_{};  // the AES key; or a hash of the context in the first 8
};

/// How a volume seals its objects. A small value to copy.
/// Threads: any, for const use.
class Sealer {
 public:
  /// The values are part of the format (objects say how they are sealed, and one that says
  /// otherwise than its volume is refused).
  enum class Kind : std::uint8_t { kChecksummed = 0, kEncrypted = 1 };

  [[nodiscard]] static Sealer checksummed();
  [[nodiscard]] static Sealer encrypted(const VolumeKey& volume_key);

  [[nodiscard]] Kind kind() const { return state_ ? Kind::kEncrypted : Kind::kChecksummed; }
  /// About a microsecond; keep the result for as long as the same object is worked on.
  [[nodiscard]] ObjectSealer for_object(Domain domain, const WriterNonce& nonce,
                                        std::uint64_t number, const SegmentId& id) const;

 private:
  struct State;
  std::shared_ptr<const State> state_;  // none when checksummed
};

/// An object's header says `stored`: refuses what this volume would not have written.
/// Fails with: FormatErrc::kDamaged.
[[nodiscard]] Result<void> check_sealing(std::uint8_t stored, const Sealer& sealer);

}  // namespace cairn::format
