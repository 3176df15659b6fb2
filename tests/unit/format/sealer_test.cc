#include "fsd/format/sealer.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <set>

#include "tests/unit/format/format_test_support.h"

namespace cairn::format {
namespace {

struct Case {
  const char* name;
  Sealer sealer;
};
class EverySealer : public testing::TestWithParam<Case> {
 protected:
  const WriterNonce nonce_{{1, 2, 3}};
  const SegmentId id_{{4, 5, 6}};
  [[nodiscard]] ObjectSealer object() const {
    return GetParam().sealer.for_object(Domain::kSegment, nonce_, 9, id_);
  }
};
INSTANTIATE_TEST_SUITE_P(Sealers, EverySealer,
                         testing::Values(Case{"Checksummed", plain_sealer()},
                                         Case{"Encrypted", secret_sealer()}),
                         [](const auto& info) { return info.param.name; });

TEST_P(EverySealer, OpensWhatItSealed) {
  for (const std::size_t size : {0, 1, 15, 16, 17, 4096, 65536, 1 << 20}) {
    const std::string plain = random_bytes(size, size);
    const std::string sealed = object().seal(3, as_bytes(plain), as_bytes("aad"));
    EXPECT_EQ(sealed.size(), size + kSealBytes);
    const auto opened = object().open(3, as_bytes(sealed), as_bytes("aad"));
    ASSERT_TRUE(opened) << size;
    EXPECT_EQ(*opened, plain);
  }
}

TEST_P(EverySealer, WorksInPlace) {
  const std::string plain = random_bytes(1000, 1);
  std::string buffer = plain + std::string(kSealBytes, '\0');
  const MutableByteView all(reinterpret_cast<std::uint8_t*>(buffer.data()), buffer.size());
  object().seal_into(0, all.first(plain.size()), {}, all);
  EXPECT_EQ(buffer, object().seal(0, as_bytes(plain), {}));
  ASSERT_TRUE(object().open_into(0, all, {}, all.first(plain.size())));
  EXPECT_EQ(buffer.substr(0, plain.size()), plain);
}

TEST(Sealer, AChecksummedPartIsFoundWhereItLiesAndRefusedWhenDamaged) {
  const ObjectSealer object = plain_sealer().for_object(Domain::kSegment, {}, 9, {});
  ASSERT_TRUE(object.is_plain());
  EXPECT_FALSE(secret_sealer().for_object(Domain::kSegment, {}, 9, {}).is_plain());
  const std::string sealed = object.seal(3, as_bytes("some bytes to keep"), as_bytes("aad"));
  const auto accepts = [&object](std::string_view bytes) {
    return object.open_in_place(3, as_bytes(bytes), as_bytes("aad")).has_value();
  };
  const auto found = object.open_in_place(3, as_bytes(sealed), as_bytes("aad"));
  ASSERT_TRUE(found);
  EXPECT_EQ(as_string(*found), "some bytes to keep");
  EXPECT_EQ(found->data(), as_bytes(sealed).data());
  expect_every_bit_flip_refused(sealed, accepts);
  expect_every_truncation_refused(sealed, accepts);
}

TEST_P(EverySealer, RefusesEveryFlippedBitAndEveryTruncation) {
  const std::string sealed = object().seal(3, as_bytes("some bytes to keep"), as_bytes("aad"));
  const auto accepts = [this](std::string_view bytes) {
    return object().open(3, as_bytes(bytes), as_bytes("aad")).has_value();
  };
  ASSERT_TRUE(accepts(sealed));
  expect_every_bit_flip_refused(sealed, accepts);
  expect_every_truncation_refused(sealed, accepts);
}

TEST_P(EverySealer, RefusesAPartInAnotherPlace) {
  const Sealer& sealer = GetParam().sealer;
  const std::string sealed = object().seal(3, as_bytes("bytes"), as_bytes("aad"));
  const auto opens = [&sealed](const ObjectSealer& by, std::uint32_t part, const char* aad) {
    return by.open(part, as_bytes(sealed), as_bytes(aad)).has_value();
  };
  EXPECT_TRUE(opens(object(), 3, "aad"));
  EXPECT_FALSE(opens(object(), 4, "aad"));
  EXPECT_FALSE(opens(object(), 3, "aae"));
  EXPECT_FALSE(opens(object(), 3, ""));
  EXPECT_FALSE(opens(sealer.for_object(Domain::kTable, nonce_, 9, id_), 3, "aad"));
  EXPECT_FALSE(opens(sealer.for_object(Domain::kSegment, WriterNonce{}, 9, id_), 3, "aad"));
  EXPECT_FALSE(opens(sealer.for_object(Domain::kSegment, nonce_, 8, id_), 3, "aad"));
  EXPECT_FALSE(opens(sealer.for_object(Domain::kSegment, nonce_, 9, SegmentId{}), 3, "aad"));
}

TEST(Sealer, SealsTheSameBytesDifferentlyForEachPartAndObject) {
  const Sealer sealer = secret_sealer();
  std::set<std::string> seen;
  for (std::uint8_t author = 0; author < 4; ++author) {
    for (std::uint8_t id = 0; id < 4; ++id) {
      const auto object =
          sealer.for_object(Domain::kSegment, WriterNonce{{author}}, 5, SegmentId{{id}});
      for (std::uint32_t part = 0; part < 4; ++part) {
        seen.insert(object.seal(part, as_bytes("the very same plain text"), {}));
      }
    }
  }
  EXPECT_EQ(seen.size(), 64U);
}

TEST(Sealer, HidesThePlainTextAndDependsOnTheVolumeKey) {
  const auto object = secret_sealer().for_object(Domain::kSegment, {}, 1, {});
  const std::string sealed = object.seal(0, as_bytes("visible text"), {});
  EXPECT_EQ(sealed.find("visible"), std::string::npos);
  VolumeKey other = test_volume_key();
  other.bytes[31] ^= 1;
  const auto stranger = Sealer::encrypted(other).for_object(Domain::kSegment, {}, 1, {});
  EXPECT_FAILS_WITH(FormatErrc::kDamaged, stranger.open(0, as_bytes(sealed), {}));
}

TEST(Sealer, AnEncryptedPartIsAesGcmUnderAKeyOfOpenSslsHkdfExpand) {
  const VolumeKey volume_key = test_volume_key();
  const WriterNonce nonce{{0xAA}};
  const SegmentId id{{0xBB}};
  std::string info = "cairn/1\x03";
  info += std::string("\xAA", 1) + std::string(15, '\0');
  info += std::string("\x07\0\0\0\0\0\0\0", 8);
  info += std::string("\xBB", 1) + std::string(15, '\0');
  std::uint8_t key[32];
  EVP_KDF* kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  EVP_KDF_CTX* derivation = EVP_KDF_CTX_new(kdf);
  int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
                                        const_cast<std::uint8_t*>(volume_key.bytes.data()), 32),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
      OSSL_PARAM_construct_end()};
  ASSERT_EQ(EVP_KDF_derive(derivation, key, sizeof key, params), 1);
  EVP_KDF_CTX_free(derivation);
  EVP_KDF_free(kdf);

  const std::string sealed = Sealer::encrypted(volume_key)
                                 .for_object(Domain::kTable, nonce, 7, id)
                                 .seal(0x01020304, as_bytes("plain"), as_bytes("aad"));
  const std::uint8_t gcm_nonce[12] = {4, 3, 2, 1};
  std::uint8_t out[16] = {};
  int length = 0;
  EVP_CIPHER_CTX* cipher = EVP_CIPHER_CTX_new();
  EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), nullptr, key, gcm_nonce);
  EVP_DecryptUpdate(cipher, nullptr, &length, as_bytes("aad").data(), 3);
  EVP_DecryptUpdate(cipher, out, &length, as_bytes(sealed).data(), 5);
  EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, 16, const_cast<char*>(sealed.data() + 5));
  EXPECT_EQ(EVP_DecryptFinal_ex(cipher, out + length, &length), 1);
  EVP_CIPHER_CTX_free(cipher);
  EXPECT_EQ(std::string(reinterpret_cast<char*>(out), 5), "plain");
}

TEST(Sealer, SwitchingBetweenObjectsOnOneThreadUsesTheRightKey) {
  const auto first = secret_sealer().for_object(Domain::kSegment, {}, 1, {});
  const auto second = secret_sealer().for_object(Domain::kSegment, {}, 2, {});
  const std::string a = first.seal(0, as_bytes("a"), {});
  const std::string b = second.seal(0, as_bytes("b"), {});
  const std::string a2 = first.seal(1, as_bytes("a2"), {});
  EXPECT_EQ(*second.open(0, as_bytes(b), {}), "b");
  EXPECT_EQ(*first.open(0, as_bytes(a), {}), "a");
  EXPECT_FALSE(second.open(0, as_bytes(a), {}));
  EXPECT_EQ(*first.open(1, as_bytes(a2), {}), "a2");
}

TEST(Sealer, RefusesObjectsThatAreSealedOtherwiseThanTheVolume) {
  EXPECT_TRUE(check_sealing(0, plain_sealer()));
  EXPECT_TRUE(check_sealing(1, secret_sealer()));
  EXPECT_FAILS_WITH(FormatErrc::kDamaged, check_sealing(1, plain_sealer()));
  EXPECT_FAILS_WITH(FormatErrc::kDamaged, check_sealing(0, secret_sealer()));
}

TEST(Sealer, WritesTheBytesOfVersionOne) {
  const WriterNonce nonce{{1, 2, 3}};
  const SegmentId id{{4, 5, 6}};
  for (const auto& [name, sealer] : {std::pair("sealed_v1_checksummed", plain_sealer()),
                                     std::pair("sealed_v1_encrypted", secret_sealer())}) {
    expect_golden(name, sealer.for_object(Domain::kManifest, nonce, 9, id)
                            .seal(3, as_bytes("golden bytes"), as_bytes("aad")));
  }
}

}  // namespace
}  // namespace cairn::format
