#include "fsd/object_store/content_etag.h"

#include <xxhash.h>

#include "fsd/base/check.h"
#include "fsd/base/hex.h"

namespace cairn::object_store {
namespace {

std::string to_text(XXH128_hash_t hash) {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  return to_hex(ByteView(bytes.digest));
}

}  // namespace

std::string content_etag(ByteView content) {
  return to_text(XXH3_128bits(content.data(), content.size()));
}

struct ContentEtag::State {
  XXH3_state_t* xxh = XXH3_createState();
  State() { CHECK(xxh != nullptr && XXH3_128bits_reset(xxh) == XXH_OK); }
  ~State() { XXH3_freeState(xxh); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

ContentEtag::ContentEtag() : state_(std::make_unique<State>()) {}
ContentEtag::~ContentEtag() = default;

void ContentEtag::add(ByteView piece) {
  CHECK(XXH3_128bits_update(state_->xxh, piece.data(), piece.size()) == XXH_OK);
}
std::string ContentEtag::finish() const { return to_text(XXH3_128bits_digest(state_->xxh)); }

}  // namespace cairn::object_store
