// What is read out of headers and targets, whatever they are: nothing leads out of a directory or a
// file, and what is an authority is the same one again when it is written.

#include <limits>
#include <string>

#include "fsd/base/bytes.h"
#include "fsd/base/check.h"
#include "fsd/frontends/web/authority.h"
#include "fsd/frontends/web/header_values.h"

namespace {

using namespace cairn;
using namespace cairn::web;

bool is_within(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_range(std::string_view value, std::uint64_t size) {
  const WantedRange wanted = wanted_range(value, size);
  if (wanted.kind != RangeKind::kPart) return;
  CHECK(wanted.part.bytes > 0);
  CHECK(wanted.part.offset < size);
  CHECK(wanted.part.bytes <= size - wanted.part.offset);
}

void check_path(std::string_view target) {
  const auto path = path_of(target);
  if (!path) return;
  CHECK(path->starts_with('/'));
  CHECK(path->find('\0') == path->npos);
  CHECK(path->find("//") == path->npos);
  const std::string whole = *path + '/';
  CHECK(whole.find("/../") == whole.npos);
  CHECK(whole.find("/./") == whole.npos);
}

void check_authority(std::string_view text) {
  const auto authority = parse_authority(text);
  if (authority) {
    std::string again = authority->host;
    if (authority->port) again += ':' + std::to_string(*authority->port);
    CHECK(parse_authority(again) == authority);
    CHECK(again.find_first_of("/@, ") == again.npos);
  }
  const auto origin = parse_origin(text);
  if (origin) CHECK(origin->authority.port.has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view value = as_string(ByteView(data, size));
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1000},
                                    std::numeric_limits<std::uint64_t>::max()}) {
    check_range(value, bytes);
  }
  check_path(value);
  check_authority(value);
  for (const std::string_view item : list_items(value)) {
    CHECK(!item.empty() && item.find(',') == item.npos && is_within(item, value));
    CHECK(has_token(value, item));
  }
  CHECK(is_within(cookie_value(value, "cairn"), value));
  CHECK(is_within(bearer_of(value), value));
  if (accepts_encoding(value, "br")) CHECK(lower_case(value).find("br") != std::string::npos);
  if (matches_etag(value, "\"a\"")) CHECK(value.find_first_of("\"*") != value.npos);
  return 0;
}
