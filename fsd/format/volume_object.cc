#include "fsd/format/volume_object.h"

#include <openssl/crypto.h>
#include <sodium.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "fsd/base/check.h"
#include "fsd/format/decode_util.h"

namespace cairn::format {
namespace {

constexpr std::string_view kMagic = "CAIRNVOL";
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kFixedBytes = 96;
constexpr std::size_t kChecksumBytes = 16;
constexpr std::uint8_t kArgon2id13 = 1;
constexpr std::uint32_t kOnlyPart = 0;
constexpr char kDamaged[] = "the volume object is damaged";
// Numbers that keep the two keys of this object apart.
constexpr std::uint64_t kProofNumber = 0;
constexpr std::size_t kProofBytes = 16;
constexpr std::uint64_t kKeySlotNumber = 1;

bool valid(const VolumeParameters& p) {
  return p.window >= 1 && p.window <= kWindowMax && p.frame_bytes >= kFrameBytesMin &&
         p.frame_bytes <= kFrameBytesMax && std::has_single_bit(p.frame_bytes) &&
         p.arena_bytes_max >= 1 && p.arena_bytes_max <= kArenaBytesMax;
}
bool valid(const Argon2Cost& cost) {
  return cost.passes >= crypto_pwhash_argon2id_OPSLIMIT_MIN && cost.passes <= kArgon2PassesMax &&
         cost.memory_bytes >= crypto_pwhash_argon2id_MEMLIMIT_MIN &&
         cost.memory_bytes <= kArgon2MemoryMax;
}

std::string encode_fixed(const VolumeParameters& p, bool encrypted) {
  wire::Encoder out;
  put_magic(out, kMagic, kVersion);
  out.u8(encrypted ? 1 : 0).u8(0).u32(p.frame_bytes);
  put_uuid(out, p.identity.volume);
  put_uuid(out, p.identity.incarnation);
  out.u64(p.window).u64(p.arena_bytes_max).i64(p.created);
  out.u64(p.features).u64(p.compatible_features).u64(0);
  CHECK(out.size() == kFixedBytes);
  return std::move(out).take();
}

std::string checksum(std::string_view bytes) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
  return std::string(as_string(ByteView(canonical.digest)));
}

/// The key that wraps the volume's key: Argon2id of the password.
Result<ObjectSealer> key_slot_sealer(std::string_view password, const Argon2Cost& cost,
                                     const std::array<std::uint8_t, 16>& salt) {
  static_assert(crypto_pwhash_argon2id_SALTBYTES == 16);
  CHECK(sodium_init() >= 0);
  VolumeKey key;
  if (crypto_pwhash(key.bytes.data(), key.bytes.size(), password.data(), password.size(),
                    salt.data(), cost.passes, cost.memory_bytes,
                    crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return errno_error(ENOMEM, "not enough memory to derive the key from the password");
  }
  return Sealer::encrypted(key).for_object(Domain::kVolume, {}, kKeySlotNumber, SegmentId{salt});
}

/// What the wrapped key is bound to: the volume, and nothing that may change.
std::string key_slot_aad(const VolumeIdentity& identity, const Argon2Cost& cost) {
  wire::Encoder out;
  out.raw("cairn key slot").u8(kArgon2id13).u64(cost.passes).u64(cost.memory_bytes);
  put_uuid(out, identity.volume);
  return std::move(out).take();
}

}  // namespace

/// Random bytes that mean nothing: whoever opens them has the right key, and `fixed_` as it was.
void VolumeObject::seal_proof(const Sealer& sealer, Random& random) {
  std::array<std::uint8_t, kProofBytes> bytes{};
  random.fill(bytes);
  proof_id_ = SegmentId::random(random);
  proof_ = sealer.for_object(Domain::kVolume, {}, kProofNumber, proof_id_)
               .seal(kOnlyPart, bytes, as_bytes(fixed_));
}

std::string VolumeObject::encode() const {
  wire::Encoder out;
  out.raw(fixed_);
  if (encrypted_) {
    out.u8(kArgon2id13).u64(slot_.cost.passes).u64(slot_.cost.memory_bytes);
    out.raw(ByteView(slot_.salt)).raw(ByteView(slot_.wrapped));
  }
  put_uuid(out, proof_id_.bytes);
  out.raw(proof_);
  out.raw(checksum(out.view()));
  return std::move(out).take();
}

Result<void> VolumeObject::wrap(const VolumeKey& key, std::string_view password,
                                const Argon2Cost& cost, Random& random) {
  CHECK(!password.empty() && password.size() <= kPasswordBytesMax && valid(cost));
  slot_.cost = cost;
  random.fill(slot_.salt);  // new for each wrapping, and so is the key that wraps
  TRY(const ObjectSealer sealer, key_slot_sealer(password, cost, slot_.salt));
  sealer.seal_into(kOnlyPart, key.bytes, as_bytes(key_slot_aad(parameters_.identity, cost)),
                   slot_.wrapped);
  return {};
}

Result<VolumeKey> VolumeObject::unwrap(std::string_view password) const {
  if (password.size() > kPasswordBytesMax) {
    return Error(FormatErrc::kWrongPassword, "the password of the volume is wrong");
  }
  TRY(const ObjectSealer sealer, key_slot_sealer(password, slot_.cost, slot_.salt));
  VolumeKey key;
  const std::string aad = key_slot_aad(parameters_.identity, slot_.cost);
  // The object's checksum was right: what does not open is not damage.
  if (!sealer.open_into(kOnlyPart, slot_.wrapped, as_bytes(aad), key.bytes)) {
    return Error(FormatErrc::kWrongPassword, "the password of the volume is wrong");
  }
  return key;
}

Result<Sealer> VolumeObject::sealer_for(std::optional<std::string_view> password) const {
  if (!encrypted_ && password) {
    return Error(FormatErrc::kNotEncrypted,
                 "a password was given, but the volume is not encrypted: remove the setting, or "
                 "make a new volume with it");
  }
  if (!encrypted_) return Sealer::checksummed();
  if (!password) {
    return Error(FormatErrc::kPasswordMissing,
                 "the volume is encrypted: its password is needed "
                 "(storage.encryption_password)");
  }
  TRY(const VolumeKey key, unwrap(*password));
  return Sealer::encrypted(key);
}

Result<void> VolumeObject::check_proof(const Sealer& sealer) const {
  TRY(const std::string opened, sealer.for_object(Domain::kVolume, {}, kProofNumber, proof_id_)
                                    .open(kOnlyPart, as_bytes(proof_), as_bytes(fixed_)));
  (void)opened;
  return {};
}

Result<UnlockedVolume> VolumeObject::unlock(std::optional<std::string_view> password) const {
  TRY(const Sealer sealer, sealer_for(password));
  TRY_OK(check_proof(sealer));
  return UnlockedVolume{.parameters = parameters_, .sealer = sealer};
}

Result<std::string> VolumeObject::change_password(std::string_view old_password,
                                                  std::string_view new_password,
                                                  const Argon2Cost& cost, Random& random) const {
  if (!encrypted_) TRY_OK(sealer_for(old_password));  // says why not
  TRY(const VolumeKey key, unwrap(old_password));
  TRY_OK(check_proof(Sealer::encrypted(key)));
  VolumeObject changed = *this;
  TRY_OK(changed.wrap(key, new_password, cost, random));
  return changed.encode();
}

Result<std::string> VolumeObject::with_incarnation(const Uuid& incarnation,
                                                   std::optional<std::string_view> password,
                                                   Random& random) const {
  TRY(const UnlockedVolume volume, unlock(password));
  VolumeObject copy = *this;
  copy.parameters_.identity.incarnation = incarnation;
  copy.fixed_ = encode_fixed(copy.parameters_, encrypted_);
  copy.seal_proof(volume.sealer, random);
  return copy.encode();
}

Result<std::string> create_volume_object(const VolumeParameters& parameters,
                                         std::optional<std::string_view> password,
                                         const Argon2Cost& cost, Random& random) {
  CHECK(valid(parameters) && (parameters.features & ~kFeaturesKnown) == 0);
  VolumeObject object;
  object.parameters_ = parameters;
  object.encrypted_ = password.has_value();
  object.fixed_ = encode_fixed(parameters, object.encrypted_);
  Sealer sealer = Sealer::checksummed();
  if (password) {
    VolumeKey key;
    random.fill(key.bytes);
    TRY_OK(object.wrap(key, *password, cost, random));
    sealer = Sealer::encrypted(key);
  }
  object.seal_proof(sealer, random);
  return object.encode();
}

Result<VolumeObject> VolumeObject::decode(ByteView object) {
  wire::Decoder in(object);
  TRY_OK(
      get_magic(in, kMagic, kVersion, kDamaged, "the volume was made by a newer version of Cairn"));
  if (object.size() < kFixedBytes + kChecksumBytes) return damaged(kDamaged);
  const ByteView summed = object.first(object.size() - kChecksumBytes);
  if (checksum(as_string(summed)) != as_string(object.last(kChecksumBytes))) {
    return damaged(kDamaged);
  }
  VolumeObject result;
  VolumeParameters& p = result.parameters_;
  const std::uint8_t sealing = in.u8();
  const std::uint8_t reserved = in.u8();
  p.frame_bytes = in.u32();
  p.identity.volume = get_uuid(in);
  p.identity.incarnation = get_uuid(in);
  p.window = in.u64();
  p.arena_bytes_max = in.u64();
  p.created = in.i64();
  p.features = in.u64();
  p.compatible_features = in.u64();
  const std::uint64_t reserved_word = in.u64();
  if (!in.ok() || sealing > 1 || reserved != 0 || reserved_word != 0) return damaged(kDamaged);
  if ((p.features & ~kFeaturesKnown) != 0) {
    return Error(FormatErrc::kNewer,
                 "the volume uses a feature that this version of Cairn does not know");
  }
  if (!valid(p)) return damaged(kDamaged);
  result.encrypted_ = sealing == 1;
  result.fixed_ = as_string(object.first(kFixedBytes));
  TRY_OK(result.decode_sealed(in));
  if (in.left() != kChecksumBytes) return damaged(kDamaged);
  return result;
}

Result<void> VolumeObject::decode_sealed(wire::Decoder& in) {
  if (encrypted_) {
    const std::uint8_t algorithm = in.u8();
    slot_.cost.passes = in.u64();
    slot_.cost.memory_bytes = in.u64();
    const auto salt = in.raw(slot_.salt.size());
    const auto wrapped = in.raw(slot_.wrapped.size());
    if (!in.ok() || !valid(slot_.cost)) return damaged(kDamaged);
    if (algorithm != kArgon2id13) return newer("the volume's password is hashed in an unknown way");
    std::ranges::copy(salt, slot_.salt.begin());
    std::ranges::copy(wrapped, slot_.wrapped.begin());
  }
  proof_id_.bytes = get_uuid(in);
  proof_ = as_string(in.raw(kProofBytes + kSealBytes));
  if (!in.ok()) return damaged(kDamaged);
  return {};
}

}  // namespace cairn::format
