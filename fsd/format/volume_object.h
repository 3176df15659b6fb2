#pragma once

// The object `volume`: what is fixed when a volume is made, and, if it is encrypted, its key,
// wrapped with a key that Argon2id makes of the password.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fsd/base/bytes.h"
#include "fsd/base/random.h"
#include "fsd/base/result.h"
#include "fsd/format/identity.h"
#include "fsd/format/inode_record.h"
#include "fsd/format/sealer.h"
#include "protocol/wire/decoder.h"

namespace cairn::format {

inline constexpr std::uint64_t kWindowDefault = 32;
inline constexpr std::uint64_t kWindowMax = 4096;
inline constexpr std::uint32_t kFrameBytesDefault = 64U << 10;
inline constexpr std::uint32_t kFrameBytesMin = 4U << 10;
inline constexpr std::uint32_t kFrameBytesMax = 1U << 20;
inline constexpr std::uint64_t kArenaBytesDefault = 16U << 20;
inline constexpr std::uint64_t kArenaBytesMax = 256U << 20;

/// Constants of a volume.
struct VolumeParameters {
  VolumeIdentity identity;
  /// How far past its first unacknowledged seq a writer may PUT; 1 to kWindowMax.
  std::uint64_t window = kWindowDefault;
  std::uint32_t frame_bytes =
      kFrameBytesDefault;  // a power of two, kFrameBytesMin to kFrameBytesMax
  std::uint64_t arena_bytes_max = kArenaBytesDefault;  // 1 to kArenaBytesMax
  TimeNs created = 0;
  std::uint64_t features = 0;             // any that is unknown: no access
  std::uint64_t compatible_features = 0;  // unknown ones may be ignored
  bool operator==(const VolumeParameters&) const = default;
};
/// Features that this program knows.
inline constexpr std::uint64_t kFeaturesKnown = 0;

/// What a password costs to try. Stored with the volume, and bounded when read.
struct Argon2Cost {
  std::uint64_t passes = 3;
  std::uint64_t memory_bytes = 64U << 20;  // RFC 9106's second recommendation
  bool operator==(const Argon2Cost&) const = default;
};
inline constexpr std::uint64_t kArgon2PassesMax = 64;
inline constexpr std::uint64_t kArgon2MemoryMax = 1ULL << 30;
inline constexpr std::size_t kPasswordBytesMax = 4096;

/// What a volume gives to who may open it.
struct UnlockedVolume {
  VolumeParameters parameters;
  Sealer sealer;
};

/// A new volume's object. Without a password the volume is not encrypted, and that stays so.
/// Takes as long as Argon2 does. Parameters out of their bounds, and an empty password, are the
/// caller's error.
/// Fails with: ENOMEM (Argon2's memory).
[[nodiscard]] Result<std::string> create_volume_object(const VolumeParameters& parameters,
                                                       std::optional<std::string_view> password,
                                                       const Argon2Cost& cost, Random& random);

/// The object as read, checked but for what only a password tells.
/// Threads: any, for const use.
class VolumeObject {
 public:
  /// Fails with: FormatErrc::kDamaged, kNewer.
  [[nodiscard]] static Result<VolumeObject> decode(ByteView object);

  [[nodiscard]] const VolumeParameters& parameters() const { return parameters_; }
  [[nodiscard]] bool encrypted() const { return encrypted_; }
  /// Takes as long as Argon2 does; not for the core.
  /// Fails with: FormatErrc::kWrongPassword, kPasswordMissing, kNotEncrypted, kDamaged; ENOMEM.
  [[nodiscard]] Result<UnlockedVolume> unlock(std::optional<std::string_view> password) const;
  /// The same volume under another password: the object to put in place of this one. All else,
  /// and everything that was written, stays as it is.
  /// Fails as unlock() does.
  [[nodiscard]] Result<std::string> change_password(std::string_view old_password,
                                                    std::string_view new_password,
                                                    const Argon2Cost& cost, Random& random) const;
  /// The same volume as a copy of its own (a clone, a restored backup): a new incarnation.
  /// Fails as unlock() does.
  [[nodiscard]] Result<std::string> with_incarnation(const Uuid& incarnation,
                                                     std::optional<std::string_view> password,
                                                     Random& random) const;

 private:
  struct KeySlot {  // the volume's key, sealed with a key made of the password
    Argon2Cost cost;
    std::array<std::uint8_t, 16> salt{};
    std::array<std::uint8_t, 48> wrapped{};
  };
  [[nodiscard]] Result<VolumeKey> unwrap(std::string_view password) const;
  [[nodiscard]] Result<Sealer> sealer_for(std::optional<std::string_view> password) const;
  /// Does the key belong to this object, and are its parameters what was written?
  [[nodiscard]] Result<void> check_proof(const Sealer& sealer) const;
  void seal_proof(const Sealer& sealer, Random& random);
  /// Puts the volume's key into a new key slot.
  [[nodiscard]] Result<void> wrap(const VolumeKey& key, std::string_view password,
                                  const Argon2Cost& cost, Random& random);
  [[nodiscard]] std::string encode() const;
  /// What follows the parameters.
  [[nodiscard]] Result<void> decode_sealed(wire::Decoder& in);
  friend Result<std::string> create_volume_object(const VolumeParameters&,
                                                  std::optional<std::string_view>,
                                                  const Argon2Cost&, Random&);

  VolumeParameters parameters_;
  bool encrypted_ = false;
  std::string fixed_;  // the parameters' bytes, which the sealed parts vouch for
  KeySlot slot_;       // only when encrypted
  SegmentId proof_id_;
  std::string proof_;  // sealed
};

}  // namespace cairn::format
