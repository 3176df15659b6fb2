#include "fsd/format/term_list.h"

#include "fsd/base/check.h"
#include "fsd/format/decode_util.h"
#include "fsd/format/keys.h"

namespace cairn::format {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr char kDamaged[] = "the list of terms is damaged";

}  // namespace

std::string term_list_key() { return counter_key("terms"); }

std::string encode(const std::vector<Term>& terms) {
  CHECK(terms.size() <= kTermsMax);
  wire::Encoder out;
  out.u8(kVersion).varint(terms.size());
  std::uint64_t before = 0;
  for (const Term& term : terms) {
    CHECK(term.epoch.value() > before);
    out.varint(term.epoch.value() - before).varint(term.log_end.value());
    before = term.epoch.value();
  }
  return std::move(out).take();
}

Result<std::vector<Term>> decode_term_list(std::string_view bytes) {
  wire::Decoder in(bytes);
  TRY_OK(get_version(in, kVersion, kDamaged,
                     "the list of terms was written by a newer version of Cairn"));
  std::vector<Term> terms(get_varint(in, kTermsMax));
  std::uint64_t before = 0;
  for (Term& term : terms) {
    const std::uint64_t step = get_varint(in, UINT64_MAX - before);
    if (step == 0) in.fail();
    before += step;
    term = {.epoch = Epoch(before), .log_end = Seq(in.varint())};
  }
  if (!in.finished()) return damaged(kDamaged);
  return terms;
}

}  // namespace cairn::format
