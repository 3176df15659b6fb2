#include "fsd/object_store/s3/s3_reply.h"

#include <algorithm>
#include <charconv>
#include <pugixml.hpp>

#include "fsd/object_store/s3/uri.h"

namespace cairn::object_store::s3 {
namespace {

constexpr std::size_t kMessageBytesMax = 300;
constexpr std::size_t kKeyBytesMax = 4096;

/// A store's words, made fit for a log line.
std::string printable(std::string_view text) {
  std::string out(text.substr(0, kMessageBytesMax));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return out;
}

bool load(pugi::xml_document& document, std::string_view xml) {
  // parse_minimal has no DTD and no processing instructions; pugixml expands no entities but the
  // standard five and characters, so the result is never larger than the text.
  constexpr unsigned kHow = pugi::parse_minimal | pugi::parse_escapes | pugi::parse_cdata;
  return static_cast<bool>(document.load_buffer(xml.data(), xml.size(), kHow, pugi::encoding_utf8));
}

Error damaged(const char* what) { return {StoreErrc::kDamaged, what}; }

struct CodeMeaning {
  std::string_view code;
  StoreErrc meaning;
};

// S3's codes that say more than their HTTP status does. Those of STS are among them.
constexpr CodeMeaning kMeanings[] = {
    {"NoSuchKey", StoreErrc::kNotFound},
    {"NoSuchBucket", StoreErrc::kBucketMissing},
    {"PreconditionFailed", StoreErrc::kPreconditionFailed},
    {"ConditionalRequestConflict", StoreErrc::kConflict},
    {"OperationAborted", StoreErrc::kConflict},
    {"SignatureDoesNotMatch", StoreErrc::kBadCredentials},
    {"InvalidAccessKeyId", StoreErrc::kBadCredentials},
    {"InvalidClientTokenId", StoreErrc::kBadCredentials},
    {"UnrecognizedClientException", StoreErrc::kBadCredentials},
    {"ExpiredToken", StoreErrc::kBadCredentials},
    {"ExpiredTokenException", StoreErrc::kBadCredentials},
    {"InvalidToken", StoreErrc::kBadCredentials},
    {"TokenRefreshRequired", StoreErrc::kBadCredentials},
    {"InvalidIdentityToken", StoreErrc::kBadCredentials},
    {"RequestTimeTooSkewed", StoreErrc::kClockSkew},
    {"RequestExpired", StoreErrc::kClockSkew},
    {"AccessDenied", StoreErrc::kAccessDenied},
    {"SlowDown", StoreErrc::kThrottled},
    {"Throttling", StoreErrc::kThrottled},
    {"TooManyRequests", StoreErrc::kThrottled},
    {"RequestLimitExceeded", StoreErrc::kThrottled},
    {"BandwidthLimitExceeded", StoreErrc::kThrottled},
    {"RequestTimeout", StoreErrc::kUnavailable},
    {"InternalError", StoreErrc::kUnavailable},
    {"ServiceUnavailable", StoreErrc::kUnavailable},
    // Somebody can raise a quota; until then nothing is lost by waiting.
    {"QuotaExceeded", StoreErrc::kUnavailable},
    {"BadDigest", StoreErrc::kDamaged},
    {"IncompleteBody", StoreErrc::kDamaged},
    {"XAmzContentSHA256Mismatch", StoreErrc::kDamaged},
    {"InvalidObjectState", StoreErrc::kBadRequest},
    {"NotImplemented", StoreErrc::kBadRequest},
};

StoreErrc meaning_of_status(int status) {
  switch (status) {
    case 401:
      return StoreErrc::kBadCredentials;
    case 403:
      return StoreErrc::kAccessDenied;
    case 404:
      return StoreErrc::kNotFound;
    case 408:
      return StoreErrc::kUnavailable;
    case 409:
      return StoreErrc::kConflict;
    case 412:
      return StoreErrc::kPreconditionFailed;
    case 429:
      return StoreErrc::kThrottled;
    case 501:
    case 505:
      return StoreErrc::kBadRequest;
    default:
      return status >= 500 ? StoreErrc::kUnavailable : StoreErrc::kBadRequest;
  }
}

StoreErrc meaning_of(int status, std::string_view code) {
  for (const auto& [known, meaning] : kMeanings) {
    if (known == code) return meaning;
  }
  return meaning_of_status(status);
}

const char* phrase_of(StoreErrc code) {
  switch (code) {
    case StoreErrc::kPreconditionFailed:
      return "the condition does not hold";
    case StoreErrc::kBadRequest:
      return "the store refuses the request";
    default:
      return "the store answers with an error";
  }
}

Result<std::string> decode_key(std::string_view text, bool encoded) {
  if (text.size() > kKeyBytesMax) return damaged("a listing with an endless key");
  if (!encoded) return std::string(text);
  std::string spaced(text);  // AWS writes a blank as '+', and '+' as %2B
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  auto decoded = percent_decode(spaced);
  if (!decoded) return damaged("a listing with a broken escape");
  return *std::move(decoded);
}

}  // namespace

ErrorDocument parse_error_document(std::string_view xml) {
  ErrorDocument found;
  pugi::xml_document document;
  load(document, xml);  // of what is broken, what comes before the break is still there
  pugi::xml_node error = document.child("Error");
  if (!error) error = document.child("ErrorResponse").child("Error");  // as STS writes it
  found.code = printable(error.child_value("Code"));
  found.message = printable(error.child_value("Message"));
  found.region = printable(error.child_value("Region"));
  return found;
}

Error error_of(const HttpResponse& response, const std::string& request) {
  ErrorDocument document = parse_error_document(response.body);
  if (document.region.empty()) {
    document.region = printable(response.find_header("x-amz-bucket-region").value_or(""));
  }
  std::string detail = request + " answers " + std::to_string(response.status);
  if (!document.code.empty()) detail += " " + document.code;
  if (!document.message.empty()) detail += ": " + document.message;
  const bool elsewhere = response.status == 301 || response.status == 307 ||
                         document.code == "AuthorizationHeaderMalformed" ||
                         document.code == "IllegalLocationConstraintException";
  if (elsewhere && !document.region.empty()) {
    detail += " (the store says that the bucket is in region '" + document.region +
              "': set aws.region to that)";
  }
  const StoreErrc code = meaning_of(response.status, document.code);
  return {make_error_code(code), phrase_of(code), std::move(detail)};
}

Result<ListReply> parse_list_reply(std::string_view xml) {
  pugi::xml_document document;
  if (!load(document, xml)) return damaged("a listing that is no XML");
  const pugi::xml_node root = document.child("ListBucketResult");
  if (!root) return damaged("a listing that is none");
  const bool encoded = std::string_view(root.child_value("EncodingType")) == "url";
  ListReply reply;
  for (const pugi::xml_node& contents : root.children("Contents")) {
    TRY(std::string key, decode_key(contents.child_value("Key"), encoded));
    const auto size = parse_decimal(contents.child_value("Size"));
    if (key.empty() || !size) return damaged("a listing with an entry that lacks key or size");
    reply.objects.push_back({std::move(key), *size});
  }
  reply.truncated = std::string_view(root.child_value("IsTruncated")) == "true";
  reply.continuation = root.child_value("NextContinuationToken");
  return reply;
}

Result<Versioning> parse_versioning_reply(std::string_view xml) {
  pugi::xml_document document;
  if (!load(document, xml)) return damaged("a versioning answer that is no XML");
  const pugi::xml_node root = document.child("VersioningConfiguration");
  if (!root) return damaged("a versioning answer that is none");
  const std::string_view status = root.child_value("Status");
  if (status == "Enabled") return Versioning::kEnabled;
  if (status == "Suspended") return Versioning::kSuspended;
  return Versioning::kNever;
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stopped != end) return std::nullopt;
  return value;
}

std::optional<ContentRange> parse_content_range(std::string_view text) {
  if (!text.starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(6);
  const std::size_t dash = text.find('-');
  const std::size_t slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) {
    return std::nullopt;
  }
  const auto first = parse_decimal(text.substr(0, dash));
  const auto last = parse_decimal(text.substr(dash + 1, slash - dash - 1));
  const auto size = parse_decimal(text.substr(slash + 1));
  if (!first || !last || !size || *last < *first || *last >= *size) return std::nullopt;
  return ContentRange{*first, *last, *size};
}

std::string bare_etag(std::string_view text) {
  if (text.starts_with("W/")) text.remove_prefix(2);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text.remove_prefix(1);
    text.remove_suffix(1);
  }
  return std::string(text);
}

}  // namespace cairn::object_store::s3
