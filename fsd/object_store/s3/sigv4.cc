#include "fsd/object_store/s3/sigv4.h"

// AWS Signature Version 4, in four steps:
//   canonical request  the method, path, query, headers and payload hash in one fixed spelling
//   string to sign     its hash, with the time and the scope date/region/service
//   signing key        HMACs of the secret with each part of the scope in turn
//   signature          HMAC of the string to sign
// S3 differs from the other services in that the path is encoded once, not twice, and that the
// payload's hash travels in a header, where UNSIGNED-PAYLOAD may stand instead.

#include <openssl/evp.h>

#include <algorithm>
#include <ctime>
#include <memory>

#include "fsd/base/check.h"

namespace cairn::object_store::s3 {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// Looking an algorithm up by name is the dearest part of hashing a short text in OpenSSL 3.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CHECK(algorithm != nullptr);
  return algorithm;
}

Digest sha256_of_two(ByteView first, ByteView second) {
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  Digest digest;
  unsigned length = 0;
  CHECK(EVP_DigestInit_ex2(context.get(), sha256_algorithm(), nullptr) == 1);
  CHECK(EVP_DigestUpdate(context.get(), first.data(), first.size()) == 1);
  CHECK(EVP_DigestUpdate(context.get(), second.data(), second.size()) == 1);
  CHECK(EVP_DigestFinal_ex(context.get(), digest.data(), &length) == 1);
  CHECK(length == digest.size());
  return digest;
}

/// Without the blanks around it, and with runs of blanks inside made one.
std::string canonical_value(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c != ' ' && c != '\t') {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

std::string signed_names(const std::vector<SignedHeader>& headers) {
  std::string names;
  for (const auto& header : headers) {
    if (!names.empty()) names += ';';
    names += header.name;
  }
  return names;
}

std::string canonical_request(const SigningInput& input, std::string_view names) {
  std::string out;
  out.reserve(512);
  out.append(input.method).append("\n").append(input.path).append("\n");
  out.append(input.query).append("\n");
  for (const auto& header : input.headers) {
    out.append(header.name).append(":").append(canonical_value(header.value)).append("\n");
  }
  out.append("\n").append(names).append("\n").append(input.payload_hash);
  return out;
}

}  // namespace

Digest sha256(ByteView bytes) { return sha256_of_two(bytes, {}); }

Digest hmac_sha256(ByteView key, ByteView bytes) {
  std::array<std::uint8_t, 64> inner{};
  if (key.size() > inner.size()) {
    const Digest short_key = sha256(key);
    std::copy(short_key.begin(), short_key.end(), inner.begin());
  } else {
    std::copy(key.begin(), key.end(), inner.begin());
  }
  std::array<std::uint8_t, 64> outer = inner;
  for (auto& byte : inner) byte ^= 0x36;
  for (auto& byte : outer) byte ^= 0x5c;
  return sha256_of_two(outer, sha256_of_two(inner, bytes));
}

std::string amz_timestamp(Duration wall) {
  const std::time_t seconds = std::chrono::duration_cast<std::chrono::seconds>(wall).count();
  std::tm parts{};
  CHECK(gmtime_r(&seconds, &parts) != nullptr);
  char text[32];
  const std::size_t length = std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts);
  return {text, length};
}

const Digest& Signer::signing_key(std::string_view date, const std::string& secret) {
  if (date == key_date_ && secret == key_secret_) return key_;
  key_date_ = std::string(date);
  key_secret_ = secret;
  const std::string first = "AWS4" + secret;
  key_ = hmac_sha256(as_bytes(first), as_bytes(date));
  key_ = hmac_sha256(key_, as_bytes(region_));
  key_ = hmac_sha256(key_, as_bytes(service_));
  key_ = hmac_sha256(key_, as_bytes("aws4_request"));
  return key_;
}

std::string Signer::authorization(SigningInput input, const std::string& access_key_id,
                                  const std::string& secret_access_key) {
  std::sort(input.headers.begin(), input.headers.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  const std::string names = signed_names(input.headers);
  const std::string_view date = input.timestamp.substr(0, 8);
  const std::string scope = std::string(date) + "/" + region_ + "/" + service_ + "/aws4_request";
  std::string to_sign = "AWS4-HMAC-SHA256\n";
  to_sign.append(input.timestamp).append("\n").append(scope).append("\n");
  to_sign += to_hex(sha256(as_bytes(canonical_request(input, names))));
  const Digest signature = hmac_sha256(signing_key(date, secret_access_key), as_bytes(to_sign));
  return "AWS4-HMAC-SHA256 Credential=" + access_key_id + "/" + scope + ", SignedHeaders=" + names +
         ", Signature=" + to_hex(signature);
}

}  // namespace cairn::object_store::s3
