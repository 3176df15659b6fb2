#include "fsd/vfs/sessions.h"

#include "fsd/base/log.h"
#include "fsd/format/keys.h"

namespace cairn::vfs {

Sessions::Sessions(engine::Volume& volume) : volume_(volume) { volume_.set_observer(this); }
Sessions::~Sessions() { volume_.set_observer(nullptr); }

Result<void> Sessions::load() {
  TRY(const auto found, volume_.find(format::term_list_key()));
  if (!found) return {};
  auto terms = format::decode_term_list(*found);
  if (!terms) return terms.error();
  terms_ = std::move(*terms);
  return {};
}

void Sessions::begin_term() {
  const engine::Volume::Term term = volume_.term();
  // A volume that was restored from elsewhere may know of terms that never were.
  std::erase_if(terms_, [&term](const format::Term& old) { return old.epoch >= term.epoch; });
  if (terms_.size() == format::kTermsMax) terms_.erase(terms_.begin());
  terms_.push_back({.epoch = term.epoch, .log_end = term.log_end});
  volume_.put(format::term_list_key(), format::encode(terms_));
}

Result<std::vector<format::SessionRecord>> Sessions::records() {
  std::vector<format::SessionRecord> records;
  const std::string first(1, static_cast<char>(format::KeyKind::kSession));
  const std::string end(1, static_cast<char>(format::KeyKind::kSession) + 1);
  const auto take = [&records](std::string_view key, std::string_view value) {
    format::Uuid id{};
    if (key.size() != 1 + id.size()) return true;
    std::memcpy(id.data(), key.data() + 1, id.size());
    auto record = format::decode_session_record(id, value);
    if (record) {
      records.push_back(std::move(*record));
    } else {
      log::warn("a client's session cannot go on: {}", record.error().message());
    }
    return true;
  };
  TRY_OK(volume_.scan(first, end, take));
  return records;
}

void Sessions::put(const format::SessionRecord& record) {
  volume_.put(format::session_key(record.id), format::encode(record));
}

void Sessions::erase(const format::Uuid& id) { volume_.erase(format::session_key(id)); }

void Sessions::before_seal() {
  if (user_ != nullptr) user_->before_seal();
}

void Sessions::on_durable() {
  if (user_ != nullptr) user_->on_durable();
}

}  // namespace cairn::vfs
