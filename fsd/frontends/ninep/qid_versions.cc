#include "fsd/frontends/ninep/qid_versions.h"

#include "fsd/base/check.h"

namespace cairn::p9 {

void QidVersions::add(Ino ino, std::uint64_t client, std::uint64_t change) {
  Known& known = known_[ino];
  if (known.fids++ == 0) {
    known.version = static_cast<std::uint32_t>(change);
    known.client = client;
  } else if (known.client != client) {
    known.shared = true;
  }
}

void QidVersions::drop(Ino ino) {
  const auto found = known_.find(ino);
  CHECK(found != known_.end());
  if (--found->second.fids == 0) known_.erase(found);
}

std::uint32_t QidVersions::version(Ino ino, std::uint64_t change) const {
  const auto found = known_.find(ino);
  return found == known_.end() ? static_cast<std::uint32_t>(change) : found->second.version;
}

void QidVersions::on_changed(Ino ino, std::uint64_t origin) {
  const auto found = known_.find(ino);
  if (found == known_.end()) return;
  Known& known = found->second;
  if (known.shared || known.client != origin) ++known.version;
}

}  // namespace cairn::p9
