#include "fsd/format/sealer.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <xxhash.h>

#include <algorithm>
#include <climits>

#include "fsd/base/check.h"
#include "fsd/format/decode_util.h"

namespace cairn::format {
namespace {

constexpr std::string_view kContextLabel = "cairn/1";
constexpr std::size_t kGcmNonceBytes = 12;

const EVP_CIPHER* aes_256_gcm() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  CHECK(cipher != nullptr);
  return cipher;
}

/// A thread's cipher contexts. Each remembers the key it was set up with, since the parts of one
/// object follow each other and setting up a key costs as much as sealing a few hundred bytes.
class CipherContext {
 public:
  explicit CipherContext(bool encrypts) : ctx_(EVP_CIPHER_CTX_new()), encrypts_(encrypts) {
    CHECK(ctx_ != nullptr);
    CHECK(EVP_CipherInit_ex(ctx_, aes_256_gcm(), nullptr, nullptr, nullptr, encrypts ? 1 : 0) == 1);
  }
  ~CipherContext() {
    EVP_CIPHER_CTX_free(ctx_);
    OPENSSL_cleanse(key_.data(), key_.size());
  }
  CipherContext(const CipherContext&) = delete;
  CipherContext& operator=(const CipherContext&) = delete;

  EVP_CIPHER_CTX* begin(const std::array<std::uint8_t, 32>& key, std::uint32_t part, ByteView aad) {
    std::array<std::uint8_t, kGcmNonceBytes> nonce{};
    for (int i = 0; i < 4; ++i) nonce[i] = static_cast<std::uint8_t>(part >> (8 * i));
    const bool same_key = has_key_ && key == key_;
    CHECK(EVP_CipherInit_ex(ctx_, nullptr, nullptr, same_key ? nullptr : key.data(), nonce.data(),
                            encrypts_ ? 1 : 0) == 1);
    if (!same_key) key_ = key;
    has_key_ = true;
    int done = 0;
    CHECK(aad.size() <= INT_MAX);
    if (!aad.empty()) {
      CHECK(EVP_CipherUpdate(ctx_, nullptr, &done, aad.data(), static_cast<int>(aad.size())) == 1);
    }
    return ctx_;
  }

 private:
  EVP_CIPHER_CTX* ctx_;
  bool encrypts_;
  bool has_key_ = false;
  std::array<std::uint8_t, 32> key_{};
};

void gcm_seal(const std::array<std::uint8_t, 32>& key, std::uint32_t part, ByteView plain,
              ByteView aad, MutableByteView into) {
  thread_local CipherContext context(true);
  EVP_CIPHER_CTX* ctx = context.begin(key, part, aad);
  int done = 0;
  if (!plain.empty()) {
    CHECK(EVP_EncryptUpdate(ctx, into.data(), &done, plain.data(),
                            static_cast<int>(plain.size())) == 1);
  }
  CHECK(EVP_EncryptFinal_ex(ctx, into.data() + done, &done) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, kSealBytes, into.data() + plain.size()) ==
        1);
}

bool gcm_open(const std::array<std::uint8_t, 32>& key, std::uint32_t part, ByteView sealed,
              ByteView aad, MutableByteView into) {
  thread_local CipherContext context(false);
  std::array<std::uint8_t, kSealBytes> tag{};
  std::ranges::copy(sealed.last(kSealBytes), tag.begin());
  EVP_CIPHER_CTX* ctx = context.begin(key, part, aad);
  int done = 0;
  if (!into.empty()) {
    CHECK(EVP_DecryptUpdate(ctx, into.data(), &done, sealed.data(),
                            static_cast<int>(into.size())) == 1);
  }
  CHECK(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, kSealBytes, tag.data()) == 1);
  std::uint8_t none = 0;
  const bool good = EVP_DecryptFinal_ex(ctx, &none, &done) == 1;
  if (!good) OPENSSL_cleanse(into.data(), into.size());
  return good;
}

std::array<std::uint8_t, kSealBytes> checksum(std::uint64_t context, std::uint32_t part,
                                              ByteView plain, ByteView aad) {
  std::array<std::uint8_t, 12> place{};
  for (int i = 0; i < 8; ++i) place[i] = static_cast<std::uint8_t>(context >> (8 * i));
  for (int i = 0; i < 4; ++i) place[8 + i] = static_cast<std::uint8_t>(part >> (8 * i));
  const std::uint64_t seed =
      XXH3_64bits_withSeed(aad.data(), aad.size(), XXH3_64bits(place.data(), place.size()));
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_withSeed(plain.data(), plain.size(), seed));
  return std::to_array(canonical.digest);
}

std::string context_bytes(Domain domain, const WriterNonce& nonce, std::uint64_t number,
                          const SegmentId& id) {
  wire::Encoder out;
  out.raw(kContextLabel).u8(static_cast<std::uint8_t>(domain));
  put_uuid(out, nonce.bytes);
  out.u64(number);
  put_uuid(out, id.bytes);
  return std::move(out).take();
}

}  // namespace

VolumeKey::~VolumeKey() { OPENSSL_cleanse(bytes.data(), bytes.size()); }

ObjectSealer::~ObjectSealer() {
  if (encrypted_) OPENSSL_cleanse(key_.data(), key_.size());
}

void ObjectSealer::seal_into(std::uint32_t part, ByteView plain, ByteView aad,
                             MutableByteView into) const {
  CHECK(plain.size() < INT_MAX && into.size() == plain.size() + kSealBytes);
  if (encrypted_) return gcm_seal(key_, part, plain, aad, into);
  std::uint64_t context = 0;
  std::memcpy(&context, key_.data(), sizeof context);
  const auto trailer = checksum(context, part, plain, aad);
  if (!plain.empty() && plain.data() != into.data()) {
    std::memcpy(into.data(), plain.data(), plain.size());
  }
  std::ranges::copy(trailer, into.last(kSealBytes).begin());
}

Result<void> ObjectSealer::open_into(std::uint32_t part, ByteView sealed, ByteView aad,
                                     MutableByteView into) const {
  if (sealed.size() < kSealBytes || sealed.size() > INT_MAX) {
    return damaged("a stored part is too short");
  }
  CHECK(into.size() == sealed.size() - kSealBytes);
  if (encrypted_) {
    if (!gcm_open(key_, part, sealed, aad, into)) {
      return damaged("a stored part is not what was encrypted");
    }
    return {};
  }
  TRY(const ByteView plain, open_in_place(part, sealed, aad));
  if (!plain.empty() && plain.data() != into.data()) {
    std::memcpy(into.data(), plain.data(), plain.size());
  }
  return {};
}

Result<ByteView> ObjectSealer::open_in_place(std::uint32_t part, ByteView sealed,
                                             ByteView aad) const {
  CHECK(is_plain());
  if (sealed.size() < kSealBytes) return damaged("a stored part is too short");
  const ByteView plain = sealed.first(sealed.size() - kSealBytes);
  std::uint64_t context = 0;
  std::memcpy(&context, key_.data(), sizeof context);
  const auto expected = checksum(context, part, plain, aad);
  if (!std::ranges::equal(expected, sealed.last(kSealBytes))) {
    return damaged("a stored part does not match its checksum");
  }
  return plain;
}

void ObjectSealer::seal_append(std::uint32_t part, ByteView plain, ByteView aad,
                               std::string& out) const {
  const std::size_t at = out.size();
  resize_for_overwrite(out, at + plain.size() + kSealBytes);
  seal_into(part, plain, aad, writable(out).subspan(at));
}

std::string ObjectSealer::seal(std::uint32_t part, ByteView plain, ByteView aad) const {
  std::string out;
  seal_append(part, plain, aad, out);
  return out;
}

Result<std::string> ObjectSealer::open(std::uint32_t part, ByteView sealed, ByteView aad) const {
  if (sealed.size() < kSealBytes) return damaged("a stored part is too short");
  std::string plain;
  resize_for_overwrite(plain, sealed.size() - kSealBytes);
  TRY_OK(open_into(part, sealed, aad, writable(plain)));
  return plain;
}

/// HMAC-SHA256 after it has taken in the volume's key: deriving an object's key copies it.
struct Sealer::State {
  crypto_auth_hmacsha256_state hmac;
  explicit State(const VolumeKey& key) {
    crypto_auth_hmacsha256_init(&hmac, key.bytes.data(), key.bytes.size());
  }
  ~State() { OPENSSL_cleanse(&hmac, sizeof hmac); }
};

Sealer Sealer::checksummed() { return {}; }

Sealer Sealer::encrypted(const VolumeKey& volume_key) {
  Sealer sealer;
  sealer.state_ = std::make_shared<const State>(volume_key);
  return sealer;
}

ObjectSealer Sealer::for_object(Domain domain, const WriterNonce& nonce, std::uint64_t number,
                                const SegmentId& id) const {
  const std::string context = context_bytes(domain, nonce, number, id);
  ObjectSealer object;
  if (!state_) {
    const std::uint64_t hash = XXH3_64bits(context.data(), context.size());
    std::memcpy(object.key_.data(), &hash, sizeof hash);
    return object;
  }
  object.encrypted_ = true;
  crypto_auth_hmacsha256_state hmac = state_->hmac;
  const ByteView info = as_bytes(context);
  crypto_auth_hmacsha256_update(&hmac, info.data(), info.size());
  const std::uint8_t counter = 1;  // HKDF-Expand's first and only block
  crypto_auth_hmacsha256_update(&hmac, &counter, 1);
  crypto_auth_hmacsha256_final(&hmac, object.key_.data());
  OPENSSL_cleanse(&hmac, sizeof hmac);
  return object;
}

Result<void> check_sealing(std::uint8_t stored, const Sealer& sealer) {
  if (stored == static_cast<std::uint8_t>(sealer.kind())) return {};
  return damaged(sealer.kind() == Sealer::Kind::kEncrypted
                     ? "an object of an encrypted volume is not encrypted"
                     : "an object of a volume without encryption is encrypted");
}

}  // namespace cairn::format
